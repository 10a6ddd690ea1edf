/** Writes pickles as `torch.save` does, for tests and benches. */

/** Raw opcodes inside a value. */
export class Code {
  constructor(readonly bytes: Buffer) {}
}

export function code(...parts: (string | number | Buffer)[]): Code {
  const bytes = (part: string | number | Buffer) => {
    if (typeof part === 'number') return Buffer.from([part]);
    return typeof part === 'string' ? Buffer.from(part, 'latin1') : part;
  };
  return new Code(Buffer.concat(parts.map(bytes)));
}

/** Pickle protocol 2 of null, booleans, numbers, bigints, strings, arrays (tuples), Maps (dicts) and Code. */
export function pickle(value: unknown): Buffer {
  return Buffer.concat([Buffer.from([0x80, 2]), encode(value), Buffer.from('.')]);
}

function encode(value: unknown): Buffer {
  if (value instanceof Code) return value.bytes;
  if (value === null) return Buffer.from('N');
  if (typeof value === 'boolean') return Buffer.from([value ? 0x88 : 0x89]);
  if (typeof value === 'string')
    return Buffer.concat([Buffer.from('X'), u32(Buffer.byteLength(value)), Buffer.from(value)]);
  if (typeof value === 'number' || typeof value === 'bigint') return integer(BigInt(value));
  if (Array.isArray(value)) return Buffer.concat([Buffer.from('('), ...value.map(encode), Buffer.from('t')]);
  if (value instanceof Map) {
    return Buffer.concat([Buffer.from('}('), ...[...value].flat().map(encode), Buffer.from('u')]);
  }
  throw new TypeError(`cannot pickle ${value}`);
}

function integer(value: bigint): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeBigInt64LE(BigInt.asIntN(64, value));
  bytes.writeInt32LE(Number(BigInt.asIntN(32, value >> 64n)), 8);
  return Buffer.concat([Buffer.from([0x8a, bytes.length]), bytes]);
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export function global(module: string, name: string): Code {
  return code(`c${module}\n${name}\n`);
}

/** `callable(*args)`. */
export function call(callable: Code, args: readonly unknown[]): Code {
  return new Code(Buffer.concat([callable.bytes, encode(args), Buffer.from('R')]));
}

export interface TensorSpec {
  readonly key?: string;
  readonly storage?: string;
  readonly count?: unknown;
  readonly offset?: unknown;
  readonly shape?: readonly unknown[];
  readonly strides?: readonly unknown[];
  /** Last member of the legacy persistent id. */
  readonly part?: unknown;
}

/** A tensor of `torch.save`; by default two floats in storage 0. */
export function tensor(spec: TensorSpec = {}): Code {
  const { key = '0', storage = 'FloatStorage', count = 2, offset = 0, shape = [2], strides = [1], part } = spec;
  const id = ['storage', global('torch', storage), key, 'cpu', count, ...(part === undefined ? [] : [part])];
  const reference = new Code(Buffer.concat([encode(id), Buffer.from('Q')]));
  const hooks = call(global('collections', 'OrderedDict'), []);
  return call(global('torch._utils', '_rebuild_tensor_v2'), [reference, offset, shape, strides, false, hooks]);
}

export function dict(entries: Record<string, unknown>): Map<string, unknown> {
  return new Map(Object.entries(entries));
}
