import { checkInput } from './image/readInput';
import type { ImageInput } from './image/types';
import type { Internals } from './internals';
import { loadModel } from './loadModel';
import type { RestoreOptions } from './options/RestoreOptions';
import { resolveOptions } from './options/resolve';
import { validateOptions } from './options/validate';
import { restorePicture } from './restorePicture';
import type { RestoreResult } from './restoreResult';

/** Part of the progress that loading takes when a model is loaded for one picture. */
const LOAD_SHARE = 0.1;

/**
 * Restores one photograph: loads the model, runs it, frees it. For more than one picture use a `Restorer`.
 * Options are checked before anything else happens; an option goes before the model's own default, and that before
 * the table's.
 * Rejects with InvalidOptionError, InvalidImageError, ManifestError, CheckpointError, TimeLimitError, AbortError, or a
 * DiffBIRError with another code.
 * @example
 * const result = await restore('old.jpg', { upscale: 2, onProgress: ({ fraction }) => console.log(fraction) });
 * await result.toFile('restored.jpg');
 */
export async function restore(input: ImageInput, options: RestoreOptions = {}): Promise<RestoreResult> {
  return restoreWith(async () => (await import('./internals')).internals, input, options);
}

/** `restore` with other rooms behind it: for tests. */
export async function restoreWith(
  rooms: () => Promise<Internals>,
  input: ImageInput,
  options: RestoreOptions,
): Promise<RestoreResult> {
  checkInput(input);
  const checked = validateOptions(options);
  const model = await loadModel({ ...checked, concurrency: 1 }, await rooms(), LOAD_SHARE);
  try {
    return await restorePicture(model, input, resolveOptions(checked, ...model.layers), LOAD_SHARE);
  } finally {
    await model.admission.dispose();
  }
}
