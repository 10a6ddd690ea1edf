/** What can be chosen where an option names one of several. */

/**
 * Names of samplers that native code knows (native/diffusion/sampler.cpp), in its order; named as in the reference and in
 * k-diffusion.
 */
export const SAMPLERS = [
  'spaced',
  'ddim',
  'dpm++_m1',
  'dpm++_m2',
  'dpm++_m3',
  'dpm++_s1',
  'dpm++_s2',
  'dpm++_s3',
  'dpm_m1',
  'dpm_m2',
  'dpm_m3',
  'dpm_s1',
  'dpm_s2',
  'dpm_s3',
  'edm_euler',
  'edm_euler_a',
  'edm_heun',
  'edm_dpm_2',
  'edm_dpm_2_a',
  'edm_lms',
  'edm_dpm++_2s_a',
  'edm_dpm++_sde',
  'edm_dpm++_2m',
  'edm_dpm++_2m_sde',
  'edm_dpm++_2m_sde_heun',
  'edm_dpm++_3m_sde',
] as const;
/** What a model can be made for (behaviour.md 1.3). */
export const TASKS = ['sr', 'denoise', 'face', 'unaligned_face'] as const;
export type Task = (typeof TASKS)[number];
/** What restoration guidance minimises. */
export const GUIDANCE_LOSSES = ['mse', 'w_mse'] as const;
/** Formats that can be written. */
export const FORMATS = ['png', 'jpeg', 'webp', 'tiff', 'avif'] as const;
export type OutputFormat = (typeof FORMATS)[number];
