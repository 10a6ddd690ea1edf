import type { NativeTensor } from '../../src/native/binding';
import type { Primitives } from '../../src/native/primitives';

/**
 * Brownian increments for an entropy that is known (behaviour.md C.3). Native code has the same tree behind a seed of
 * its own; the reference's command line draws the entropy from a generator that has given away millions of numbers.
 */
export function brownianIncrements(
  primitives: Primitives,
  { entropy, shape, start, end }: { entropy: bigint; shape: readonly number[]; start: number; end: number },
  levels: readonly (readonly [number, number])[],
): NativeTensor[] {
  const normals = (key: readonly bigint[]) =>
    primitives.torchDraws(BigInt(seedWord(entropy, key)), [{ kind: 'randn', shape }])[0] as Float32Array;
  const [first, last] = [rounded(start), rounded(end)];
  const known = new Map<number, Float32Array>();
  const at = (level: number) => {
    const time = Math.min(Math.max(rounded(level), first), last);
    const value = known.get(time) ?? descend(time, first, last, normals);
    known.set(time, value);
    return value;
  };
  return levels.map(([from, to]) => {
    const [before, after, scale] = [at(from), at(to), Math.fround(Math.sqrt(Math.abs(to - from)))];
    return { shape, data: after.map((value, i) => Math.fround(value - (before[i] as number)) / scale) };
  });
}

/** W(time) by bisection: at each midpoint the interval's increment is split by a draw of the bridge. */
function descend(time: number, first: number, last: number, normals: (key: readonly bigint[]) => Float32Array) {
  let inside = normals([]);
  const passed = new Float32Array(inside.length);
  if (time === first) return passed;
  const deviation = Math.fround(Math.sqrt(last - first));
  inside = inside.map((value) => value * deviation);
  let [start, end, key] = [first, last, 0n];
  for (let depth = 0n; time < end; depth++) {
    const middle = rounded(0.5 * (start + end));
    const share = Math.fround((middle - start) / (end - start));
    const spread = Math.fround(Math.sqrt(((middle - start) * (end - middle)) / (end - start)));
    const whole = inside;
    const left = normals([key, depth]).map(
      (value, i) => Math.fround(share * (whole[i] as number)) + Math.fround(spread * value),
    );
    if (time < middle) {
      [inside, end, key] = [left, middle, 2n * key];
      continue;
    }
    for (let i = 0; i < left.length; i++) passed[i] = (passed[i] as number) + (left[i] as number);
    if (time === middle) return passed;
    [inside, start, key] = [whole.map((value, i) => value - (left[i] as number)), middle, 2n * key + 1n];
  }
  return passed.map((value, i) => value + (inside[i] as number));
}

/** To 6 decimals, as Python's round. */
function rounded(time: number): number {
  return Number(time.toFixed(6));
}

const POOL = 24;

/** The first word of numpy's SeedSequence(entropy, spawn_key, pool_size=24). */
function seedWord(entropy: bigint, key: readonly bigint[]): number {
  const words = wordsOf(entropy);
  while (words.length < POOL) words.push(0);
  for (const number of key) words.push(...wordsOf(number));
  const hash = hasher(0x43b0d7e5, 0x931e8875);
  const pool = words.slice(0, POOL).map(hash);
  for (let from = 0; from < POOL; from++) {
    for (let to = 0; to < POOL; to++) {
      if (from !== to) pool[to] = mix(pool[to] as number, hash(pool[from] as number));
    }
  }
  for (const word of words.slice(POOL)) {
    for (let to = 0; to < POOL; to++) pool[to] = mix(pool[to] as number, hash(word));
  }
  return hasher(0x8b51f9dd, 0x58f38ded)(pool[0] as number);
}

function wordsOf(number: bigint): number[] {
  const words = [];
  for (let rest = number; rest > 0n || words.length === 0; rest >>= 32n) words.push(Number(rest & 0xffffffffn));
  return words;
}

function hasher(init: number, multiplier: number): (word: number) => number {
  let state = init;
  return (word) => {
    const mixed = word ^ state;
    state = Math.imul(state, multiplier);
    const product = Math.imul(mixed, state);
    return (product ^ (product >>> 16)) >>> 0;
  };
}

function mix(x: number, y: number): number {
  const mixed = (Math.imul(0xca01f9dd, x) - Math.imul(0x4973f715, y)) | 0;
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
