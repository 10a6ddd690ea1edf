// Loops that several threads share (native/core/split_work.h).
import { describe, expect, it, test } from 'vitest';
import { loadBinding } from '../../src/native/loadBinding';
import { Faults, isBuilt } from '../faults/hook';

const { primitives } = loadBinding();
const once = (count: number) => new Int32Array(count).fill(1);

test.each([
  [0, 1, 4],
  [1, 1, 4],
  [3, 1, 8],
  [1000, 1, 7],
  [1000, 400, 7],
  [1000, 0, 3],
])('%i indices, parts of at least %i, %i threads: each is in one part', (count, least, threads) => {
  expect(primitives.splitWork(count, least, threads, -1)).toEqual(once(count));
});

test.each([0, 499, 999])('what the part with index %i throws is thrown', (failing) => {
  expect(() => primitives.splitWork(1000, 1, 4, failing)).toThrow(`part of ${failing}`);
});

describe.skipIf(!isBuilt)('a thread that cannot be started', () => {
  it.each([1, 2, 3])('number %i: this one does its work and that of those behind it', async (first) => {
    const faults = new Faults();
    const { splitWork } = faults.binding.primitives;
    const { value, error, calls } = await faults.during('thread', first, 'rest', async () => splitWork(1000, 1, 4, -1));
    expect(error).toBeUndefined();
    expect(value).toEqual(once(1000));
    expect(calls).toBe(first); // nobody asks again
  });
});
