// Every sampler with the small golden networks, through every way in which a job may call them.
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import type { NativeTensor, ScheduleSpec } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import type { SampleOptions } from '../../src/native/primitives';
import { openGolden } from '../golden-runner/context';
import { ControlledUNet, timesteps } from '../golden-runner/networks';
import { edmOf } from '../golden-runner/trajectories';

const { primitives } = loadBinding();

const EDM = ['euler', 'euler_a', 'heun', 'dpm_2', 'dpm_2_a', 'lms', 'dpm++_2s_a', 'dpm++_sde', 'dpm++_2m'];
const DPM = ['dpm', 'dpm++'].flatMap((kind) => ['m1', 'm2', 'm3', 's1', 's2', 's3'].map((order) => `${kind}_${order}`));
const SAMPLERS = ['spaced', 'ddim', ...DPM, ...[...EDM, 'dpm++_2m_sde', 'dpm++_3m_sde'].map((name) => `edm_${name}`)];

const EPS: ScheduleSpec = {
  ...{ timesteps: 1000, linearStart: 0.00085, linearEnd: 0.012, zeroSnr: false },
  parameterization: 'eps',
};
const V: ScheduleSpec = { ...EPS, zeroSnr: true, parameterization: 'v' };
const SHAPE = [1, 4, 8, 16];
const STEPS = 2;
const TILE = 8;
/**
 * Differences relative to the largest value, above rounding. The edm_ samplers of v start at noise level 1e4, whose first
 * step loses four digits; the networks predict v, which taken for noise is much amplified by the last step. How much of
 * the rounding edm_dpm_2 amplifies depends on the operators that the networks are built from: 3e-6 to 4e-4 for eps.
 */
const ROUNDING = 1e-3;
const DIFFERENT = { v: 1e-3, eps: 1e-5 };

type Predict = (x: NativeTensor, t: number, prompt: NativeTensor, hint: NativeTensor) => NativeTensor;
let predict: Predict;
let prompts: { cond: NativeTensor; uncond: NativeTensor };
const hint = randn(11, SHAPE);

beforeAll(async () => {
  const ctx = await openGolden(fileURLToPath(new URL('../golden', import.meta.url)));
  const entry = ctx.entry('nets/cldm_b_16x24.safetensors');
  const network = await ControlledUNet.create(entry, ctx);
  const recorded = await ctx.tensors(entry);
  const cond = recorded.float('c_txt');
  prompts = { cond, uncond: { shape: cond.shape, data: cond.data.map((value, i) => value * Math.cos(i)) } };
  predict = (x, t, prompt, at) => {
    const time = timesteps({ shape: [1], data: [t] });
    return network.predict(x, time, prompt, network.control(x, time, prompt, at), 1).out as NativeTensor;
  };
});

/** A prediction in tiles of this size with half of it between them, or whole. x and the condition are cut alike. */
function inTiles(tile: number | undefined, prompt: NativeTensor): SampleOptions['cond'] {
  if (!tile) return (x, t) => predict(x, t, prompt, hint);
  return (x, t) => {
    const both = { shape: [1, 8, ...SHAPE.slice(2)], data: Float32Array.of(...x.data, ...hint.data) };
    return primitives.blendTiles(both, tile, tile / 2, 1, 'middle', ({ shape, data }) => {
      const part = { shape: [1, 4, ...shape.slice(2)], data: data.slice(0, data.length / 2) };
      return predict(part, t, prompt, { shape: part.shape, data: data.slice(data.length / 2) });
    });
  };
}

interface Way {
  readonly tile?: number;
  readonly cfgScale?: number;
  readonly rescaleCfg?: boolean;
  readonly seed?: number;
  readonly uncond?: SampleOptions['uncond'];
}

function run(
  sampler: string,
  schedule: ScheduleSpec,
  { tile, cfgScale = 1, rescaleCfg = false, seed = 1, uncond }: Way,
) {
  const latents = primitives.sample({
    ...{ sampler, schedule, steps: STEPS, cfgScale, rescaleCfg },
    x: randn(seed, SHAPE),
    noise: Array.from({ length: 3 * STEPS }, (_, k) => randn(100 * seed + k, SHAPE)),
    cond: inTiles(tile, prompts.cond),
    uncond: uncond ?? inTiles(tile, prompts.uncond),
    guidance: null,
    edm: edmOf({}),
    parity: false,
  });
  return latents.at(-1) as NativeTensor;
}

describe.each(SAMPLERS)('%s', (sampler) => {
  test.each([
    ['eps', EPS],
    ['v', V],
  ] as const)('%s', (name, schedule) => {
    const plain = run(sampler, schedule, {});
    const guided = run(sampler, schedule, { cfgScale: 4 });
    const rescaled = run(sampler, schedule, { cfgScale: 4, rescaleCfg: true });
    const tiled = run(sampler, schedule, { cfgScale: 4, tile: TILE });
    const all = { plain, guided, rescaled, tiled, 'tiled, rescaled': rescaledTiled(), 'tiled, cfg 1': tiledAlone() };
    for (const [way, { shape, data }] of Object.entries(all)) {
      expect(shape, way).toEqual(SHAPE);
      expect(data.every(Number.isFinite), way).toBe(true);
    }

    // Without a scale there is one call a prediction: the other prompt is not even asked.
    const never = () => {
      throw new Error('the unconditional network was called');
    };
    expect(distance(run(sampler, schedule, { uncond: never }), plain)).toBe(0);
    expect(distance(run(sampler, schedule, { cfgScale: 4 }), guided)).toBe(0);
    expect(distance(run(sampler, schedule, { cfgScale: 4, tile: 16 }), guided)).toBeLessThan(ROUNDING);

    for (const [a, b] of [
      [guided, plain],
      [rescaled, guided],
      [rescaled, plain],
      [tiled, guided],
      [run(sampler, schedule, { seed: 2 }), plain],
    ] as const) {
      expect(distance(a, b)).toBeGreaterThan(DIFFERENT[name]);
    }

    function rescaledTiled() {
      return run(sampler, schedule, { cfgScale: 4, rescaleCfg: true, tile: TILE });
    }
    function tiledAlone() {
      return run(sampler, schedule, { tile: TILE });
    }
  });
});

/** The largest difference, relative to the largest value. */
function distance(a: NativeTensor, b: NativeTensor): number {
  let [worst, largest] = [0, 0];
  b.data.forEach((value, i) => {
    worst = Math.max(worst, Math.abs(value - (a.data[i] as number)));
    largest = Math.max(largest, Math.abs(value));
  });
  return worst / largest;
}

function randn(seed: number, shape: readonly number[]): NativeTensor {
  const [data] = primitives.torchDraws(BigInt(seed), [{ kind: 'randn', shape }]);
  return { shape, data: data as Float32Array };
}
