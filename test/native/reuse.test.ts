/** Parts of the UNet on features that the whole one gave: at the same timestep they give the same prediction. */
import { beforeAll, describe, expect, test } from 'vitest';
import { readCheckpoint } from '../../src/checkpoint/readCheckpoint';
import { embeddedModel } from '../../src/loadModel';
import { readManifest } from '../../src/models/manifest';
import { modelSpec } from '../../src/models/modelSpec';
import type { ModelSpec, NativeTensor, NetworkSpec, RestoreJob } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import { reuseOf } from '../../src/speed';
import { jobOf } from '../lifecycle/model';

type Tensors = Record<string, NativeTensor>;

const { primitives, createModel } = loadBinding();
let spec: ModelSpec;
let stage2: NonNullable<ModelSpec['stage2']>;

beforeAll(async () => {
  spec = await modelSpec(await readManifest(embeddedModel()), { stage: 2, threads: 1 }, readCheckpoint);
  stage2 = spec.stage2 as typeof stage2;
});

describe('parts of the UNet', () => {
  const x = wave([1, 16, 16, 16], 0.37);
  const t = { shape: [1], data: Float32Array.of(400) };
  const context = { shape: [1, 1, 8], data: new Float32Array(8) };
  const strength = { shape: [1], data: Float32Array.of(0.8) };
  let controls: Tensors;
  let whole: Tensors;
  let skips: string[];
  let deep: string;

  beforeAll(() => {
    controls = run(stage2.controlnet, { x, hint: wave([1, 16, 16, 16], 0.11), t, context });
    const blocks = Object.keys(controls).length - 1;
    skips = Array.from({ length: blocks }, (_, i) => `input_blocks.${i}`);
    deep = `output_blocks.${blocks - 2}`;
    const network = primitives.createNetwork(stage2.unet, 1, [...skips, 'middle_block', deep]);
    whole = network.run({ x, t, context, strength, ...controls });
  });

  test('the decoder on the features of the encoder', () => {
    const features = Object.fromEntries(skips.map((name, i) => [`skip_${i}`, whole[name] as NativeTensor]));
    const inputs = { t, context, strength, middle: whole.middle_block as NativeTensor, ...features, ...controls };
    const { out } = run({ ...stage2.unet, type: 'unet_decoder' }, inputs);
    expect(distance(out, whole.out)).toBeLessThan(1e-5);
  });

  test('the outermost blocks on what those between gave', () => {
    const inputs = { x, t, context, strength, deep: whole[deep] as NativeTensor, ...controls };
    const { out } = run({ ...stage2.unet, type: 'unet_shallow' }, inputs);
    expect(distance(out, whole.out)).toBeLessThan(1e-5);
  });
});

describe('when all features are computed', () => {
  const spaced = (steps: number) => primitives.spaceTimesteps(1000, Int32Array.of(steps)).reverse();
  const due = (steps: number, interval: number, timesteps: ArrayLike<number> = spaced(steps)) =>
    Array.from(primitives.reuseSchedule(steps, interval, Float32Array.from(timesteps)));

  test.each([
    [15, 2, [0, 3, 5, 7, 9, 11, 12, 13]],
    [15, 3, [0, 4, 8, 11, 13]],
    [15, 4, [0, 6, 10, 13]],
    [10, 3, [0, 4, 6, 8]],
    [10, 4, [0, 5, 8]],
    [10, 1000, [0]],
    [3, 2, [0, 1]],
    [2, 2, [0]],
    [1, 2, [0]],
    [5, 1, [0, 1, 2, 3, 4]],
  ])('%i steps, interval %i', (steps, interval, wanted) => {
    expect(due(steps, interval)).toEqual(wanted);
  });

  test('in as many predictions as the interval says, ever closer together, and never at the last alone', () => {
    for (let steps = 4; steps <= 60; steps++) {
      for (const interval of [2, 3, 4, 7]) {
        const found = due(steps, interval);
        expect(found.length, `${steps} steps, interval ${interval}`).toBeLessThanOrEqual(Math.ceil(steps / interval));
        expect(found.length).toBeGreaterThan(0.7 * (steps / interval));
        expect(found).not.toContain(steps - 1);
      }
    }
    const gaps = due(1000, 50).map((at, i, all) => at - (all[i - 1] ?? 0));
    for (let i = 2; i < gaps.length; i++) expect(gaps[i]).toBeLessThanOrEqual(gaps[i - 1] as number);
  });

  test('once a phase where a sampler predicts twice at one noise level, or goes back to a higher one', () => {
    const twice = Array.from(spaced(15)).flatMap((t, i, all) => [t, all[i + 1] ?? 0]);
    expect(due(15, 3, twice)).toHaveLength(5);
    expect(due(15, 3, [999, 500, 900, 500])).toEqual([0, 1]);
  });
});

test.each([
  ['encoder', 15],
  ['deep', 6],
] as const)('%s: alone and on tiles, near the whole computation', async (reuse, most) => {
  const model = await createModel(spec, () => {}).promise;
  const diffusion = { tile: 64, stride: 32 };
  const restore = async (changes: Partial<RestoreJob>, tiled = false) => {
    const job = jobOf({ stage: 2, steps: 9, size: 96 });
    const image = { ...job.image, data: job.image.data.map((_, i) => 128 + 60 * Math.sin(i / 40)) };
    const tiling = tiled ? { ...job.tiling, diffusion } : job.tiling;
    return (await model.restore({ ...job, image, tiling, ...changes }, () => {}).promise).image.data;
  };
  try {
    for (const tiled of [false, true]) {
      const all = await restore({}, tiled);
      expect(levels(await restore({ reuse, reuseInterval: 1 }, tiled), all)).toBeLessThan(0.1);
      const some = levels(await restore({ reuse, reuseInterval: 3 }, tiled), all);
      expect(some).toBeGreaterThan(0.1);
      expect(some).toBeLessThan(most);
    }
    expect(await restore({})).toEqual(await restore({})); // nothing is left of another run's features
  } finally {
    await model.dispose();
  }
});

test('speed: presets, what the caller says beside them, and none with parity', () => {
  const options = { speed: 'fast', parity: false, reuse: undefined, reuseInterval: undefined } as const;
  expect(reuseOf({ ...options, speed: 'quality' }).reuse).toBe('none');
  expect(reuseOf(options)).toEqual({ reuse: 'deep', reuseInterval: 4 });
  expect(reuseOf({ ...options, reuseInterval: 7 })).toEqual({ reuse: 'deep', reuseInterval: 7 });
  expect(reuseOf({ ...options, reuse: 'none' }).reuse).toBe('none');
  expect(reuseOf({ ...options, reuse: 'encoder', parity: true }).reuse).toBe('none');
});

function run(network: NetworkSpec, inputs: Readonly<Tensors>): Tensors {
  return primitives.createNetwork(network, 1, []).run(inputs);
}

function wave(shape: readonly number[], step: number): NativeTensor {
  const size = shape.reduce((product, side) => product * side, 1);
  return { shape, data: Float32Array.from({ length: size }, (_, i) => Math.sin(step * i)) };
}

/** The largest difference in units of the largest value. */
function distance(a: NativeTensor | undefined, b: NativeTensor | undefined): number {
  const largest = b?.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0) ?? 0;
  return (
    (b?.data.reduce((most, value, i) => Math.max(most, Math.abs(value - (a?.data[i] as number))), 0) ?? 1) / largest
  );
}

/** The mean difference in levels. */
function levels(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - (b[i] as number)), 0) / a.length;
}
