import { expected } from './errors';
import { type Hub, hubFrom } from './hub/hub';
import { type PulledFile, type PullProgress, pullWeights } from './hub/pullWeights';
import type { Weight } from './hub/weight';
import type { LoadedManifest } from './models/manifest';
import { officialManifest, weightsOf } from './models/officialModels';
import { isOfficialModelName, OFFICIAL_MODEL_NAMES, type OfficialModelName } from './models/registry';
import { OPTIONS } from './options/table';
import { check, ownMembers } from './options/validate';

export interface PullOptions {
  /** Stops the download; what has come stays, and the next call goes on from there. */
  readonly signal?: AbortSignal | undefined;
  /** Called as bytes come. An error that it throws stops the download. */
  readonly onProgress?: ((progress: PullProgress) => void) | undefined;
}

export interface PullResult {
  readonly name: OfficialModelName;
  readonly files: readonly PulledFile[];
}

/**
 * Downloads an official model, so that `model: name` works from then on, also offline. What is in the cache already, also
 * from Python's huggingface_hub, is not downloaded again: with all files there, no request is made.
 *
 * Files of the Hugging Face hub go into its own cache, those of other hosts into `DIFFBIR_CACHE` (`~/.cache/diffbir`).
 * Read from the environment: `HF_HOME`, `HF_HUB_CACHE`, `HF_TOKEN`, `HF_ENDPOINT`, `HF_HUB_OFFLINE`, `HTTPS_PROXY`,
 * `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`.
 *
 * Rejects with InvalidOptionError, AbortError, or a DownloadError (`file`, `code`): `DIFFBIR_DOWNLOAD_FAILED`,
 * `DIFFBIR_ACCESS_DENIED`, `DIFFBIR_WRONG_CHECKSUM`, `DIFFBIR_OFFLINE`, `DIFFBIR_DISK_FULL`, `DIFFBIR_CACHE_FAILED`.
 * @param name `v2.1`, `v2`, `v1-general` or `v1-face`
 * @example
 * await pull('v2.1', { onProgress: ({ received, total }) => console.log(received / total) });
 * await restore('old.jpg', { model: 'v2.1' });
 */
export async function pull(name: OfficialModelName, options: PullOptions = {}): Promise<PullResult> {
  return pullWith(() => hubFrom(process.env), weightsOf, name, options);
}

/** `pull` from another hub and with other files behind it: for tests. */
export async function pullWith(
  hub: () => Hub,
  weights: (loaded: LoadedManifest) => ReadonlyMap<string, Weight>,
  name: OfficialModelName,
  options: PullOptions,
): Promise<PullResult> {
  if (!isOfficialModelName(name)) {
    throw expected(`one of ${OFFICIAL_MODEL_NAMES.map((known) => `'${known}'`).join(', ')}`, 'name', name);
  }
  const checked = ownMembers(options, 'options', ['signal', 'onProgress'], '') as PullOptions;
  for (const [option, value] of Object.entries(checked)) check(OPTIONS[option as 'signal'], option, value);
  return { name, files: await pullWeights(hub(), weights(await officialManifest(name)), checked) };
}
