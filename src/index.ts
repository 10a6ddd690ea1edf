/**
 * diffbir: restores degraded photographs with DiffBIR.
 * @example
 * import { restore } from 'diffbir';
 * const result = await restore('old.jpg');
 * await result.toFile('restored.jpg');
 */
export { type CompareOptions, type Comparison, compare } from './compare';
export { RECIPE_NAMES, RECIPES, type RecipeName } from './degradation/recipes';
export type { RecipeObject } from './degradation/resolveRecipe';
export { type DegradeOptions, degrade, type RecipeInput } from './degrade';
export type { ChosenDevice } from './device/choose';
export type { Device } from './device/parse';
export {
  AbortError,
  CheckpointError,
  DiffBIRError,
  DownloadError,
  type ErrorCode,
  InvalidImageError,
  InvalidOptionError,
  type LoadAttempt,
  ManifestError,
  NativeLoadError,
  QueueFullError,
  TimeLimitError,
} from './errors';
export { type Estimate, type EstimateOptions, estimate, type StageEstimate } from './estimate';
export type { Point, RestoredFace } from './faces/restoredFace';
export type { PulledFile, PullProgress } from './hub/pullWeights';
export type { ImageInput, RawImage } from './image/types';
export { type Inspection, type InspectOptions, inspect } from './inspect';
export { type InspectModelOptions, inspectModel, type ModelInspection, type NetworkInspection } from './inspectModel';
export type { WeightMemory } from './memory/weights';
export type { CleanerType } from './models/cleanerType';
export type {
  CleanerEntry,
  FaceEntry,
  ModelManifest,
  ModelSource,
  NetworkEntry,
  OtherTask,
  TaskEntry,
  UnalignedFaceEntry,
} from './models/manifest';
export type { NetworkRole } from './models/networks';
export { type OfficialFile, type OfficialModelInfo, officialModels } from './models/officialModels';
export type { OfficialModelName } from './models/registry';
export type { DType, ScheduleSpec, Stage } from './native/binding';
export type { BlurRecipe, ClassicalRecipe, PassRecipe, Range, Recipe, TwoPassRecipe } from './native/degradation';
export type { Provider } from './native/devices';
export type { Appearance } from './native/metrics';
export type { OutputFormat, Task } from './options/choices';
export type { Guidance, RestoreOptions, Tiling } from './options/RestoreOptions';
export type { Captioner, Logger, RestoreProgress, Tensor } from './options/values';
export type { RunParameters } from './parameters/runParameters';
export type { OutputInfo, OutputOptions, PictureResult } from './pictureResult';
export { type PullOptions, type PullResult, pull } from './pull';
export { restore } from './restore';
export type { RestoreResult, StageTime } from './restoreResult';
export { type BatchItem, Restorer } from './restorer';
export { type VersionsOptions, versions } from './versions';
export type { Size } from './workSize';
