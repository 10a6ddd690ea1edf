import { INTERESTING } from './mutate';

/** Bytes that are used up one by one to decide what to make; zeros when they are over. */
export class Script {
  private at = 0;

  constructor(private readonly bytes: Buffer) {}

  byte(): number {
    return this.bytes[this.at++] ?? 0;
  }

  pick<T>(list: readonly T[]): T {
    return list[(this.byte() * 256 + this.byte()) % list.length] as T;
  }

  /** The bytes that follow. */
  rest(length: number): Buffer {
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}

/** A value that a caller's mistake, or somebody's JSON or code, could bring to a door that takes any. */
export function hostileValue(script: Script, depth = 0): unknown {
  const makers = depth < 3 ? [...SIMPLE, ...NESTED] : SIMPLE;
  return script.pick(makers)(script, depth);
}

type Maker = (script: Script, depth: number) => unknown;

const fail = (): never => {
  throw new Error('thrown by the value itself');
};

const SIMPLE: readonly Maker[] = [
  () => undefined,
  () => null,
  (script) => script.byte() > 127,
  (script) => script.byte(),
  (script) =>
    script.pick([Number.NaN, Number.POSITIVE_INFINITY, -0, 1e-320, 0.1, -1, 1e9, 2 ** 53, 2 ** 53 + 2, 1e308]),
  (script) => Number(script.pick(INTERESTING)) * (script.byte() > 127 ? -1 : 1),
  (script) => script.pick(INTERESTING) * (script.byte() > 127 ? -1n : 1n),
  () => 2n ** 300_000n,
  (script) => script.rest(script.byte()).toString('latin1'),
  (script) => script.rest(script.byte()).toString('utf16le'),
  (script) => 'x'.repeat(script.pick([1, 999, 1001, 100_001, 1 << 23])),
  (script) => script.pick(['', '0', 'a\0b', '\ud800', '__proto__', 'constructor', 'v2.1', '🐈‍⬛', '\u202e', '../..']),
  () => Symbol('symbol'),
  () => () => 1,
  () => fail,
  () => new Date(Number.NaN),
  () => /x/,
  () => new Map([['steps', 1]]),
  (script) => new Uint8Array(script.pick([0, 1, 1 << 22])),
  () => new Float32Array([Number.NaN]),
  () => Buffer.alloc(1 << 22),
  () => new Array(2 ** 32 - 1),
  () => new AbortController().signal,
  () => JSON.parse('{"__proto__":{"steps":1}}'),
  () => Object.create({ scale: -1, data: 1, width: 1 }),
  () => Object.assign(Object.create(null), { scale: 1 }),
  // Small, and endless as text: 2^40 leaves.
  () => Array.from({ length: 40 }).reduce((inner) => [inner, inner], 1 as unknown),
  () => {
    const circle: Record<string, unknown> = {};
    circle.again = circle;
    return circle;
  },
  () => ({ toJSON: fail, toString: fail, valueOf: fail }),
  () => new Proxy({}, { get: fail, has: fail, ownKeys: fail, getPrototypeOf: fail, getOwnPropertyDescriptor: fail }),
  () => Object.defineProperty({}, 'scale', { get: fail, enumerable: true }),
];

const NESTED: readonly Maker[] = [
  (script, depth) => Array.from({ length: script.byte() % 4 }, () => hostileValue(script, depth + 1)),
  (script, depth) => hostileObject(script, ['loss', 'scale', 'start', 'cleaner', 'batch', 'shape', 'data'], depth + 1),
  (script, depth) => hostileObject(script, ['data', 'width', 'height', 'channels'], depth + 1),
];

/** Members of some of the names, and now and then of one that nobody knows; some of them getters. */
export function hostileObject(script: Script, names: readonly string[], depth = 0): object {
  const object: object = script.byte() > 250 ? Object.create(null) : {};
  for (let left = script.byte() % 6; left > 0; left--) {
    const name =
      script.byte() > 240 ? script.pick(['__proto__', 'step', 'toString', 'x'.repeat(1 << 16)]) : script.pick(names);
    const value = hostileValue(script, depth);
    const kind = script.byte();
    const get = kind > 250 ? fail : kind > 240 ? changing(value) : undefined;
    Object.defineProperty(object, name, {
      enumerable: true,
      configurable: true,
      ...(get ? { get } : { value, writable: true }),
    });
  }
  return object;
}

/** A getter whose value is another one whenever it is asked again. */
function changing(value: unknown): () => unknown {
  let asked = 0;
  return () => (asked++ === 0 ? value : -1e9);
}
