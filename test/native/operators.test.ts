// Vectors of behaviour.md, parts A.1, A.2 and C.1, made with the reference's own code.
import { expect, test } from 'vitest';
import type { NativeTensor, ScheduleSpec } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';

const { primitives } = loadBinding();

const EPS: ScheduleSpec = {
  timesteps: 1000,
  linearStart: 0.00085,
  linearEnd: 0.012,
  zeroSnr: false,
  parameterization: 'eps',
};
const V: ScheduleSpec = { ...EPS, zeroSnr: true, parameterization: 'v' };

test.each([
  ['v', V, 10, false, [-2.764484, -3.016286, -3.329746, -49.0226]],
  ['v', V, 50, false, [-3.176531, -3.327121, -3.69014, -54.89528]],
  ['v', V, 10, true, [-1.184819, -1.436621, -1.75008, -23.74795]],
  ['eps', EPS, 10, false, [-50.35804, -50.383816, -39.232193, -728.73338]],
  ['eps', EPS, 50, false, [-51.655167, -50.946396, -42.186871, -758.28158]],
  ['eps', EPS, 10, true, [-25.379354, -25.405127, -14.25351, -329.07442]],
] as const)('spaced, %s, %# ', (_, schedule, steps, rescaleCfg, want) => {
  const shape = [1, 4, 2, 2];
  const network = (text: number) => (x: NativeTensor, t: number) => ({
    shape,
    data: x.data.map((value, i) => 0.1 * value + (0.3 * i) / 16 + t / 1000 + text),
  });
  const x = primitives.sample({
    sampler: 'spaced',
    schedule,
    steps,
    x: tensor(shape, (i) => i / 8 - 1),
    noise: Array.from({ length: steps }, (_, k) => tensor(shape, (i) => Math.sin(1 + i + 17 * k))),
    cfgScale: 6,
    rescaleCfg,
    cond: network(0.2),
    uncond: network(-0.1),
    guidance: null,
    edm: { sChurn: 0, sTmin: 0, sTmax: 300, sNoise: 1, eta: 1, order: 1 },
    parity: true,
  });
  expectClose(picked(last(x).data, [0, 5, 15]), want, 1e-5);
});

const content = tensor([1, 3, 8, 8], (i) => 0.5 + 0.4 * Math.sin(0.7 * i));
const style = tensor([1, 3, 8, 8], (i) => 0.5 + 0.4 * Math.cos(0.3 * i));

test('wavelet decomposition and reconstruction', () => {
  const { high, low } = primitives.waveletDecomposition(content);
  expectClose([high.data[0], ...picked(low.data, [0])], [0.001035, 0.498965, 96.45081], 1e-6);
  const { data } = primitives.waveletReconstruction(content, style);
  expectClose(picked(data, [0, 1, 37, 100, 191]), [0.53221, 0.789054, 0.803827, 0.831779, 0.914152, 100.81917], 1e-6);
});

test('a wavelet blur wider than the picture', () => {
  const flat = tensor([1, 1, 1, 1], () => 0.25);
  expect(primitives.waveletReconstruction(flat, flat)).toEqual(flat);
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

function last<T>(list: readonly T[]): T {
  return list.at(-1) as T;
}

/** Within `tolerance`, relative for values above 1. */
function expectClose(got: readonly (number | undefined)[], want: readonly number[], tolerance: number): void {
  expect(got).toHaveLength(want.length);
  want.forEach((value, i) => {
    expect(Math.abs((got[i] ?? Number.NaN) - value)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(value)));
  });
}
