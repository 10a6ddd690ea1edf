// `rng: 'cuda'`: what torch's CUDA generator draws. Sources are in docs/decisions/0024-device-imaging.md.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { NativeModel, NativeTensor } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import { brownianIncrements } from '../golden-runner/brownianTree';
import { goldenSpec, jobOf } from '../lifecycle/model';

const { primitives, createModel } = loadBinding();

/** Multiprocessors, and threads of one. */
const CARDS = { A100: [108, 2048], H100: [132, 2048], A6000: [84, 1536], A4000: [48, 1536] } as const;
type Card = keyof typeof CARDS;

let model: NativeModel;
beforeAll(async () => {
  model = await createModel(await goldenSpec({ stage: 2 }), () => {}).promise;
});
afterAll(() => model.dispose());

test.each([
  ['00000000 00000000 00000000 00000000', 0n, '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
  ['ffffffff ffffffff ffffffff ffffffff', 2n ** 64n - 1n, '408f276d 41c83b0e a20bc7c6 6d5451fd'],
  ['243f6a88 85a308d3 13198a2e 03707344', 0x299f31d0a4093822n, 'd16cfe09 94fdcceb 5001e420 24126ea1'],
])('the known answer of Random123 to %s', (counter, key, want) => {
  const words = counter.split(' ').map((word) => Number.parseInt(word, 16));
  const got = primitives.philox(Int32Array.from(words), key);
  expect([...got].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join(' ')).toBe(want);
});

const LONG = 49 * 12 * 112 * 144;
test.each<[Card, bigint, number, Record<number, number[]>]>([
  ['H100', 0n, 12, { 0: [-0.9247, -0.4253, -2.6438, 0.1452, -0.1209, -0.5797, -0.6229, -0.3284, -1.0745, -0.3631] }],
  // Every thread draws eleven times, and more threads are there than one of these cards has.
  ['A100', 1n, LONG, { 0: [-0.2963, 2.6764, -0.1408], [LONG - 3]: [0.1549, -0.6797, -0.1656] }],
  ['H100', 1n, LONG, { 0: [-0.2963, 2.6764, -0.1408], [LONG - 3]: [-0.697, -0.778, 0.3267] }],
  ['A6000', 43n, 49_152, { 0: [1.9983], 16384: [0.8704], 32768: [2.1127] }],
  ['A100', 42n, 131_072, { 0: [0.194, 2.1614, -0.1721], 2048: [-0.4574, 0.8063, 0.158], 4096: [1.1346, -0.6329] }],
])('what torch printed on an %s for seed %i, %i numbers', (card, seed, count, printed) => {
  const [got] = draws(card, seed, count) as [Float32Array];
  for (const [begin, want] of Object.entries(printed)) {
    want.forEach((value, i) => {
      expect(Math.abs((got[Number(begin) + i] as number) - value)).toBeLessThan(0.5e-4 + 1e-6);
    });
  }
});

test('the last row of 1000 x 100 numbers of mean 5 and variance 5 that torch printed on an A4000', () => {
  const [got] = draws('A4000', 14n, 100_000) as [Float32Array];
  const row = [2.7337, 2.2106, 7.7815, 8.2207, 6.5395, 4.2604];
  [99_900, 99_901, 99_902, 99_997, 99_998, 99_999].forEach((at, i) => {
    const value = 5 + Math.sqrt(5) * (got[at] as number);
    expect(Math.abs(value - (row[i] as number))).toBeLessThan(0.5e-4 + 1e-6);
  });
});

test('each number of each draw is of its counter', () => {
  const threads = 2 * 1536;
  const counts = [5, 3000, threads * 9 + 17, 40];
  const got = primitives.cudaDraws(99n, Int32Array.from(counts), 2, 1536);
  let first = 0; // counter of the draw: how often a thread has drawn before
  counts.forEach((count, k) => {
    const own = Math.min(threads, 256 * Math.ceil(count / 256));
    expect(got[k]?.length).toBe(count);
    for (let i = 0; i < count; i += count > 4000 ? 101 : 1) {
      const lane = Math.floor(i / own) % 4;
      const counter = [first + Math.floor(i / (4 * own)), 0, i % own, 0];
      const words = [...primitives.philox(Int32Array.from(counter), 99n)].map((word) => word >>> 0);
      const [u, v] = words.slice(lane & 2).map((word) => (word + 0.5) / 2 ** 32) as [number, number];
      const want = Math.sqrt(-2 * Math.log(u)) * (lane % 2 === 0 ? Math.sin : Math.cos)(2 * Math.PI * v);
      expect(Math.abs((got[k]?.[i] as number) - want)).toBeLessThan(2e-6);
    }
    first += Math.ceil(count / (4 * own));
  });
});

test('nothing drawn moves nothing', () => {
  const [empty, one] = draws('H100', 5n, 0, 4);
  expect(empty).toHaveLength(0);
  expect(one).toEqual(draws('H100', 5n, 4)[0]);
});

test('a Brownian motion has its numbers from the card and its entropy from the CPU generator', () => {
  const [a, b, c] = [14.6, 3.2, 0.03].map(Math.fround) as [number, number, number];
  const [shape, range] = [[1, 4, 3, 5], { kind: 'randint', count: 1, low: 0n, high: 2n ** 63n - 1n }] as const;
  const [entropy] = primitives.torchDraws(231n, [range])[0] as BigInt64Array;
  const card = { torchDraws: (seed: bigint) => draws('H100', seed, 60) } as unknown as typeof primitives;
  const levels = [
    [a, b],
    [b, c],
  ] as const;
  const want = brownianIncrements(card, { entropy: entropy as bigint, shape, start: c, end: a }, levels);
  const got = primitives.brownianIncrements(231n, shape, c, a, Float32Array.from(levels.flat()), 'cuda');
  got.forEach((increment, k) => {
    expect(increment.shape).toEqual(shape);
    increment.data.forEach((value, i) => {
      expect(Math.abs(value - (want[k]?.data[i] as number))).toBeLessThan(1e-5);
    });
  });
});

test('a restoration takes its noise from there', async () => {
  const job = { ...jobOf({ stage: 2 }), sampler: 'spaced', steps: 2 };
  const own = await model.restore({ ...job, rng: 'cuda', trace: true }, () => {}).promise;
  const { shape, data } = own.trace.c_img as NativeTensor;
  const noise = draws('H100', job.seed, ...Array(3).fill(data.length)).map((numbers) => ({ shape, data: numbers }));
  const recorded = await model.restore({ ...job, noise }, () => {}).promise;
  expect(recorded.image.data).toEqual(own.image.data);
});

function draws(card: Card, seed: bigint, ...counts: number[]): Float32Array[] {
  const [multiprocessors, threads] = CARDS[card];
  return primitives.cudaDraws(seed, Int32Array.from(counts), multiprocessors, threads);
}
