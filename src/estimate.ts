import type { ChosenDevice } from './device/choose';
import { expected } from './errors';
import { type StageWork, workOf } from './estimate/work';
import type { ImageInput, RawImage } from './image/types';
import { inspect } from './inspect';
import type { Internals } from './internals';
import { noStage1, type OpenModel, openModel } from './loadModel';
import { GPU_RESERVE } from './memory/gpu';
import { planPicture } from './memory/planPicture';
import { type WeightMemory, weightMemory } from './memory/weights';
import type { NetworkSpec, RestoreJob } from './native/binding';
import type { Int8KernelSet } from './native/int8Kernels';
import type { RestoreOptions } from './options/RestoreOptions';
import { type ResolvedOptions, resolveOptions } from './options/resolve';
import { OPTIONS, type OptionName } from './options/table';
import { validateOptions } from './options/validate';
import { runTask } from './runTask';
import { checkWorkSize, outputSize, type Size, workSize } from './workSize';

/** The options that time and memory depend on. */
export const ESTIMATE_OPTIONS = [
  'model',
  'task',
  'threads',
  'device',
  'nativeBinding',
  'precision',
  'stage',
  'upscale',
  'sampler',
  'steps',
  'cfgScale',
  'cfgStart',
  'cfgStop',
  'speed',
  'reuse',
  'reuseInterval',
  'guidance',
  'tiling',
  'memoryBudget',
  'parity',
  'samples',
  'limitWorkPixels',
  'signal',
] as const satisfies readonly OptionName[];

export type EstimateOptions = Pick<RestoreOptions, (typeof ESTIMATE_OPTIONS)[number]>;

/** What a restoration will take. Sizes in pixels, memory in bytes, times in seconds. Times are estimates. */
export interface Estimate {
  readonly model: string;
  readonly stage: 1 | 2;
  /** What it would run on, and whose memory is meant. */
  readonly device: ChosenDevice;
  readonly input: Size;
  readonly output: Size;
  /** What the networks work on: enlarged to the model's `minShortEdge` and padded to multiples of 64. */
  readonly work: Size;
  /** Tile sizes that will be used, as `memoryBudget` allows; 0: the picture whole. Name them in `tiling` to keep them. */
  readonly tiling: {
    readonly cleaner: number;
    readonly encoder: number;
    readonly diffusion: number;
    readonly decoder: number;
  };
  readonly stages: readonly StageEstimate[];
  readonly memory: WeightMemory & {
    /** Pictures, and the work of the network that needs most: what `memoryBudget` bounds. */
    readonly work: number;
    /** Node.js and ONNX Runtime without a model, about; on a GPU its libraries. */
    readonly base: number;
    /** The sum: the highest resident memory to expect, on a GPU of its own memory. */
    readonly peak: number;
  };
  /** What the times stand on: GFLOP/s of a product of large matrices, measured just before. Undefined on a GPU. */
  readonly speed: { readonly gflops: number; readonly threads: number } | undefined;
  /**
   * Time of the restoration without loading the model. What else the machine does changes it, and small networks. Undefined
   * on a GPU, whose speed is not measured.
   */
  readonly seconds: number | undefined;
}

export interface StageEstimate extends Omit<StageWork, 'type'> {
  readonly seconds: number | undefined;
}

/** Measured: Node.js 20 with sharp and ONNX Runtime 1.29, and the code of a session. */
const BASE = 150 * 2 ** 20;

/**
 * Share of the speed of a matrix product that networks reach. Measured in the published sizes at 512 x 512 pixels, time of
 * one core, against 240 GFLOP/s: UNet 0.84, ControlNet 0.80, VAE encoder 0.88 and decoder 0.90, SwinIR 0.50.
 */
const SHARE = 0.8;
const SHARE_OF_WINDOWS = 0.5;
/** How much faster the networks of stage 2 are with `int8`, by docs/decisions/0013. */
const GAIN_OF_INT8: Readonly<Record<Int8KernelSet, number>> = { avx512: 2.6, avx2: 1.2, portable: 0.25 };

/**
 * Says before a restoration what it will take (for `unaligned_face` without its faces, each a picture of 512 x 512 more): size, tiles, memory, floating-point operations, and a time from a
 * calibration of a third of a second. Reads the headers of the model's files; builds no network and decodes no picture.
 *
 * Rejects with InvalidOptionError (also for a `memoryBudget` that does not do), InvalidImageError, ManifestError,
 * CheckpointError, AbortError, DIFFBIR_MODEL_NOT_FOUND, DIFFBIR_NO_DEVICE.
 * @param input a picture file, or its size
 * @example
 * const { seconds, memory } = await estimate({ width: 1024, height: 768 }, { model: './diffbir-v2.1', steps: 20 });
 */
export async function estimate(
  input: Exclude<ImageInput, RawImage> | Size,
  options: EstimateOptions = {},
): Promise<Estimate> {
  const checked = validateOptions(options, { only: ESTIMATE_OPTIONS });
  const { signal } = checked;
  const size = isSize(input) ? checkSize(input) : await inspect(input, signal ? { signal } : {});
  const { internals } = await import('./internals');
  const model = await openOn(checked, internals);
  return estimateWith(model, size, resolveOptions(...model.layers), await measure(model, internals, checked));
}

/** Opens a model for the device that the options name. */
export async function openOn(options: RestoreOptions, internals: Internals): Promise<OpenModel> {
  const { device = OPTIONS.device.default, nativeBinding } = options;
  return openModel(options, internals, await internals.resolveDevices(device, nativeBinding));
}

/** The estimate for a model that is open already, at a speed that is known already. */
export function estimateWith(
  model: OpenModel,
  { width, height }: Size,
  options: ResolvedOptions,
  speed: Estimate['speed'],
): Estimate {
  const stage = options.stage ?? model.stages;
  if (stage === 1 && !model.hasStage1) throw noStage1(model.name);
  const input = { width, height };
  const minShortEdge = stage === 2 ? model.minShortEdge : 1;
  checkWorkSize({ ...input, name: 'The picture' }, options, minShortEdge);
  const { tiling: tiles, work, keepNetworks } = planPicture(input, stage, model, options);
  const { primitives, int8Kernels } = model.internals.loadBinding(options.nativeBinding);
  const gain = options.precision === 'float32' ? 1 : GAIN_OF_INT8[int8Kernels];
  const stages = workOf(model, { stage, size: input, tiles }, options, primitives).map(({ type, ...work }) => ({
    ...work,
    seconds: speed && work.flop / (speed.gflops * 1e9 * shareOf(type, gain)),
  }));
  const weights = weightMemory(model.spec, keepNetworks);
  const base = model.gpuWeights ? GPU_RESERVE : BASE;
  return {
    model: model.name,
    stage,
    device: model.devices[0],
    input,
    output: { width: outputSize(width, options.upscale), height: outputSize(height, options.upscale) },
    work: workSize(input, options.upscale, minShortEdge),
    tiling: tileSizes(tiles),
    stages,
    memory: { ...weights, work, base, peak: weights.mapped + weights.copied + work + base },
    speed,
    seconds: speed && stages.reduce((sum, { seconds = 0 }) => sum + seconds, 0),
  };
}

/** Of this machine with the threads that a restoration would have; undefined for one on a GPU. */
export async function measure(
  { layers, gpuWeights }: OpenModel,
  { loadBinding }: Internals,
  { signal }: Pick<RestoreOptions, 'signal'>,
): Promise<Estimate['speed']> {
  if (gpuWeights) return undefined;
  const { threads, nativeBinding } = resolveOptions(...layers);
  const gflops = await runTask(() => loadBinding(nativeBinding).measureSpeed(threads), undefined, signal);
  return { gflops, threads };
}

function tileSizes({ cleaner, encoder, decoder, diffusion }: RestoreJob['tiling']): Estimate['tiling'] {
  return { cleaner: cleaner.tile, encoder, diffusion: diffusion.tile, decoder };
}

function shareOf(type: NetworkSpec['type'], gain: number): number {
  if (type === 'swinir' || type === 'scunet') return SHARE_OF_WINDOWS;
  return /^(unet|vae)/.test(type) ? gain * SHARE : SHARE;
}

function isSize(input: unknown): input is Size {
  return typeof input === 'object' && input !== null && 'width' in input && !('data' in input);
}

function checkSize({ width, height }: Size): Size {
  for (const [name, value] of Object.entries({ width, height })) {
    if (!Number.isSafeInteger(value) || value < 1) throw expected('a number of pixels', name, value);
  }
  return { width, height };
}
