/** The kernels of 8-bit products, each set that this processor runs: products exact, the rest against plain C++. */
import { describe, expect, test } from 'vitest';
import type { Int8Kernels, Quantized } from '../../src/native/int8Kernels';
import { loadBinding } from '../../src/native/loadBinding';

const WIDTH = 64;
const DEPTH = 4;
const { primitives, int8Kernels } = loadBinding();
const portable = primitives.int8.portable as Int8Kernels;

test('the fastest set is the one that runs', () => {
  const sets = Object.keys(primitives.int8);
  expect(sets).toContain('portable');
  expect(['avx512', 'avx2', 'portable'].find((name) => sets.includes(name))).toBe(int8Kernels);
});

describe.each(Object.entries(primitives.int8))('%s', (_, kernels) => {
  test.each([1, 2, 3, 4, 5, 6])('sums of products of %i rows, whatever their bytes', (count) => {
    for (const group of [4, 36, 64, 320]) {
      // Neighbouring products of the largest bytes are what sums of 16 bits would not hold.
      for (const [byte, weight] of [
        [() => 255, () => 127],
        [() => 255, () => -127],
        [integers(0, 255), integers(-127, 127)],
      ] as const) {
        const rows = Uint8Array.from({ length: count * group }, byte);
        const weights = Int8Array.from({ length: group * WIDTH }, weight);
        const dot = (row: number, output: number) => {
          let sum = 0;
          for (let k = 0; k < group; k++) {
            const at = Math.floor(k / DEPTH) * DEPTH * WIDTH + output * DEPTH + (k % DEPTH);
            sum += (rows[row * group + k] as number) * (weights[at] as number);
          }
          return sum;
        };
        const expected = (value: (row: number, output: number) => number) =>
          Array.from({ length: count * WIDTH }, (_, i) => value(Math.floor(i / WIDTH), i % WIDTH));
        const multiply = (affines: ArrayLike<number>, scales: ArrayLike<number>, sums: ArrayLike<number>) =>
          kernels.multiply(
            rows,
            group,
            new Uint8Array(weights.buffer),
            ...([affines, scales, sums].map((values) => Float32Array.from(values)) as Three),
          );

        // Float32 holds these sums exactly.
        const [ones, zeros] = [Array(WIDTH).fill(1), Array(WIDTH).fill(0)];
        const plain = multiply(
          Array.from({ length: 2 * count }, (_, i) => 1 - (i % 2)),
          ones,
          zeros,
        );
        expect([...plain]).toEqual(expected((row, output) => 1 + dot(row, output)));

        const scale = (row: number) => (row + 1) / 8;
        const offset = (row: number) => -row / 4;
        const affines = Array.from({ length: 2 * count }, (_, i) => (i % 2 ? offset : scale)(Math.floor(i / 2)));
        const scales = Array.from(ones, (_, output) => (output + 1) / 64);
        const sums = Array.from(ones, (_, output) => output / 2);
        const scaled = multiply(affines, scales, sums);
        const wanted = expected(
          (row, output) =>
            1 + scale(row) * (scales[output] as number) * dot(row, output) + offset(row) * (sums[output] as number),
        );
        for (const [i, value] of wanted.entries()) expect(near(scaled[i] as number, value)).toBe(true);
      }
    }
  });

  const base = (values: Float32Array, has: boolean) =>
    has ? values.map((value, i) => value / 2 + i / 100) : undefined;

  test.each([false, true])('bytes of a row, relative to another: %s', (relative) => {
    for (const count of [0, 1, 7, 8, 9, 100, 320]) {
      const values = Float32Array.from({ length: count }, numbers());
      const group = Math.max(DEPTH, Math.ceil(count / DEPTH) * DEPTH);
      expectSame(
        kernels.quantizeRow(values, base(values, relative), group),
        portable.quantizeRow(values, base(values, relative), group),
      );
    }
  });

  test.each([false, true])('bytes of neighbouring pixels, relative to others: %s', (relative) => {
    for (const pixels of [1, 7, 8, 15, 16, 17, 33, 70]) {
      for (const channels of [0, 1, 30, 64, 320]) {
        const values = Float32Array.from({ length: channels * pixels }, numbers());
        const group = Math.max(DEPTH, Math.ceil(channels / DEPTH) * DEPTH);
        expectSame(
          kernels.quantizePixels(values, base(values, relative), pixels, group),
          portable.quantizePixels(values, base(values, relative), pixels, group),
        );
      }
    }
  });

  test('equal values have no range, and are their offset', () => {
    const values = new Float32Array(12).fill(3.5);
    for (const { scales, offsets } of [
      kernels.quantizeRow(values, undefined, 12),
      kernels.quantizePixels(values, undefined, 3, 4),
    ]) {
      expect([...scales].every((scale) => scale === 0)).toBe(true);
      expect([...offsets].every((offset) => offset === 3.5)).toBe(true);
    }
  });

  test('a range beyond float32 is told by its scale; of one next to nothing the offset counts', () => {
    const quantized = (values: Float32Array) => [
      kernels.quantizeRow(values, undefined, 4),
      kernels.quantizePixels(values, undefined, 1, 4),
    ];
    for (const { scales } of quantized(Float32Array.of(-3e38, 0, 1, 3e38))) {
      expect([...scales]).toEqual([Number.POSITIVE_INFINITY]);
    }
    const close = Float32Array.of(0, 1e-42, 5e-43, 1e-44);
    for (const { bytes, scales, offsets } of quantized(close)) {
      for (const [i, value] of close.entries()) {
        const read = (offsets[0] as number) + (scales[0] as number) * (bytes[i] as number);
        expect(Math.abs(read - value)).toBeLessThan(2e-42);
      }
    }
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    '%d makes its row, or its pixel, no number',
    (broken) => {
      for (const place of [0, 5, 19]) {
        const values = Float32Array.from({ length: 20 }, numbers());
        values[place] = broken;
        const row = kernels.quantizeRow(values, undefined, 20);
        expect([row.scales[0], row.offsets[0]]).toEqual([Number.NaN, Number.NaN]);
        const pixels = kernels.quantizePixels(values, undefined, 10, 4);
        for (const numbersOfPixels of [pixels.scales, pixels.offsets]) {
          expect([...numbersOfPixels].map(Number.isNaN)).toEqual(
            Array.from({ length: 10 }, (_, i) => i === place % 10),
          );
        }
      }
    },
  );
});

type Three = [Float32Array, Float32Array, Float32Array];

/** Within some roundings of float32. */
function near(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(b));
}

/** A byte may be rounded the other way where the scale is the next number. */
function expectSame(got: Quantized, wanted: Quantized): void {
  expect(got.bytes.length).toBe(wanted.bytes.length);
  expect(got.bytes.every((byte, i) => Math.abs(byte - (wanted.bytes[i] as number)) <= 1)).toBe(true);
  const different = got.bytes.filter((byte, i) => byte !== wanted.bytes[i]).length;
  expect(different).toBeLessThanOrEqual(got.bytes.length / 100);
  expect(got.scales.every((scale, i) => near(scale, wanted.scales[i] as number))).toBe(true);
  expect(got.offsets.every((offset, i) => near(offset, wanted.offsets[i] as number))).toBe(true);
}

/** Integers between two, as good as random. */
function integers(low: number, high: number): (_: unknown, i: number) => number {
  return (_, i) => low + Math.floor(((((Math.sin(12.9898 * (i + 1)) * 43758.5453) % 1) + 1) / 2) * (high - low + 1));
}

/** Numbers between -4 and 4. */
function numbers(): (_: unknown, i: number) => number {
  return (_, i) => 4 * Math.sin(37.7 * i + 0.3) + Math.sin(i);
}
