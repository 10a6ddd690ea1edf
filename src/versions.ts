import sharp from 'sharp';
import type { RestoreOptions } from './options/RestoreOptions';
import type { OptionName } from './options/table';
import { validateOptions } from './options/validate';
import { packageVersion } from './packageVersion';

const VERSIONS_OPTIONS = ['nativeBinding'] as const satisfies readonly OptionName[];

export type VersionsOptions = Pick<RestoreOptions, (typeof VERSIONS_OPTIONS)[number]>;

/**
 * Versions of this package and of what it stands on, for bug reports. Rejects with NativeLoadError where the native part
 * does not load, and InvalidOptionError.
 */
export async function versions(
  options: VersionsOptions = {},
): Promise<{ diffbir: string; onnxruntime: string; sharp: string; vips: string }> {
  const { nativeBinding } = validateOptions(options, { only: VERSIONS_OPTIONS });
  const { runtimeVersion } = await import('./native/loadBinding');
  return {
    diffbir: packageVersion(),
    onnxruntime: runtimeVersion(nativeBinding),
    sharp: sharp.versions.sharp ?? '',
    vips: sharp.versions.vips,
  };
}
