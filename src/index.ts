/**
 * diffbir: restores degraded photographs with DiffBIR.
 * @example
 * import { restore } from 'diffbir';
 * const result = await restore('old.jpg');
 * await result.toFile('restored.jpg');
 */
export {
  AbortError,
  CheckpointError,
  DiffBIRError,
  type ErrorCode,
  InvalidImageError,
  InvalidOptionError,
  ManifestError,
} from './errors';
export type { ImageInput, RawImage } from './image/types';
export type { ModelManifest, ModelSource, NetworkEntry } from './models/manifest';
export type { Stage } from './native/binding';
export type { Guidance, RestoreOptions } from './options/RestoreOptions';
export type { OutputFormat } from './options/table';
export type { Logger, RestoreProgress, Tensor } from './options/values';
export type { OutputInfo, OutputOptions } from './pictureResult';
export { restore } from './restore';
export type { RestoreResult, StageTime } from './restoreResult';
export { Restorer } from './restorer';
export { versions } from './versions';
