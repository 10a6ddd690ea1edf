import path from 'node:path';
import { ASKED, type ChosenDevice, chooseCpu } from './device/choose';
import { type ResolvedDevices, resolved } from './device/resolve';
import { InvalidOptionError } from './errors';
import type { Internals } from './internals';
import { abortError } from './jobQueue';
import { Admission } from './memory/admission';
import { type FaceFootprint, type Footprint, faceFootprintOf, footprintOf } from './memory/footprint';
import { gpuMemoryBudget } from './memory/gpu';
import { type GpuWeights, gpuWeights, keepsNetworks, weightMemory } from './memory/weights';
import { findModel } from './models/findModel';
import type { LoadedManifest, ModelManifest } from './models/manifest';
import { hasStage1, hasStage2, MIN_SHORT_EDGE, modelSpec } from './models/modelSpec';
import { forTask } from './models/task';
import type { ModelSpec, NativeModel, NativeProgress, Precision } from './native/binding';
import type { Provider } from './native/devices';
import type { Task } from './options/choices';
import type { RestoreOptions } from './options/RestoreOptions';
import { resolveOptions } from './options/resolve';
import { OPTIONS } from './options/table';
import { packageRoot } from './packageRoot';
import { withStage } from './progress';
import { runTask } from './runTask';

/** A model that is loaded, and how its Restorer was configured. */
export interface LoadedModel {
  /** Where pictures get the networks from, one native model each. */
  readonly admission: Admission;
  /** One at least, of one provider. */
  readonly devices: readonly [ChosenDevice, ...ChosenDevice[]];
  readonly name: string;
  readonly task: Task;
  /** The last stage whose networks are there. */
  readonly stages: 1 | 2;
  /** What its networks need while they run. */
  readonly footprint: Footprint;
  /** The same of its face networks; undefined for other tasks than `unaligned_face`. */
  readonly faces: FaceFootprint | undefined;
  /** Bytes of the weights that its networks copy when all are open. */
  readonly copied: number;
  /** What its weights take of a GPU's memory; undefined on the CPU. */
  readonly gpuWeights: GpuWeights | undefined;
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

/** A model while a picture runs on it. */
export interface ModelInUse extends LoadedModel {
  readonly native: NativeModel;
}

/** A model whose files have been read, and nothing built yet. */
export interface OpenModel extends Omit<LoadedModel, 'admission'> {
  /** For the first of its devices. */
  readonly spec: ModelSpec;
  /** As it is for the task. */
  readonly manifest: ModelManifest;
}

/** Defaults of a model without a text encoder, whose conditional and unconditional predictions are the same. */
const WITHOUT_PROMPTS = { prompt: '', negativePrompt: '', cfgScale: 1 } as const satisfies RestoreOptions;

const CPU: ResolvedDevices = [resolved(chooseCpu(ASKED))];

/** The model that ships with this package. */
export function embeddedModel(): string {
  return path.join(packageRoot(), 'models', 'tiny');
}

/**
 * Reads the manifest and the checkpoints' tables of tensors. `options` must have been validated.
 * Rejects with ManifestError, CheckpointError, DownloadError, AbortError, DIFFBIR_MODEL_NOT_FOUND.
 * @param devices what the option `device` stands for
 */
export async function openModel(
  options: RestoreOptions,
  internals: Internals,
  devices: ResolvedDevices = CPU,
): Promise<OpenModel> {
  // What belongs to this call alone is no default of later ones.
  const { signal, onProgress: _, ...lasting } = options;
  const stopIfAborted = () => {
    if (signal?.aborted) throw abortError(signal);
  };
  stopIfAborted();
  const found = await findModel(options.model ?? embeddedModel(), options);
  const { task } = resolveOptions(lasting, found.tasks ? { task: found.tasks[0] } : {});
  const manifest = forTask(found, task);
  stopIfAborted();
  const readsPrompts = manifest.manifest.networks.textEncoder !== undefined;
  const { execution } = devices[0];
  const defaults = defaultsOn(execution.provider, manifest.manifest.defaults ?? {});
  const ofDevice = deviceDefaults(devices, lasting);
  const layers = [lasting, defaults, ...(readsPrompts ? [] : [WITHOUT_PROMPTS]), ofDevice];
  const { threads, precision, stage: asked, ...planned } = resolveOptions(...layers);
  if (!canCompute(execution.provider, precision)) throw precision === 'int8' ? onTheCpuAlone() : notOnTheCpu();
  const stages = asked ?? (hasStage2(manifest) ? 2 : 1);
  if (stages === 2 && !hasStage2(manifest)) throw noStage2(manifest);
  if (stages === 1 && !hasStage1(manifest)) throw noStage1(manifest.manifest.name);
  const wanted = { stage: stages, threads, precision };
  const spec = { ...(await modelSpec(manifest, wanted, internals.readCheckpoint)), execution };
  stopIfAborted();
  const { copied } = weightMemory(spec);
  return {
    spec: { ...spec, keepNetworks: keepsNetworks(copied, 0, planned) },
    copied,
    gpuWeights: gpuWeights(spec),
    devices: devices.map(({ device }) => device) as readonly ChosenDevice[] as LoadedModel['devices'],
    manifest: manifest.manifest,
    name: manifest.manifest.name,
    task,
    stages,
    hasStage1: hasStage1(manifest),
    footprint: footprintOf(spec),
    faces: faceFootprintOf(spec),
    readsPrompts,
    minShortEdge: manifest.manifest.minShortEdge ?? MIN_SHORT_EDGE,
    layers,
    internals,
  };
}

/**
 * Reads the manifest, opens the checkpoints and builds the networks. `options` must have been validated.
 * Rejects as openModel does, and with DIFFBIR_NO_DEVICE, DIFFBIR_MODEL_MISMATCH.
 */
export async function loadModel(options: RestoreOptions, internals: Internals, loadShare = 1): Promise<LoadedModel> {
  const { device = OPTIONS.device.default, nativeBinding } = options;
  // First: files that nothing can run need not be read, nor downloaded.
  const devices = await internals.resolveDevices(device, nativeBinding);
  const { spec, manifest: _, ...model } = await openModel(options, internals, devices);
  const binding = internals.loadBinding(nativeBinding);
  const { concurrency } = resolveOptions(...model.layers);
  const natives: NativeModel[][] = [];
  try {
    // One device after the other: what is made of the weights on the way there is in memory once.
    for (const [k, { execution }] of devices.entries()) {
      const own: NativeModel[] = [];
      natives.push(own);
      const share = loadShare / devices.length;
      const progress = options.onProgress && withStage(options.onProgress, k * share, (k + 1) * share);
      // The first opens the networks, and the others share them.
      for (let i = 0; i < concurrency; i++) {
        const task = (report: (progress: NativeProgress) => void) =>
          binding.createModel({ ...spec, execution }, report);
        own.push(await runTask(task, i === 0 ? progress : undefined, options.signal));
      }
    }
  } catch (error) {
    await Promise.all(natives.flat().map((native) => native.dispose()));
    throw error;
  }
  return { ...model, admission: new Admission(natives, model.copied, spec.keepNetworks ? 'none' : undefined) };
}

/** Whether networks compute with it there. */
function canCompute(provider: Provider, precision: Precision): boolean {
  return precision === 'float32' || precision === (provider === 'cpu' ? 'int8' : 'float16');
}

/** A model's own defaults. A precision that the device does not have was not asked for by anybody: it is left out. */
function defaultsOn(provider: Provider, { precision, ...defaults }: RestoreOptions): RestoreOptions {
  return precision && canCompute(provider, precision) ? { precision, ...defaults } : defaults;
}

/** Defaults that the table does not have, since they depend on the device. The reference computes in float32. */
function deviceDefaults(devices: ResolvedDevices, { parity }: RestoreOptions): RestoreOptions {
  if (devices[0].execution.provider === 'cpu') return {};
  return {
    precision: parity ? 'float32' : 'float16',
    memoryBudget: gpuMemoryBudget(devices.map(({ device }) => device.freeBytes ?? 0)),
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

function onTheCpuAlone(): InvalidOptionError {
  return new InvalidOptionError(
    'precision',
    'Expected float32 or float16 for precision but received int8: its operators are of the processor alone',
  );
}

function notOnTheCpu(): InvalidOptionError {
  return new InvalidOptionError(
    'precision',
    'Expected float32 or int8 for precision but received float16: the processor computes with no halves, ' +
      'so that they would cost time and save nothing',
  );
}
