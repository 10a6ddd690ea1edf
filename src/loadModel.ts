import path from 'node:path';
import { InvalidOptionError } from './errors';
import type { Internals } from './internals';
import { abortError } from './jobQueue';
import { type Footprint, footprintOf } from './memory/footprint';
import type { LoadedManifest } from './models/manifest';
import { hasStage1, hasStage2, MIN_SHORT_EDGE, modelSpec } from './models/modelSpec';
import { openModel } from './models/openModel';
import { forTask } from './models/task';
import type { NativeModel } from './native/binding';
import type { RestoreOptions } from './options/RestoreOptions';
import { resolveOptions } from './options/resolve';
import type { Task } from './options/table';
import { packageRoot } from './packageRoot';
import { withLoadFraction } from './progress';
import { runTask } from './runTask';

/** A model that is loaded, and how its Restorer was configured. */
export interface LoadedModel {
  readonly native: NativeModel;
  readonly name: string;
  readonly task: Task;
  /** The last stage whose networks are there. */
  readonly stages: 1 | 2;
  /** What its networks need while they run. */
  readonly footprint: Footprint;
  /** Whether it has a text encoder. */
  readonly readsPrompts: boolean;
  /** Stage 2 enlarges pictures with a shorter side, in pixels. */
  readonly minShortEdge: number;
  /** Whether stage 1 does anything. */
  readonly hasStage1: boolean;
  /** Options of every call that it does not set itself, by falling precedence. */
  readonly layers: readonly RestoreOptions[];
  readonly internals: Internals;
}

/** Defaults of a model without a text encoder, whose conditional and unconditional predictions are the same. */
const WITHOUT_PROMPTS = { prompt: '', negativePrompt: '', cfgScale: 1 } as const satisfies RestoreOptions;

/** The model that ships with this package. */
export function embeddedModel(): string {
  return path.join(packageRoot(), 'models', 'tiny');
}

/**
 * Reads the manifest, opens the checkpoints and builds the networks. `options` must have been validated.
 * Rejects with ManifestError, CheckpointError, DownloadError, AbortError, DIFFBIR_MODEL_NOT_FOUND,
 * DIFFBIR_MODEL_MISMATCH.
 */
export async function loadModel(options: RestoreOptions, internals: Internals, loadShare = 1): Promise<LoadedModel> {
  // What belongs to this call alone is no default of later ones.
  const { signal, onProgress, ...lasting } = options;
  const stopIfAborted = () => {
    if (signal?.aborted) throw abortError(signal);
  };
  stopIfAborted();
  const opened = await openModel(options.model ?? embeddedModel(), options);
  const { task } = resolveOptions(lasting, opened.tasks ? { task: opened.tasks[0] } : {});
  const manifest = forTask(opened, task);
  stopIfAborted();
  const readsPrompts = manifest.manifest.networks.textEncoder !== undefined;
  const layers = [lasting, manifest.manifest.defaults ?? {}, ...(readsPrompts ? [] : [WITHOUT_PROMPTS])];
  const { threads, stage: asked } = resolveOptions(...layers);
  const stages = asked ?? (hasStage2(manifest) ? 2 : 1);
  if (stages === 2 && !hasStage2(manifest)) throw noStage2(manifest);
  if (stages === 1 && !hasStage1(manifest)) throw noStage1(manifest.manifest.name);
  const spec = await modelSpec(manifest, { stage: stages, threads }, internals.readCheckpoint);
  stopIfAborted();
  const binding = internals.loadBinding();
  const progress = onProgress && withLoadFraction(onProgress, loadShare);
  const native = await runTask((report) => binding.createModel(spec, report), progress, signal);
  return {
    native,
    name: manifest.manifest.name,
    task,
    stages,
    hasStage1: hasStage1(manifest),
    footprint: footprintOf(spec),
    readsPrompts,
    minShortEdge: manifest.manifest.minShortEdge ?? MIN_SHORT_EDGE,
    layers,
    internals,
  };
}

export function noStage1(name: string): InvalidOptionError {
  return new InvalidOptionError('stage', `Expected 2 for stage but received 1: the model ${name} has no stage 1`);
}

function noStage2({ manifest }: LoadedManifest): InvalidOptionError {
  return new InvalidOptionError(
    'stage',
    `Expected 1 for stage but received 2: the model ${manifest.name} has stage 1 alone`,
  );
}
