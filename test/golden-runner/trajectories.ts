import type { EdmSpec, NativeTensor, ScheduleSpec } from '../../src/native/binding';
import type { Primitives } from '../../src/native/primitives';
import torchMath from '../fixtures/torchMath.json';
import { compare, compareExact, failed, relToAbsMax } from './compare';
import type { CaseResult, GoldenTensor, TensorSet } from './types';

/** Whether the project has a sampler of this name; one that lacks it says so and names the option. */
export function hasSampler(primitives: Primitives, schedule: ScheduleSpec, sampler: string): boolean {
  const x = { shape: [1, 4, 1, 1], data: new Float32Array(4) };
  const noise = [x];
  const same = (latent: NativeTensor) => latent;
  try {
    primitives.sample({
      sampler,
      schedule,
      steps: 1,
      x,
      noise,
      cfgScale: 1,
      rescaleCfg: false,
      cond: same,
      uncond: same,
      guidance: null,
      edm: edmOf({}),
      parity: true,
    });
    return true;
  } catch (error) {
    return !/for sampler\b/.test(String(error));
  }
}

/**
 * Roots and logarithms as torch takes them, where they are not the nearest float (training/record_math.py). From noise level
 * 1e4 an ancestral step goes down to sqrt(sigma^2 - up^2), a difference of a few units in the last place, so that its
 * size hangs on the last bits before it.
 */
const TORCH_MATH = {
  roots: Float32Array.from((torchMath.roots as number[][]).flat()),
  logs: Float32Array.from((torchMath.logs as number[][]).flat()),
};

/** Parameters of the edm samplers as a recorded case names them. */
export interface EdmCase {
  s_churn?: number;
  s_tmin?: number;
  s_tmax?: number;
  s_noise?: number;
  eta?: number;
  order?: number;
}

/** The case's parameters, and the reference's defaults where it says nothing; roots and logarithms as in the recording. */
export function edmOf({ s_churn = 0, s_tmin = 0, s_tmax = 300, s_noise = 1, eta = 1, order = 1 }: EdmCase): EdmSpec {
  return { sChurn: s_churn, sTmin: s_tmin, sTmax: s_tmax, sNoise: s_noise, eta, order, math: TORCH_MATH };
}

/** The draws of a case: the increments of its Brownian motion where it has one, else the common stream. */
export function drawsOf(recorded: TensorSet, key: string, stream: readonly NativeTensor[]): readonly NativeTensor[] {
  if (!recorded.has(`${key}.brownian`)) return stream;
  return unstack(recorded.float(`${key}.brownian`)).map(({ shape, data }) => ({ shape: [1, ...shape], data }));
}

/** Samplers of the reference that hand both prompts to the network in one call, which is recorded as one timestep. */
export function stacksPrompts(sampler: string): boolean {
  return /^(ddim|dpm)/.test(sampler);
}

/** Step by step, each relative to its own largest value. Long trajectories have their last step recorded only. */
export function compareSteps(
  name: string,
  got: readonly NativeTensor[],
  want: Float32Array,
  tolerance: number,
): CaseResult {
  const size = got.at(-1)?.data.length ?? 0;
  const recorded = want.length / size;
  if (recorded !== 1 && recorded !== got.length) return failed(name, `${got.length} steps, not ${recorded}`);
  const results = got.slice(-recorded).map(({ data }, i) => {
    return compare(name, { data }, { data: want.subarray(i * size, (i + 1) * size) }, tolerance, relToAbsMax);
  });
  return results.reduce((worst, next) => ((next.error ?? 0) > (worst.error ?? 0) ? next : worst));
}

/** Timesteps of the network's calls: the same integers, or fractions up to float32 rounding (DPM-Solver). */
export function compareTimes(name: string, got: readonly number[], want: GoldenTensor): CaseResult {
  const fractional = Array.from(want.data, Number).some((t) => !Number.isInteger(t));
  return fractional ? compare(name, { data: got }, want, 1e-6, relToAbsMax) : compareExact(name, { data: got }, want);
}

/** [n, ...shape] -> n tensors of the shape. */
export function unstack({ shape: [count = 0, ...shape], data }: NativeTensor): NativeTensor[] {
  const size = data.length / count;
  return Array.from({ length: count }, (_, i) => ({ shape, data: data.slice(i * size, (i + 1) * size) }));
}
