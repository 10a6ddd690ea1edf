import type { DType } from '../../src/native/binding';
import type { TensorPlan } from './layout';

/** What the numbers of a file are stored as. */
export type StoredAs = Extract<DType, 'float32' | 'float16' | 'int64'>;

const CHUNK = 1 << 21; // numbers
const SQRT3 = Math.sqrt(3);

/**
 * The numbers of one tensor as they lie in a file, piece by piece in one buffer that is used again. They are uniform,
 * drawn with xorshift32 (Marsaglia 2003) from a state of their own, so that a tensor depends on its name and the seed
 * alone. Not for statistics: only a network's activations should keep a sane size.
 */
export function* numbersOf(plan: TensorPlan, storedAs: StoredAs, seed: number): Generator<Uint8Array> {
  const count = plan.shape.reduce((product, size) => product * size, 1);
  const floats = new Float32Array(Math.min(count, CHUNK));
  const stored = storedAs === 'float32' ? floats : new STORED[storedAs](floats.length);
  const scale = (plan.spread * SQRT3) / 2 ** 31;
  let state = stateOf(plan.name, seed);
  for (let begin = 0; begin < count; begin += CHUNK) {
    const length = Math.min(CHUNK, count - begin);
    for (let i = 0; i < length; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      floats[i] = plan.mean + state * scale;
    }
    for (const [index, value] of plan.exact) {
      if (index >= begin && index < begin + length) floats[index - begin] = value;
    }
    if (stored instanceof Uint16Array) toHalf(floats, stored, length);
    else if (stored instanceof BigInt64Array) for (let i = 0; i < length; i++) stored[i] = BigInt(floats[i] as number);
    yield new Uint8Array(stored.buffer, 0, length * stored.BYTES_PER_ELEMENT);
  }
}

const STORED = { float16: Uint16Array, int64: BigInt64Array } as const;

/** FNV-1a of the name, never 0, where xorshift would stay. */
function stateOf(name: string, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash || 1;
}

/** Rounded to nearest; below the smallest normal number 0. Larger ones than a half can hold are not drawn. */
function toHalf(floats: Float32Array, halves: Uint16Array, length: number): void {
  const bits = new Uint32Array(floats.buffer, 0, length);
  for (let i = 0; i < length; i++) {
    const rounded = (bits[i] as number) + 0x1000;
    const magnitude = (rounded & 0x7fffffff) - (112 << 23); // the exponent's bias is 127, a half's 15
    halves[i] = magnitude < 1 << 23 ? 0 : ((rounded >>> 16) & 0x8000) | (magnitude >>> 13);
  }
}
