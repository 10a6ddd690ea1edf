import { stat } from 'node:fs/promises';
import { DiffBIRError } from '../errors';
import { findCached } from '../hub/cache';
import { type Hub, hubFrom } from '../hub/hub';
import { type PullProgress, pullWeights } from '../hub/pullWeights';
import { nearest } from '../options/nearest';
import type { RestoreOptions } from '../options/RestoreOptions';
import { type LoadedManifest, type ModelSource, readManifest } from './manifest';
import { officialManifest, weightOf } from './officialModels';
import { isOfficialModelName, OFFICIAL_MODEL_NAMES, type OfficialModelName } from './registry';

const MIB = 1 << 20;

/** What of the options the opening of a model needs. */
export type OpenOptions = Pick<RestoreOptions, 'download' | 'signal' | 'onProgress'>;

/**
 * Finds the manifest that `model` means: an object, a folder, or the name of an official model, whose checkpoints are then
 * found in the caches, and downloaded with `download: true`. A folder goes before an official model of its name.
 * Throws DIFFBIR_MODEL_NOT_FOUND or ManifestError; `locate` of the result also DownloadError.
 */
export async function findModel(model: string | ModelSource, options: OpenOptions): Promise<LoadedManifest> {
  if (typeof model !== 'string' || /[/\\]/.test(model) || (await isFolder(model))) return readManifest(model);
  if (!isOfficialModelName(model)) throw unknownModel(model);
  const hub = hubFrom(process.env);
  return { ...(await officialManifest(model)), locate: (file) => locate(hub, model, file, options) };
}

/** The path of an official checkpoint. One file at a time, so that stage 1 alone does not fetch those of stage 2. */
async function locate(hub: Hub, model: OfficialModelName, file: string, options: OpenOptions): Promise<string> {
  const weight = weightOf(file);
  const found = await findCached(hub, weight);
  if (found) return found;
  if (!options.download) {
    throw new DiffBIRError(
      'DIFFBIR_MODEL_NOT_FOUND',
      `The model ${model} needs ${file}, which is not downloaded yet (looked in ${hub.cache} and ${hub.ownCache}): ` +
        `run "npx diffbir pull ${model}", or set the option download (--download)`,
    );
  }
  const { signal, onProgress } = options;
  const report = ({ fileReceived, fileBytes }: PullProgress) =>
    onProgress?.({
      stage: 'download',
      step: Math.floor(fileReceived / MIB),
      steps: Math.ceil(fileBytes / MIB),
      fraction: 0,
    });
  const [pulled] = await pullWeights(hub, new Map([[file, weight]]), { signal, onProgress: report });
  return (pulled as NonNullable<typeof pulled>).path;
}

async function isFolder(model: string): Promise<boolean> {
  return stat(model).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function unknownModel(model: string): DiffBIRError {
  const guess = nearest(model, OFFICIAL_MODEL_NAMES);
  const hint = guess ? `Did you mean ${guess}?` : `Official models are ${OFFICIAL_MODEL_NAMES.join(', ')}.`;
  return new DiffBIRError('DIFFBIR_MODEL_NOT_FOUND', `There is no folder ${model}, and no official model. ${hint}`);
}
