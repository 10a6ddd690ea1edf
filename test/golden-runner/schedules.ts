import type { ScheduleSpec } from '../../src/native/binding';
import type { Context } from './types';

/** The noise schedule that a configuration of the reference's Diffusion class describes. */
export async function scheduleOf(context: Context, config: string): Promise<ScheduleSpec> {
  const { timesteps, linear_start, linear_end, zero_snr, parameterization } = await context.config(config);
  return {
    timesteps: timesteps ?? 1000,
    linearStart: linear_start ?? 0.00085,
    linearEnd: linear_end ?? 0.012,
    zeroSnr: zero_snr ?? false,
    parameterization: parameterization ?? 'eps',
  };
}

/** `schedule/spaced_v2.1.safetensors` and `"schedule": "v2.1"` both mean `configs/diffusion_v2.1.json`. */
export function scheduleConfig(name: string): string {
  return `configs/diffusion_${name}.json`;
}
