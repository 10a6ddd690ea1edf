// Group normalisation of tiles on a GPU: its kernels' bodies against the formula, and its graphs on the processor.
import { beforeAll, describe, expect, test } from 'vitest';
import type { NativeTensor, NetworkSpec } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import { goldenSpec } from '../lifecycle/model';
import { type Stage2, wave } from './graphCases';

const { primitives } = loadBinding();
const EPSILON = 1e-5;
/** What a GPU has where tiles are wanted. */
const IN_TILES = primitives.optimizationsFor('cuda').filter((name) => name !== 'separateTiles');

describe.each([
  ['float32', false, 3e-5],
  ['float16', true, 4e-3],
] as const)('%s', (_, half, most) => {
  test.each<[number[], number, Region]>([
    // Channels and groups; a map; the region of the statistics.
    [[2, 64, 23, 19], 32, [0, 0, 23, 19]],
    [[2, 64, 23, 19], 32, [5, 3, 17, 18]],
    [[1, 6, 11, 13], 2, [10, 0, 11, 13]], // nothing of 16 bytes
    [[1, 64, 1, 1], 32, [0, 0, 1, 1]],
    [[1, 8, 190, 200], 4, [0, 0, 190, 200]], // more parts of a channel than are merged at once
  ])('%j in %i groups, of %j', (shape, groups, region) => {
    const x = halves(wave(shape, 1.7), 3);
    const [scale, bias] = [wave([shape[1] as number], 0.7).data, wave([shape[1] as number], 0.3).data];
    for (const silu of [false, true]) {
      const got = primitives.kernels.groupNorm(x, groups, scale, bias, EPSILON, silu, Int32Array.from(region), half);
      const want = formula(x, groups, scale, bias, silu, region);
      expect(got.shape).toEqual(shape);
      expect(want.findIndex((value, i) => !(Math.abs(value - (got.data[i] as number)) < most))).toBe(-1);
      expect(got.data.some((value, i) => value !== want[i])).toBe(true);
    }
  });

  test('of values that hardly differ, far from zero', () => {
    const x = { shape: [1, 2, 40, 50], data: Float32Array.from({ length: 4000 }, (_, i) => 1000 + (i % 2)) };
    const [ones, zeros] = [Float32Array.of(1, 1), Float32Array.of(0, 0)];
    const got = primitives.kernels.groupNorm(x, 1, ones, zeros, 0, false, Int32Array.of(0, 0, 40, 50), half);
    expect(new Set(got.data)).toEqual(new Set([-1, 1]));
  });
});

describe('the autoencoder', () => {
  let stage2: Stage2;
  beforeAll(async () => {
    stage2 = (await goldenSpec({ stage: 2 })).stage2 as Stage2;
  });

  test('has the operator for tiles, one for each normalisation, and else that of ONNX Runtime', () => {
    const inNchw = IN_TILES.filter((name) => !['nhwc', 'nhwcGroupNorm', 'skipGroupNorm'].includes(name));
    for (const network of [stage2.vaeEncoder, stage2.vaeDecoder]) {
      const norms = primitives.countNodes(network)['diffbir.GroupNorm'];
      const ofTypes = (changes: Partial<NetworkSpec>) => {
        const counts = primitives.countNodes({ ...network, ...changes }, 'cuda');
        return Object.entries(counts).filter(([type]) => type.endsWith('GroupNorm'));
      };
      expect(ofTypes({ precision: 'float16', optimizations: IN_TILES })).toEqual([['diffbir.NhwcGroupNorm', norms]]);
      expect(ofTypes({ optimizations: inNchw })).toEqual([['diffbir.GroupNorm', norms]]);
      expect(ofTypes({ precision: 'float16' }).map(([type]) => type)).not.toContain('diffbir.NhwcGroupNorm');
    }
  });

  test.each(['encode', 'decode'] as const)('%s: tiles in the form for a GPU, rounded as there', (half) => {
    const optimizations = [...IN_TILES, 'definitions', 'rounded'] as const;
    const run = (changes: Partial<NetworkSpec>, tile: number) => {
      const [encoder, decoder] = [stage2.vaeEncoder, stage2.vaeDecoder].map((spec) => ({ ...spec, ...changes }));
      const model = primitives.createAutoencoder(encoder as NetworkSpec, decoder as NetworkSpec, 2);
      const x = half === 'encode' ? wave([1, 3, 160, 192], 0.01) : wave([1, 4, 26, 34], 0.3);
      return model[half](x, tile, 'exact', true).data;
    };
    const [tile, whole] = half === 'encode' ? [64, 4096] : [8, 512];
    const onCpu = run({}, tile);
    const error = (got: Float32Array) => rms(got, onCpu) / rms(onCpu, new Float32Array(onCpu.length));
    const float16 = error(run({ precision: 'float16', optimizations }, tile));
    expect(float16).toBeGreaterThan(1e-5);
    expect(float16).toBeLessThan(0.01);
    expect(error(run({ optimizations }, tile))).toBeLessThan(1e-4);
    expect(error(run({}, whole))).toBeGreaterThan(1e-4); // it did run on tiles
  });
});

type Region = readonly [top: number, left: number, bottom: number, right: number];

/** What float16 can represent. */
function halves({ shape, data }: NativeTensor, mean: number): NativeTensor {
  return { shape, data: data.map((value) => Math.round((value + mean) * 256) / 256) };
}

function formula(
  { shape, data }: NativeTensor,
  groups: number,
  scale: Float32Array,
  bias: Float32Array,
  silu: boolean,
  [top, left, bottom, right]: Region,
): number[] {
  const [, channels, height, width] = shape as [number, number, number, number];
  const [area, perGroup] = [height * width, channels / groups];
  const of = (i: number) => data[i] as number;
  const statistics = Array.from({ length: data.length / area / perGroup }, (_, group) => measure(group));
  return Array.from(data, (value, i) => {
    const plane = Math.floor(i / area);
    const { mean, variance } = statistics[Math.floor(plane / perGroup)] as ReturnType<typeof measure>;
    const y = ((value - mean) / Math.sqrt(variance + EPSILON)) * (scale[plane % channels] as number);
    const z = y + (bias[plane % channels] as number);
    return silu ? z / (1 + Math.exp(-z)) : z;
  });

  function measure(group: number) {
    const values: number[] = [];
    for (let plane = group * perGroup; plane < (group + 1) * perGroup; plane++) {
      for (let y = top; y < bottom; y++)
        for (let x = left; x < right; x++) values.push(of(plane * area + y * width + x));
    }
    const mean = values.reduce((sum, one) => sum + one, 0) / values.length;
    const variance = values.reduce((sum, one) => sum + (one - mean) ** 2, 0) / values.length;
    return { mean, variance };
  }
}

function rms(a: Float32Array, b: Float32Array): number {
  return Math.sqrt(a.reduce((sum, value, i) => sum + (value - (b[i] as number)) ** 2, 0) / a.length);
}
