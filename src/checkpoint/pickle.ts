import { isUtf8 } from 'node:buffer';
import { Global, Opaque } from './pickleValues';

/** The two places where a pickle may mean something beyond plain data. */
export interface PickleHooks {
  /** Value of a persistent id: torch writes its storages so. */
  persistent(id: unknown): unknown;
  /** Value of `callable(*args)` for the few callables that are known data constructors; undefined for all others. */
  construct(callable: Global, args: readonly unknown[]): unknown;
}

/** The bytes end before the pickle does. */
export class TruncatedPickle extends Error {}

/** Far above what a checkpoint of 10 GB needs, far below what would hurt. */
export const LIMITS = {
  opcodes: 20_000_000,
  stack: 2_000_000,
  marks: 1000,
  memo: 2_000_000,
  /** Values in lists that calls are given, of all calls together: one list of the memo may be copied by many. */
  given: 2_000_000,
  stringBytes: 16_000_000,
  integerBytes: 256,
} as const;

/**
 * Interprets one pickle (protocol 2 to 5, as torch.save writes them) and tells where it ends. Python values become:
 * dict -> Map, list and tuple -> Array, set -> Set, int -> number or bigint, bytes -> Buffer, str -> string.
 * Nothing of the file is ever executed: a call becomes what `hooks.construct` returns, else an Opaque.
 * Throws TruncatedPickle or Error with the reason.
 * Source: the opcode table of Python's `pickletools`.
 */
export function readPickle(bytes: Buffer, begin: number, hooks: PickleHooks): { value: unknown; end: number } {
  const machine = new Machine(bytes, begin, hooks);
  for (let count = 0; count < LIMITS.opcodes; count++) {
    const opcode = machine.u8();
    if (opcode === STOP) return { value: machine.pop(), end: machine.at };
    const run = OPCODES.get(opcode);
    if (!run) {
      const shown = opcode > 32 && opcode < 127 ? `'${String.fromCharCode(opcode)}'` : `0x${opcode.toString(16)}`;
      throw new Error(`unknown pickle opcode ${shown} at byte ${machine.at - 1}`);
    }
    run(machine);
    if (machine.stack.length > LIMITS.stack) throw new Error('the pickle needs too deep a stack');
  }
  throw new Error(`the pickle has more than ${LIMITS.opcodes} opcodes`);
}

class Machine {
  readonly stack: unknown[] = [];
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, unknown>();
  private given = 0;

  constructor(
    private readonly bytes: Buffer,
    public at: number,
    readonly hooks: PickleHooks,
  ) {}

  take(length: number): Buffer {
    if (length > this.bytes.length - this.at) throw new TruncatedPickle('the pickle is cut off');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  u8(): number {
    return this.take(1)[0] as number;
  }

  u16(): number {
    return this.take(2).readUInt16LE();
  }

  i32(): number {
    return this.take(4).readInt32LE();
  }

  u32(): number {
    return this.take(4).readUInt32LE();
  }

  /** An 8-byte length. Too large a one fails in `blob`. */
  u64(): number {
    return Number(this.take(8).readBigUInt64LE());
  }

  blob(length: number): Buffer {
    if (length > LIMITS.stringBytes) throw new Error(`the pickle holds a string of ${length} bytes`);
    return this.take(length);
  }

  text(length: number): string {
    const bytes = this.blob(length);
    if (!isUtf8(bytes)) throw new Error('the pickle holds a string that is not UTF-8');
    return bytes.toString('utf8');
  }

  /** The rest of a line, as the opcodes of protocol 0 have it. */
  line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) throw new TruncatedPickle('the pickle is cut off');
    const line = this.text(end - this.at);
    this.at++;
    return line;
  }

  /** Little-endian two's complement of any length. */
  long(length: number): number | bigint {
    if (length > LIMITS.integerBytes) throw new Error(`the pickle holds an integer of ${length} bytes`);
    if (length === 0) return 0;
    const digits = Buffer.from(this.take(length)).reverse().toString('hex');
    const value = BigInt.asIntN(8 * length, BigInt(`0x${digits}`));
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  push(value: unknown): void {
    this.stack.push(value);
  }

  pop(): unknown {
    if (this.stack.length <= (this.marks.at(-1) ?? 0)) throw new Error('the pickle takes from an empty stack');
    return this.stack.pop();
  }

  top(): unknown {
    if (this.stack.length <= (this.marks.at(-1) ?? 0)) throw new Error('the pickle looks at an empty stack');
    return this.stack.at(-1);
  }

  mark(): void {
    if (this.marks.length >= LIMITS.marks) throw new Error(`the pickle is nested deeper than ${LIMITS.marks}`);
    this.marks.push(this.stack.length);
  }

  popMark(): unknown[] {
    const mark = this.marks.pop();
    if (mark === undefined) throw new Error('the pickle has no mark where it needs one');
    return this.stack.splice(mark);
  }

  /** Takes the last `count` values as a tuple. */
  tuple(count: number): void {
    const values: unknown[] = [];
    for (let i = 0; i < count; i++) values.unshift(this.pop());
    this.push(values);
  }

  remember(index: number): void {
    if (this.memo.size >= LIMITS.memo) throw new Error('the pickle remembers too many values');
    this.memo.set(index, this.top());
  }

  rememberNext(): void {
    this.remember(this.memo.size);
  }

  recall(index: number): void {
    if (!this.memo.has(index)) throw new Error(`the pickle refers to value ${index}, which it never stored`);
    this.push(this.memo.get(index));
  }

  /** `callable(*args)` or `cls.__new__(cls, *args)`: data if the hooks know it, opaque otherwise. */
  call(callable: unknown, args: unknown): void {
    for (const arg of Array.isArray(args) ? args.slice(0, 1) : []) this.given += Array.isArray(arg) ? arg.length : 0;
    if (this.given > LIMITS.given) throw new Error('the pickle hands too many values to functions');
    const known = callable instanceof Global && Array.isArray(args) ? this.hooks.construct(callable, args) : undefined;
    this.push(known === undefined ? new Opaque(callable, args) : known);
  }

  extend(values: readonly unknown[]): void {
    const list = this.top();
    if (Array.isArray(list)) for (const value of values) list.push(value);
    else if (list instanceof Set) for (const value of values) list.add(value);
    else if (!(list instanceof Opaque)) throw new Error('the pickle appends to something that is no list');
  }

  setItems(values: readonly unknown[]): void {
    const dict = this.top();
    if (values.length % 2 !== 0) throw new Error('the pickle has a key without a value');
    if (dict instanceof Map) for (let i = 0; i < values.length; i += 2) dict.set(values[i], values[i + 1]);
    else if (!(dict instanceof Opaque)) throw new Error('the pickle sets an item of something that is no dict');
  }

  stackGlobal(): void {
    const [name, module] = [this.pop(), this.pop()];
    if (typeof name !== 'string' || typeof module !== 'string')
      throw new Error('the pickle names a class by no string');
    this.push(new Global(module, name));
  }
}

function decimal(text: string): number | bigint | boolean {
  if (text === '00' || text === '01') return text === '01';
  const digits = text.endsWith('L') ? text.slice(0, -1) : text;
  if (!/^-?\d{1,600}$/.test(digits)) throw new Error('the pickle holds an integer that is none');
  return Number.isSafeInteger(Number(digits)) ? Number(digits) : BigInt(digits);
}

const STOP = '.'.charCodeAt(0);

/** Opcode -> what it does. Named by its character up to protocol 1, by its number from protocol 2 on. */
const OPCODES: ReadonlyMap<number, (m: Machine) => void> = new Map(
  (
    [
      // Framing
      [0x80, (m) => m.take(1)], // PROTO
      [0x95, (m) => m.take(8)], // FRAME
      // Constants and numbers
      ['N', (m) => m.push(null)],
      [0x88, (m) => m.push(true)], // NEWTRUE
      [0x89, (m) => m.push(false)], // NEWFALSE
      ['I', (m) => m.push(decimal(m.line()))],
      ['L', (m) => m.push(decimal(m.line()))],
      ['F', (m) => m.push(Number(m.line()))],
      ['J', (m) => m.push(m.i32())],
      ['K', (m) => m.push(m.u8())],
      ['M', (m) => m.push(m.u16())],
      ['G', (m) => m.push(m.take(8).readDoubleBE())],
      [0x8a, (m) => m.push(m.long(m.u8()))], // LONG1
      [0x8b, (m) => m.push(m.long(m.u32()))], // LONG4
      // Strings and bytes; T and U are Python 2's str
      ['T', (m) => m.push(m.blob(m.u32()).toString('latin1'))],
      ['U', (m) => m.push(m.blob(m.u8()).toString('latin1'))],
      ['X', (m) => m.push(m.text(m.u32()))],
      [0x8c, (m) => m.push(m.text(m.u8()))], // SHORT_BINUNICODE
      [0x8d, (m) => m.push(m.text(m.u64()))], // BINUNICODE8
      ['B', (m) => m.push(m.blob(m.u32()))],
      ['C', (m) => m.push(m.blob(m.u8()))],
      [0x8e, (m) => m.push(m.blob(m.u64()))], // BINBYTES8
      [0x96, (m) => m.push(m.blob(m.u64()))], // BYTEARRAY8
      // Containers
      [')', (m) => m.push([])],
      [']', (m) => m.push([])],
      ['}', (m) => m.push(new Map())],
      [0x8f, (m) => m.push(new Set())], // EMPTY_SET
      ['t', (m) => m.push(m.popMark())],
      ['l', (m) => m.push(m.popMark())],
      [0x91, (m) => m.push(new Set(m.popMark()))], // FROZENSET
      [0x85, (m) => m.tuple(1)], // TUPLE1
      [0x86, (m) => m.tuple(2)], // TUPLE2
      [0x87, (m) => m.tuple(3)], // TUPLE3
      ['d', (m) => setAll(m, new Map(), m.popMark())],
      ['a', (m) => m.extend([m.pop()])],
      ['e', (m) => m.extend(m.popMark())],
      [0x90, (m) => m.extend(m.popMark())], // ADDITEMS
      ['s', (m) => m.setItems([m.pop(), m.pop()].reverse())],
      ['u', (m) => m.setItems(m.popMark())],
      // Stack and memo
      ['(', (m) => m.mark()],
      ['0', (m) => m.pop()],
      ['1', (m) => m.popMark()],
      ['2', (m) => m.push(m.top())],
      ['p', (m) => m.remember(Number(m.line()))],
      ['q', (m) => m.remember(m.u8())],
      ['r', (m) => m.remember(m.u32())],
      [0x94, (m) => m.rememberNext()], // MEMOIZE
      ['g', (m) => m.recall(Number(m.line()))],
      ['h', (m) => m.recall(m.u8())],
      ['j', (m) => m.recall(m.u32())],
      // Names, calls, persistent ids; the state that BUILD would give an object is dropped
      ['c', (m) => m.push(new Global(m.line(), m.line()))],
      [0x93, (m) => m.stackGlobal()], // STACK_GLOBAL
      ['R', (m) => callWith(m, m.pop())],
      [0x81, (m) => callWith(m, m.pop())], // NEWOBJ
      [0x92, (m) => callWith(m, [m.pop(), m.pop()][1])], // NEWOBJ_EX: keyword arguments are dropped
      ['b', (m) => void m.pop()],
      ['Q', (m) => m.push(m.hooks.persistent(m.pop()))],
    ] as [number | string, (m: Machine) => void][]
  ).map(([code, run]) => [typeof code === 'string' ? code.charCodeAt(0) : code, run]),
);

function callWith(m: Machine, args: unknown): void {
  m.call(m.pop(), args);
}

function setAll(m: Machine, dict: Map<unknown, unknown>, values: readonly unknown[]): void {
  m.push(dict);
  m.setItems(values);
}
