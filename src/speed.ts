import type { RestoreJob } from './native/binding';
import type { ResolvedOptions } from './options/resolve';

type Reuse = Pick<RestoreJob, 'reuse' | 'reuseInterval'>;

/** Measured on the embedded model: the table of README.md. */
const PRESETS: Readonly<Record<ResolvedOptions['speed'], Reuse>> = {
  quality: { reuse: 'none', reuseInterval: 3 },
  balanced: { reuse: 'deep', reuseInterval: 3 },
  fast: { reuse: 'deep', reuseInterval: 4 },
};

/** What a preset says, unless the caller says more. With `parity` everything is computed. */
export function reuseOf(options: Pick<ResolvedOptions, 'speed' | 'parity' | keyof Reuse>): Reuse {
  const preset = PRESETS[options.speed];
  const reuse = options.parity ? 'none' : (options.reuse ?? preset.reuse);
  return { reuse, reuseInterval: options.reuseInterval ?? preset.reuseInterval };
}
