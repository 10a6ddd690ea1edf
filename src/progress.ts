import type { NativeProgress, Stage } from './native/binding';
import type { RestoreProgress } from './options/values';

/** Shares of the time that stages take, as measured on a CPU at default steps; only the bar's evenness depends on them. */
const SHARES: Readonly<Record<1 | 2, Readonly<Partial<Record<Stage, number>>>>> = {
  1: { stage1: 0.97, finish: 0.03 },
  2: { stage1: 0.05, encode: 0.05, sample: 0.8, decode: 0.08, finish: 0.02 },
};

/**
 * Adds `fraction` to native progress: never falls, and reaches `to` with the last step of `finish`.
 * @param from where the fraction begins, 0 to 1: the part that came before, for instance loading
 * @param to where it ends: below 1 where more pictures come
 */
export function withFraction(
  stages: 1 | 2,
  report: (progress: RestoreProgress) => void,
  from = 0,
  to = 1,
): (progress: NativeProgress) => void {
  const shares = Object.entries(SHARES[stages]);
  let highest = from;
  return ({ stage, step, steps }) => {
    const at = shares.findIndex(([name]) => name === stage);
    const before = shares.slice(0, Math.max(at, 0)).reduce((sum, [, share]) => sum + share, 0);
    const within = at < 0 ? 0 : ((shares[at]?.[1] ?? 0) * step) / Math.max(steps, 1);
    highest = Math.max(highest, Math.min(to, from + (to - from) * (before + within)));
    report({ stage, step, steps, fraction: highest });
  };
}

/** The same for work of one stage, or for loading, from `from` to `to`. */
export function withStage(
  report: (progress: RestoreProgress) => void,
  from: number,
  to: number,
): (progress: NativeProgress) => void {
  return (progress) =>
    report({ ...progress, fraction: from + ((to - from) * progress.step) / Math.max(progress.steps, 1) });
}
