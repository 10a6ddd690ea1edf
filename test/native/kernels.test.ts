// What the CUDA kernels of native/cuda/imaging compute, indices included, against the host's own functions: the bodies
// run in loops here (native/cuda/imaging/bodies/launch.h), and as kernels in `gpu_twins`.
import { describe, expect, test } from 'vitest';
import type { NativeImage, NativeTensor } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';

const { primitives } = loadBinding();
const { kernels } = primitives;

const SHAPES = [
  [1, 3, 40, 56],
  [2, 4, 33, 7],
  [1, 1, 1, 1],
  [2, 2, 1, 90],
  [1, 3, 71, 1],
];

describe.each(SHAPES)('%i x %i x %i x %i', (...shape) => {
  const [content, style] = [tensor(shape, 1), tensor(shape, 2)];
  const [height, width] = shape.slice(2) as [number, number];

  test('wavelet', () => {
    expectSame(kernels.waveletReconstruction(content, style), primitives.waveletReconstruction(content, style));
  });

  test('AdaIN', () => expectSameStyle(content, style));

  test.each([
    [height, width],
    [2 * height + 1, width],
    [height, 3 * width + 2],
    [Math.ceil(height / 3), Math.ceil(width / 5)],
    [Math.ceil(height / 2), 2 * width],
  ])('resized to %i x %i', (tall, wide) => {
    expectSame(
      kernels.resizeBicubicAntialias(content, tall, wide),
      primitives.resizeBicubicAntialias(content, tall, wide),
    );
    const picture = image(width, height);
    expect(kernels.resizeBicubicPil(picture, wide, tall)).toEqual(primitives.resizeBicubicPil(picture, wide, tall));
  });

  test.each(['zero', 'reflect'] as const)('tiles, some of them beyond the border: %s', (padding) => {
    const [h, w] = [height + 5, 2 * width + 3];
    const tiles = Array.from({ length: 3 }, (_, i) => Int32Array.of(i, 3 * i, h, w));
    const got = kernels.cutTiles(content, tiles, padding);
    expect(got.shape).toEqual([3 * at(shape, 0), at(shape, 1), h, w]);
    const inside = (position: number, size: number) => {
      const period = Math.max(1, 2 * (size - 1));
      const phase = position % period;
      return Math.min(phase, period - phase);
    };
    const planes = at(shape, 0) * at(shape, 1);
    expectSame(
      got,
      built(got.shape, (item, channel, y, x) => {
        const number = Math.floor(item / at(shape, 0));
        const [row, column] = [y + number, x + 3 * number];
        if (padding === 'zero' && (row >= height || column >= width)) return 0;
        const plane = (item * at(shape, 1) + channel) % planes;
        return at(content.data, (plane * height + inside(row, height)) * width + inside(column, width));
      }),
    );
  });

  test('padding is one tile from the corner', () => {
    const want = primitives.padToMultiplesOf(content, 16);
    const whole = Int32Array.of(0, 0, at(want.shape, 2), at(want.shape, 3));
    expectSame(kernels.cutTiles(content, [whole], 'zero'), want);
  });
});

test('AdaIN of a picture whose sums take several steps', () => {
  expectSameStyle(tensor([1, 2, 600, 500], 1), tensor([1, 2, 600, 500], 2));
});

test.each([
  [50, 70, 16, 9, 1, 1],
  [50, 70, 16, 9, 1, 3],
  [50, 70, 8, 4, 1, 1000], // more tiles than one launch takes
  [31, 20, 12, 12, 2, 4],
  [10, 90, 24, 7, 4, 2],
])('%i x %i in tiles of %i, %i apart, enlarged by %i, %i at a time', (height, width, tile, stride, scale, batch) => {
  const x = tensor([2, 3, height, width], 3);
  const outputs: NativeTensor[] = [];
  const want = primitives.blendTiles(x, tile, stride, scale, 'middle', (cut) => {
    const [n, c, h, w] = cut.shape as [number, number, number, number];
    const output = tensor([n, c, h * scale, w * scale], 4 + outputs.length);
    outputs.push(output);
    return output;
  });
  const data = Float32Array.from(outputs.flatMap((output) => [...output.data]));
  const all = { shape: [2 * outputs.length, ...(outputs[0] as NativeTensor).shape.slice(1)], data };
  expectSame(kernels.blendTiles(height, width, tile, stride, scale, all, batch), want);
});

test('a picture in tiles, and one picture from a tensor', () => {
  const picture = image(61, 37);
  const tiles = Array.from({ length: 70 }, (_, i) => Int32Array.of(i % 20, (7 * i) % 43, 17, 18));
  const got = kernels.imageToTensor(picture, tiles);
  expect(got.shape).toEqual([70, 3, 17, 18]);
  expectSame(
    got,
    built(got.shape, (n, c, y, x) => {
      const [top, left] = tiles[n] as Int32Array as unknown as [number, number];
      return Math.fround(at(picture.data, 3 * ((top + y) * 61 + left + x) + c) / 255);
    }),
  );

  const back = kernels.tensorToImage(kernels.imageToTensor(picture, [Int32Array.of(0, 0, 37, 61)]), 'nearest');
  expect(back).toEqual(picture);
  const values = tensor([1, 3, 19, 23], 9, 1.5);
  const area = 19 * 23;
  const levels = primitives.toUint8(values.data);
  const want = Uint8Array.from(levels, (_, i) => at(levels, (i % 3) * area + Math.floor(i / 3)));
  expect(kernels.tensorToImage(values, 'truncate')).toEqual({ width: 23, height: 19, data: want });
});

test('signed and unsigned', () => {
  const x = tensor([1, 3, 5, 7], 5);
  expectSame(kernels.toSigned(x), { ...x, data: x.data.map((value) => Math.fround(2 * value) - 1) });
  expectSame(kernels.toUnsigned(x), { ...x, data: x.data.map((value) => Math.fround(value + 1) / 2) });
});

test('a part of one picture in another', () => {
  const [part, whole] = [tensor([2, 3, 9, 11], 6), tensor([2, 3, 20, 30], 7)];
  const got = kernels.paste(part, Int32Array.of(2, 3, 5, 7), whole, 15, 23);
  expectSame(
    got,
    built(whole.shape, (n, c, y, x) => {
      const plane = 3 * n + c;
      return y >= 15 && x >= 23
        ? at(part.data, (plane * 9 + y - 13) * 11 + x - 20)
        : at(whole.data, (plane * 20 + y) * 30 + x);
    }),
  );
});

test('what does not fit is refused', () => {
  const picture = image(8, 8);
  expect(() => kernels.imageToTensor(picture, [Int32Array.of(0, 1, 8, 8)])).toThrow(/inside the picture/);
  expect(() => kernels.imageToTensor(picture, [])).toThrow(/one tile or more/);
  expect(() =>
    kernels.paste(tensor([1, 1, 2, 2], 1), Int32Array.of(0, 0, 2, 2), tensor([1, 1, 2, 2], 1), 1, 0),
  ).toThrow(/a part of both/);
});

/** Numbers without a pattern in 0..1, or as far beyond as `spread` is above 1. */
function tensor(shape: readonly number[], seed: number, spread = 1): NativeTensor {
  const count = shape.reduce((product, size) => product * size, 1);
  const data = primitives.torchDraws(BigInt(seed), [{ kind: 'uniform', count, low: 1 - spread, high: spread }]);
  return { shape, data: data[0] as Float32Array };
}

function image(width: number, height: number): NativeImage {
  const { data } = tensor([width * height * 3], 8);
  return { width, height, data: Uint8Array.from(data, (value) => value * 256) };
}

function built(shape: readonly number[], value: (...place: [number, number, number, number]) => number): NativeTensor {
  const [n, c, h, w] = shape as [number, number, number, number];
  const data = Float32Array.from({ length: n * c * h * w }, (_, i) =>
    value(Math.floor(i / (c * h * w)), Math.floor(i / (h * w)) % c, Math.floor(i / w) % h, i % w),
  );
  return { shape, data };
}

function at(list: ArrayLike<number>, i: number): number {
  if (!(i in list)) throw new RangeError(`${i} is outside`);
  return list[i] as number;
}

/** But for the order in which sums are added. */
function expectSameStyle(content: NativeTensor, style: NativeTensor): void {
  const got = kernels.adaptiveInstanceNormalization(content, style);
  const want = primitives.adaptiveInstanceNormalization(content, style);
  expect(got.shape).toEqual(want.shape);
  expect(got.data.findIndex((value, i) => !(Math.abs(value - at(want.data, i)) <= 2 ** -23))).toBe(-1);
}

function expectSame(got: NativeTensor, want: NativeTensor): void {
  expect(got.shape).toEqual(want.shape);
  expect(got.data.findIndex((value, i) => value !== want.data[i])).toBe(-1);
  expect(got.data.length).toBe(want.data.length);
}
