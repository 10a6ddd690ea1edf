import type { NativeTensor, ScheduleSpec } from '../../src/native/binding';
import type { Primitives } from '../../src/native/primitives';
import { brownianIncrements } from './brownianTree';
import type { ReferenceArgs } from './referenceArgs';

/** Normal draws of a sampler beside its start, undefined where they are not known. Brownian motions draw one seed. */
export function drawsPerPicture(sampler: string, steps: number): number | undefined {
  if (sampler === 'spaced') return steps;
  if (sampler === 'ddim') return Math.ceil(1000 / Math.trunc(1000 / steps));
  if (/^dpm|^edm_(lms|dpm\+\+_2m|dpm\+\+_[23]m_sde)$/.test(sampler)) return 0;
  if (/^edm_(euler|heun|dpm_2)$/.test(sampler)) return steps;
  if (/^edm_(euler_a|dpm_2_a|dpm\+\+_2s_a)$/.test(sampler)) return steps - 1;
  return undefined;
}

export interface Start {
  readonly primitives: Primitives;
  readonly schedule: ScheduleSpec;
  /** Of one latent, without the batch. */
  readonly shape: readonly number[];
  /** Numbers that the generator has given away before. */
  readonly skipped: number;
}

/** The noise of every sample: batches follow each other on one generator, the samples of a batch lie side by side. */
export function drawNoise({ seed, samples, batchSize, options }: ReferenceArgs, start: Start): NativeTensor[][] {
  const { primitives, schedule, shape } = start;
  const { sampler = '', steps = 1, noiseAug = 0 } = options;
  const perPicture = 1 + Number(noiseAug > 0) + (drawsPerPicture(sampler, steps) as number);
  const hasMotion = /_sde/.test(sampler);
  const sizes = Array.from({ length: Math.ceil(samples / batchSize) }, (_, i) =>
    Math.min(batchSize, samples - i * batchSize),
  );
  const draws = sizes.flatMap((batch) => [
    ...Array.from({ length: perPicture }, () => ({ kind: 'randn' as const, shape: [batch, ...shape] })),
    ...(hasMotion ? [{ kind: 'randint' as const, count: 1, low: 0n, high: 2n ** 63n - 1n }] : []),
  ]);
  const [, ...drawn] = primitives.torchDraws(seed, [{ kind: 'raw', count: start.skipped }, ...draws]);
  const size = shape.reduce((product, side) => product * side, 1);
  return sizes.flatMap((batch, i) => {
    const own = drawn.slice(i * (perPicture + Number(hasMotion)), (i + 1) * (perPicture + Number(hasMotion)));
    const normals = own.slice(0, perPicture) as Float32Array[];
    const motion = hasMotion
      ? motionOf((own.at(-1) as BigInt64Array)[0] as bigint, primitives, schedule, shape, steps)
      : [];
    return Array.from({ length: batch }, (_, k) => [
      ...normals.map((data) => ({ shape: [1, ...shape], data: data.slice(k * size, (k + 1) * size) })),
      ...motion,
    ]);
  });
}

/** One increment a step, but for the last, which ends at noise level 0. */
function motionOf(
  entropy: bigint,
  primitives: Primitives,
  schedule: ScheduleSpec,
  shape: readonly number[],
  steps: number,
): NativeTensor[] {
  const sigmas = [...primitives.edmSchedule(schedule, steps, true, new Float32Array()).sigmas].filter(
    (sigma) => sigma > 0,
  );
  const levels = sigmas.slice(1).map((sigma, i) => [sigmas[i] as number, sigma] as const);
  const range = { start: Math.min(...sigmas), end: Math.max(...sigmas) };
  return brownianIncrements(primitives, { entropy, shape: [1, ...shape], ...range }, levels);
}
