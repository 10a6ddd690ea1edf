import type { ResolvedOptions } from '../options/resolve';

/** Solvers of second order: a slope at each step and one between, but for the last step. */
const TWICE = ['edm_heun', 'edm_dpm_2', 'edm_dpm_2_a', 'edm_dpm++_2s_a', 'edm_dpm++_sde'];
const TIMESTEPS = 1000;

/** How many predictions a sampler asks for, each with both prompts where classifier-free guidance is on. */
export function predictions({ sampler, steps }: Pick<ResolvedOptions, 'sampler' | 'steps'>): number {
  if (TWICE.includes(sampler)) return 2 * steps - 1;
  // Every n-th timestep, also where that makes more of them than steps.
  if (sampler === 'ddim') return Math.ceil(TIMESTEPS / Math.floor(TIMESTEPS / steps));
  return steps;
}
