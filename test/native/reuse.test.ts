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
    const isFullSize = (i: number) =>
      !stage2.unet.weights.tensors.some(({ name }) => new RegExp(`^input_blocks\\.([0-${i}])\\.0\\.op\\.`).test(name));
    const shallow = skips.filter((_, i) => isFullSize(i)).length - 1;
    deep = `output_blocks.${blocks - shallow - 1}`;
    const network = primitives.createNetwork(stage2.unet, 1, [...skips, 'middle_block', deep]);
    whole = network.run({ x, t, context, strength, ...controls });
  });

  test('the decoder on the features of the encoder', () => {
    const features = Object.fromEntries(skips.map((name, i) => [`skip_${i}`, whole[name] as NativeTensor]));
    const inputs = { t, context, strength, middle: whole.middle_block as NativeTensor, ...features, ...controls };
    const { out } = run({ ...stage2.unet, type: 'unet_decoder' }, inputs);
    expect(distance(out, whole.out)).toBeLessThan(1e-5);
  });

  test('the shallow blocks on what the deeper ones gave', () => {
    const inputs = { x, t, context, strength, deep: whole[deep] as NativeTensor, ...controls };
    const { out } = run({ ...stage2.unet, type: 'unet_shallow' }, inputs);
    expect(distance(out, whole.out)).toBeLessThan(1e-5);
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
  expect(reuseOf(options)).toEqual({ reuse: 'deep', reuseInterval: 3 });
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
