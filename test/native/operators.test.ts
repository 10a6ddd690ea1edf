// Vectors of behaviour.md, parts A.2 and C.1, made with the reference's own code.
import { expect, test } from 'vitest';
import type { NativeTensor } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';

const { primitives } = loadBinding();

const content = tensor([1, 3, 8, 8], (i) => 0.5 + 0.4 * Math.sin(0.7 * i));
const style = tensor([1, 3, 8, 8], (i) => 0.5 + 0.4 * Math.cos(0.3 * i));

test('wavelet decomposition and reconstruction', () => {
  const { high, low } = primitives.waveletDecomposition(content);
  expectClose([high.data[0], ...picked(low.data, [0])], [0.001035, 0.498965, 96.45081], 1e-6);
  const { data } = primitives.waveletReconstruction(content, style);
  expectClose(picked(data, [0, 1, 37, 100, 191]), [0.53221, 0.789054, 0.803827, 0.831779, 0.914152, 100.81917], 1e-6);
});

test.each([1, 7, 31, 64])('the colour fix in strips of %i rows is that of the picture whole, bit for bit', (strip) => {
  const shape = [1, 2, 150, 37];
  const [content, style] = [tensor(shape, (i) => Math.sin(i * i)), tensor(shape, (i) => Math.cos(0.01 * i * i))];
  const { high } = primitives.waveletDecomposition(content);
  const { low } = primitives.waveletDecomposition(style);
  const whole = high.data.map((value, i) => value + (low.data[i] as number));
  expect(primitives.waveletReconstruction(content, style, strip).data).toEqual(whole);
});

test('resizing in strips: a tall picture has the rows of a part of it', () => {
  const [width, height] = [5, 300];
  const tall = tensor([1, 1, height, width], (i) => Math.sin(i * i));
  // The part lies across the border of two strips of 256 output rows.
  const [first, last] = [100, 164];
  const part = { shape: [1, 1, last - first, width], data: tall.data.slice(first * width, last * width) };
  const rows = (x: NativeTensor, from: number, to: number) => x.data.slice(from * 2 * width, to * 2 * width);
  const of = (x: NativeTensor) => primitives.resizeBicubicAntialias(x, 2 * (x.shape[2] as number), 2 * width);
  const margin = 8; // where the part has other neighbours
  expect(rows(of(part), margin, 2 * (last - first) - margin)).toEqual(
    rows(of(tall), 2 * first + margin, 2 * last - margin),
  );
});

test('a wavelet blur wider than the picture', () => {
  const flat = tensor([1, 1, 1, 1], () => 0.25);
  expect(primitives.waveletReconstruction(flat, flat)).toEqual(flat);
});

test('AdaIN: each channel of each picture gets the mean and the deviation of its style', () => {
  const [from, to] = [
    tensor([2, 3, 6, 7], (i) => 0.4 + 0.1 * Math.sin(1.3 * i) + 0.002 * (i % 42)),
    tensor([2, 3, 6, 7], (i) => 0.5 + (0.02 + 0.0004 * i) * Math.cos(0.9 * i)),
  ];
  const { shape, data } = primitives.adaptiveInstanceNormalization(from, to);
  expect(shape).toEqual(from.shape);
  for (let plane = 0; plane < 6; plane++) {
    const of = ({ data: values }: { data: Float32Array }) => values.subarray(plane * 42, plane * 42 + 42);
    const spread = (values: Float32Array) => {
      const mean = values.reduce((sum, value) => sum + value, 0) / 42;
      return [mean, Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 41 + 1e-5)] as const;
    };
    const [[mean, deviation], [wantedMean, wantedDeviation]] = [spread(of(from)), spread(of(to))];
    const want = of(from).map((value) => ((value - mean) / deviation) * wantedDeviation + wantedMean);
    expectClose([...of({ data })], [...want], 1e-6);
  }
});

test('AdaIN leaves nothing outside 0 to 1, and a single pixel is that of the style', () => {
  const steep = tensor([1, 1, 1, 4], (i) => (i === 0 ? 1 : 0));
  const wide = tensor([1, 1, 1, 4], (i) => (i % 2 ? 1 : 0));
  const { data } = primitives.adaptiveInstanceNormalization(steep, wide);
  expect([Math.min(...data), Math.max(...data)]).toEqual([expect.closeTo(0.2113, 3), 1]);
  const [one, other] = [tensor([1, 1, 1, 1], () => 0.25), tensor([1, 1, 1, 1], () => 0.75)];
  expect(primitives.adaptiveInstanceNormalization(one, other)).toEqual(other);
});

test('latent MSE guidance', () => {
  const [pred, target] = [content, style].map(({ shape, data }) => ({ shape, data: data.map((v) => 2 * v - 1) }));
  const { data } = primitives.mseGuidanceDelta(pred as NativeTensor, target as NativeTensor, 0.5);
  expectClose(
    [0, 1, 37, 191].map((i) => data[i]),
    [12.499999, 3.888985, -7.374108, -3.158089],
    1e-6,
  );
});

test('weighted MSE guidance', () => {
  const target = tensor([1, 3, 8, 8], (i) => 2 * (0.5 + 0.02 * Math.cos(0.05 * i)) - 1);
  const pred = { shape: content.shape, data: content.data.map((value) => 2 * value - 1) };
  const weight = primitives.edgeWeight(target);
  expect(weight.shape).toEqual([1, 1, 8, 8]);
  expectClose(picked(weight.data, [0, 2, 9, 27, 63]), [0.98465, 0.981915, 0.98465, 0.959224, 0.992322, 62.24677], 1e-6);
  const { data } = primitives.weightedMseGuidanceDelta(pred, target, weight, 0.5);
  expectClose(
    [0, 1, 37, 191].map((i) => data[i]),
    [0.615406, -7.314477, -8.529495, -12.813803],
    1e-6,
  );
});

test('the weights of latents are the mean over the pixels of each cell, of each picture', () => {
  const image = tensor([2, 3, 8, 16], (i) => Math.sin(0.37 * i) * (i < 3 * 8 * 16 ? 0.1 : 0.02));
  const pixels = primitives.edgeWeight(image).data;
  const { shape, data } = primitives.latentEdgeWeight(image, 8);
  expect(shape).toEqual([2, 1, 1, 2]);
  const mean = (item: number, cell: number) => {
    const own = pixels.filter((_, i) => Math.floor(i / 128) === item && Math.floor((i % 16) / 8) === cell);
    return own.reduce((sum, value) => sum + value, 0) / own.length;
  };
  expectClose([...data], [mean(0, 0), mean(0, 1), mean(1, 0), mean(1, 1)], 1e-6);
});

test('edge weights want colour pictures with even sides', () => {
  for (const shape of [
    [1, 4, 8, 8],
    [1, 3, 7, 8],
  ]) {
    expect(() => primitives.edgeWeight(tensor(shape, () => 0))).toThrow(/even sides/);
  }
});

test('randn of seed 231', () => {
  const [noise] = primitives.torchDraws(231n, [{ kind: 'randn', shape: [1, 4, 8, 8] }]);
  expectClose([...(noise as Float32Array).slice(0, 4)], [-0.14595631, -0.16253215, -0.22307518, 2.0408347], 1e-6);
});

test('sizes after the short-edge resize and the padding', () => {
  const sizes = (h: number, w: number, resize: boolean) => {
    const x = tensor([1, 1, h, w], () => 0);
    return primitives.padToMultiplesOf(resize ? primitives.resizeShortEdgeTo(x, 512) : x, 64).shape.slice(2);
  };
  expect(sizes(300, 500, true)).toEqual([512, 896]);
  expect(sizes(300, 500, false)).toEqual([320, 512]);
  expect(sizes(511, 700, false)).toEqual([512, 704]);
});

test('resizing to the same size is exact', () => {
  const x = tensor([1, 3, 7, 5], (i) => Math.sin(i));
  expect(primitives.resizeBicubicAntialias(x, 7, 5)).toEqual(x);
  const image = { width: 5, height: 7, data: Uint8Array.from({ length: 105 }, (_, i) => i) };
  expect(primitives.resizeBicubicPil(image, 5, 7)).toEqual(image);
});

function tensor(shape: readonly number[], value: (i: number) => number): NativeTensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return { shape, data: Float32Array.from({ length: count }, (_, i) => value(i)) };
}

/** The elements at these indices, then the sum. */
function picked(data: Float32Array, indices: readonly number[]): (number | undefined)[] {
  return [...indices.map((i) => data[i]), data.reduce((sum, value) => sum + value, 0)];
}

/** Within `tolerance`, relative for values above 1. */
function expectClose(got: readonly (number | undefined)[], want: readonly number[], tolerance: number): void {
  expect(got).toHaveLength(want.length);
  want.forEach((value, i) => {
    expect(Math.abs((got[i] ?? Number.NaN) - value)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(value)));
  });
}
