/**
 * The addon as TypeScript sees it: one typed declaration of everything that crosses the door.
 * `native/addon` implements it; nothing else in `src/` talks to native code in another way.
 * Options arrive here resolved: no defaults, no optional members, no JSON.
 */

import type { BlurKernel, BlurKernelSpec, DegradationOperation, Recipe } from './degradation';
import type { ExecutionSpec, NativeDevices, Provider } from './devices';
import type { FacePrimitives, FindFacesJob, FoundFaces, PasteFacesJob } from './faces';
import type { KernelPrimitives } from './kernels';
import type { NativeComparison, NiqeModel, NiqePatches } from './metrics';

/** Element types a checkpoint tensor can have; what native code can use is a subset that it checks itself. */
export type DType =
  | 'float64'
  | 'float32'
  | 'float16'
  | 'bfloat16'
  | 'int64'
  | 'int32'
  | 'int16'
  | 'int8'
  | 'uint8'
  | 'bool';

/** Where one tensor of a checkpoint lies in its file. Nothing is read: native code maps the file. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Steps in elements between neighbours along each axis, as torch stores them. */
  readonly strides: readonly number[];
  /** Byte offset in the file of the element at index 0. */
  readonly offset: number;
  /** Byte offset in the file just behind the storage that the tensor looks into: no element may lie beyond. */
  readonly end: number;
}

/** Tensors of one checkpoint file, by official key name (after unwrapping `state_dict` and `module.`). */
export interface WeightTable {
  readonly file: string;
  /** Size of the file when it was parsed; native code refuses a file whose size has changed. */
  readonly fileSize: number;
  readonly tensors: readonly TensorEntry[];
}

/**
 * What makes a network faster or smaller and leaves its numbers as they are, but for rounding: operators that do the work
 * of several (native/graph/build_options.h), and what `Optimizations` of native/pipeline/model.h has beside them.
 */
export const OPTIMIZATIONS = [
  ...(['attention', 'groupNorm', 'layerNorm', 'linear', 'gelu', 'geglu', 'vectorKernels'] as const),
  ...(['graph', 'mappedWeights'] as const),
] as const;
export type Optimization = (typeof OPTIMIZATIONS)[number];

/** Operators that the CUDA provider alone has (native/graph/build_options.h), and what goes with them. */
export const CUDA_FUSIONS = [
  ...(['nhwc', 'nhwcGroupNorm', 'skipGroupNorm', 'skipLayerNorm', 'biasAdd', 'biasSplitGelu'] as const),
  ...(['fusedKernels', 'packedAttention', 'separateTiles'] as const),
] as const;
export type CudaFusion = (typeof CUDA_FUSIONS)[number];

/** Forms of a graph for tests on the CPU (native/graph/build_options.h). */
export const GRAPH_CHECKS = ['rounded', 'definitions'] as const;
export type GraphCheck = (typeof GRAPH_CHECKS)[number];

/** What the large layers of a network compute with. */
export type Precision = 'float32' | 'float16' | 'int8';

/** One network of a model: which keys of which file, and the numbers that shapes cannot tell. */
export interface NetworkSpec {
  readonly type: /** A cleaner that gives the picture as it is. */
    | 'none'
    | 'swinir'
    | 'rrdbnet'
    | 'srvgg'
    | 'scunet'
    | 'unet'
    /** Parts of a UNet, see native/nets/unet.h. */
    | 'unet_decoder'
    | 'unet_shallow'
    | 'controlnet'
    | 'vae_encoder'
    | 'vae_decoder'
    | 'clip_text'
    | 'retinaface'
    | 'parsenet';
  readonly weights: WeightTable;
  /** Prefix of this network's keys in the file, for instance `model.diffusion_model.`; may be empty. */
  readonly prefix: string;
  /** Named as in the reference's configuration: num_heads, window_size, num_head_channels, heads, ... */
  readonly config: Readonly<Record<string, number | readonly number[]>>;
  /** Default float32. int8 is for UNet, ControlNet and autoencoder; float16 for GPUs, and not for face networks. */
  readonly precision?: Precision;
  /** Those that are on; all where it is left out, as `src/` does. The golden runner tries them one by one. */
  readonly optimizations?: readonly (Optimization | CudaFusion | GraphCheck)[];
}

export interface ScheduleSpec {
  readonly timesteps: number;
  readonly linearStart: number;
  readonly linearEnd: number;
  readonly zeroSnr: boolean;
  readonly parameterization: 'eps' | 'v';
}

/** A model with everything resolved. The stage-2 networks come together or not at all. */
export interface ModelSpec {
  readonly cleaner: NetworkSpec;
  readonly stage2: null | {
    readonly vaeEncoder: NetworkSpec;
    readonly vaeDecoder: NetworkSpec;
    /** null: the picture alone steers, and prompts are not read. */
    readonly textEncoder: NetworkSpec | null;
    readonly unet: NetworkSpec;
    readonly controlnet: NetworkSpec;
    readonly schedule: ScheduleSpec;
    readonly latentScaleFactor: number;
    readonly minShortEdge: number;
  };
  /** What restores faces where they are in a picture; null: pictures are restored as a whole alone. */
  readonly faces: null | {
    /** Stage 1 of an aligned face. */
    readonly cleaner: NetworkSpec;
    readonly detector: NetworkSpec;
    readonly parser: NetworkSpec;
  };
  /** Threads of one operator (ONNX Runtime's intra_op); at least 1. */
  readonly threads: number;
  /** Whether all networks are opened when the model is loaded; else they are only checked then, and opened by jobs. */
  readonly keepNetworks: boolean;
  /** DIFFBIR_NO_DEVICE where it cannot be had: nothing runs on the CPU instead. */
  readonly execution: ExecutionSpec;
}

/** 8-bit RGB, rows top to bottom, interleaved. */
export interface NativeImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

export type Stage = 'load' | 'detect' | 'stage1' | 'encode' | 'sample' | 'decode' | 'finish' | 'paste';

/** One progress message. `step` counts from 1 to `steps` inside the stage. */
export interface NativeProgress {
  readonly stage: Stage;
  readonly step: number;
  readonly steps: number;
  /** What takes so long, where it is not the usual. */
  readonly text?: string;
}

/** Everything one restoration needs beside the model. Names as in the reference (behaviour.md 1.1). */
export interface RestoreJob {
  readonly image: NativeImage;
  /** An aligned face: stage 1 is that of the model's `faces`. */
  readonly isFace: boolean;
  /** 1: the cleaner alone; 2: both stages. */
  readonly stage: 1 | 2;
  readonly upscale: number;
  readonly sampler: string;
  readonly steps: number;
  readonly cfgScale: number;
  readonly rescaleCfg: boolean;
  /** The part of the diffusion, 0 to 1, where cfgScale is in force. */
  readonly cfgStart: number;
  readonly cfgStop: number;
  readonly strength: number;
  readonly noiseAug: number;
  /** What predictions take from the one before that was due (native/pipeline/controlled_unet.h), due every n-th time. */
  readonly reuse: 'none' | 'encoder' | 'deep';
  readonly reuseInterval: number;
  readonly startPoint: 'noise' | 'cond';
  readonly edm: EdmSpec;
  readonly guidance: {
    /** `w_mse`: less at edges and in texture (native/diffusion/edge_weight.h). */
    readonly loss: 'mse' | 'w_mse';
    /** `rgb`: between pictures, through the decoder's gradient. */
    readonly space: 'latent' | 'rgb';
    readonly scale: number;
    readonly start: number;
    readonly stop: number;
    readonly repeat: number;
  };
  /** 0..1: how far every prediction moves to the stage-1 latent (native/diffusion/guidance.h). */
  readonly fidelity: number;
  /** Sizes in pixels, 0: the picture whole. The diffusion tile is a multiple of 64, the others' and its stride of 8. */
  readonly tiling: {
    readonly cleaner: TileSpec;
    readonly encoder: number;
    readonly decoder: number;
    readonly diffusion: TileSpec;
    /** Tiles of the cleaner or of the diffusion model in one call of their networks. */
    readonly batch: number;
    /** Whether all tiles are in memory at once, or one at a time: the same result in several times the time. */
    readonly encoderAtOnce: boolean;
    readonly decoderAtOnce: boolean;
  };
  readonly padding: 'reflect' | 'zero';
  /** The reference's quirks: truncation to 8 bits, off-centre blending, averaged tile statistics. */
  readonly parity: boolean;
  readonly colorFix: 'wavelet' | 'adain' | 'none';
  /** 77 token ids each. */
  readonly positiveTokens: Int32Array;
  readonly negativeTokens: Int32Array;
  /** 0 <= seed < 2^64. */
  readonly seed: bigint;
  /** Whose numbers the seed gives: those of torch's CPU or of its CUDA generator. */
  readonly rng: 'torch' | 'cuda';
  /** Recorded draws that replace the generator, in the reference's order; empty = use `seed`. */
  readonly noise: readonly NativeTensor[];
  /** Also return the intermediate tensors of the run (the golden runner looks at them). */
  readonly trace: boolean;
  /** Whether networks stay open when their stage is over; else none is open before and after the job. */
  readonly keepNetworks: boolean;
}

/** Tiles of `tile` pixels, their starts `stride` apart: 1 <= stride <= tile, or a tile of 0. */
export interface TileSpec {
  readonly tile: number;
  readonly stride: number;
}

export interface NativeTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface NativeStageTime {
  readonly stage: Stage;
  readonly milliseconds: number;
}

export interface NativeResult {
  readonly image: NativeImage;
  readonly times: readonly NativeStageTime[];
  /** c_txt, uncond_c_txt, cond_img, c_img, x_steps, final_latent, decoded01, color_fixed; empty without `trace`. */
  readonly trace: Readonly<Record<string, NativeTensor>>;
}

/** A running job. `cancel` may be called at any time, any number of times; the promise then rejects with DIFFBIR_ABORTED. */
export interface NativeTask<T> {
  readonly promise: Promise<T>;
  cancel(): void;
}

/**
 * Loaded networks, which all models of the process share that have the same networks of the same files with as many
 * threads. Jobs of one model run one after the other in the order they were started.
 */
export interface NativeModel {
  restore(job: RestoreJob, onProgress: (progress: NativeProgress) => void): NativeTask<NativeResult>;
  /** These two of a model with `faces`. */
  findFaces(job: FindFacesJob, onProgress: (progress: NativeProgress) => void): NativeTask<FoundFaces>;
  pasteFaces(job: PasteFacesJob, onProgress: (progress: NativeProgress) => void): NativeTask<NativeImage>;
  /** Closes its networks behind the jobs that were started; the next job opens them again. */
  closeNetworks(): Promise<void>;
  /** Cancels what runs, waits for it and frees the networks. Later calls reject with DIFFBIR_DISPOSED. */
  dispose(): Promise<void>;
}

/** Thrown by native code: an Error with the stable `code` of `src/errors.ts`. */
export interface NativeError extends Error {
  readonly code: string;
}

export interface NativeBinding {
  /** Opens ONNX Runtime by absolute path, once per process; later calls with the same path are free. Returns its version. */
  openRuntime(path: string): string;
  /** The GPUs of this machine. Never throws for want of one; asking a GPU for its free memory wakes it up. */
  devices(): NativeDevices;
  createModel(spec: ModelSpec, onProgress: (progress: NativeProgress) => void): NativeTask<NativeModel>;
  /** What a recipe of `src/degradation` does to a picture; the same size comes out. Rejects with DIFFBIR_INVALID_IMAGE for a picture too small for the recipe. */
  degrade(job: {
    readonly image: NativeImage;
    readonly recipe: Recipe;
    readonly seed: bigint;
  }): NativeTask<NativeImage>;
  /** Rejects with DIFFBIR_INVALID_IMAGE when the sizes differ or a side is below 8. */
  compare(reference: NativeImage, picture: NativeImage, niqe: NiqeModel): NativeTask<NativeComparison>;
  /** What the model of NIQE is fitted from. */
  niqePatches(image: NativeImage): NativeTask<NiqePatches>;
  /** GFLOP/s of ONNX Runtime in a product of large matrices, in less than a second (native/runtime/speed.h). */
  measureSpeed(threads: number): NativeTask<number>;
  /** Whether there are kernels for this processor that make `int8` faster than float32; else it is about half as fast. */
  readonly hasFastInt8: boolean;
  /** Single operations of the pipeline, for the golden runner and the tests. */
  readonly primitives: Primitives;
}

/** Synchronous single operations. Shapes, ranges and sources are documented at the C++ functions they call. */
export interface Primitives extends FacePrimitives {
  // core/rng: a fresh torch CPU generator answers a sequence of draws
  torchDraws(seed: bigint, draws: readonly TorchDraw[]): (Float32Array | Float64Array | BigInt64Array)[];
  /** Increments of one Brownian motion, drawn from a fresh generator, for [sigma, sigmaNext, sigma, sigmaNext, ...]. */
  brownianIncrements(
    seed: bigint,
    shape: readonly number[],
    sigmaMin: number,
    sigmaMax: number,
    queries: Float32Array,
    rng?: 'torch' | 'cuda',
  ): NativeTensor[];
  /** What torch makes of uniform numbers, 16 at a time; `portable` without the instructions that a processor may lack. */
  normalsOfUniforms(uniforms: Float32Array, portable: boolean): Float32Array;
  /** Normal numbers of a fresh generator of torch on a card with so many multiprocessors, draw for draw. */
  cudaDraws(
    seed: bigint,
    counts: Int32Array,
    multiprocessors: number,
    threadsPerMultiprocessor: number,
  ): Float32Array[];
  /** Philox 4x32-10: four words of a counter of four. */
  philox(counter: Int32Array, key: bigint): Int32Array;
  // imaging
  resizeBicubicAntialias(x: NativeTensor, height: number, width: number): NativeTensor;
  resizeBicubicPil(image: NativeImage, width: number, height: number): NativeImage;
  resizeShortEdgeTo(x: NativeTensor, size: number): NativeTensor;
  padToMultiplesOf(x: NativeTensor, multiple: number): NativeTensor;
  waveletBlur(x: NativeTensor, radius: number): NativeTensor;
  waveletDecomposition(x: NativeTensor): { high: NativeTensor; low: NativeTensor };
  /** `strip` rows at a time; left open, as many as the pipeline takes. */
  waveletReconstruction(content: NativeTensor, style: NativeTensor, strip?: number): NativeTensor;
  adaptiveInstanceNormalization(content: NativeTensor, style: NativeTensor): NativeTensor;
  toUint8(x: Float32Array): Uint8Array;
  resizeBoxPil(image: NativeImage, width: number, height: number): NativeImage;
  centerCrop(image: NativeImage, size: number): NativeImage;
  // cuda/imaging
  readonly kernels: KernelPrimitives;
  // imaging/degradation
  blurKernel(kernel: BlurKernelSpec): BlurKernel;
  sincKernel(cutoff: number, size: number, padTo: number): BlurKernel;
  /** Every decision of a recipe for one picture. */
  drawDegradation(recipe: Recipe, width: number, height: number, seed: bigint): DegradationOperation[];
  /** Applies operations one after the other, with recorded draws. */
  applyDegradation(
    x: NativeTensor,
    plan: readonly DegradationOperation[],
    draws: readonly NativeTensor[],
  ): NativeTensor;
  // imaging/metrics
  compareImages(reference: NativeImage, picture: NativeImage, niqe: NiqeModel): NativeComparison;
  /** x^T M^+ x of a symmetric positive semidefinite M. */
  inverseQuadraticForm(matrix: Float64Array, x: Float64Array): number;
  /** Each tile is y, x, height, width. */
  slidingWindows(height: number, width: number, tile: number, stride: number): Int32Array[];
  overlappingTiles(
    height: number,
    width: number,
    tile: number,
    overlap: number,
  ): { input: Int32Array; own: Int32Array }[];
  gaussianWeights(height: number, width: number, centre: BlendCentre): Float64Array;
  blendTiles(
    x: NativeTensor,
    tile: number,
    stride: number,
    scale: number,
    centre: BlendCentre,
    tileOutputs: (tiles: NativeTensor) => NativeTensor,
    batch?: number,
    /** Outputs lie on a device of guarded memory. */
    guarded?: boolean,
  ): NativeTensor;
  // diffusion
  noiseSchedule(schedule: ScheduleSpec): {
    betas: Float64Array;
    alphasCumprod: Float64Array;
    sqrtAlphasCumprod: Float32Array;
    sqrtOneMinusAlphasCumprod: Float32Array;
  };
  spacedSchedule(schedule: ScheduleSpec, steps: number): Record<string, Float32Array | Int32Array>;
  /** Timesteps in sections of `counts` each, and with one stride. */
  spaceTimesteps(timesteps: number, counts: Int32Array): Int32Array;
  /** Which of a run's predictions, at these timesteps, compute all features where `reuse` lets the others take them. */
  reuseSchedule(steps: number, interval: number, timesteps: Float32Array): Int32Array;
  stridedTimesteps(timesteps: number, steps: number): Int32Array;
  ddimSchedule(schedule: ScheduleSpec, steps: number, eta: number): Record<string, Float32Array | Int32Array>;
  /** Tables of DPM-Solver's continuous schedule, and its levels at `steps` evenly spaced times. */
  dpmSchedule(schedule: ScheduleSpec, steps: number): Record<string, Float32Array>;
  /** Levels and timesteps of the edm_ samplers, and the timestep nearest to each level of `lookups`. */
  edmSchedule(
    schedule: ScheduleSpec,
    steps: number,
    parity: boolean,
    lookups: Float32Array,
  ): { sigmas: Float32Array; timesteps: Float32Array; nearest: Float32Array };
  /** Per step: `ancestral` [down, up]; `multistep` [order], the weights of lms, newest slope first, 0 where none is. */
  edmSteps(sigmas: Float32Array, edm: EdmSpec): { ancestral: Float32Array; multistep: Float64Array };
  qSample(schedule: ScheduleSpec, x: NativeTensor, t: number, noise: NativeTensor): NativeTensor;
  velocity(schedule: ScheduleSpec, x: NativeTensor, t: number, noise: NativeTensor): NativeTensor;
  cfgScaleAt(scale: number, rescale: boolean, t: number): number;
  mseGuidanceDelta(pred: NativeTensor, target: NativeTensor, scale: number): NativeTensor;
  weightedMseGuidanceDelta(pred: NativeTensor, target: NativeTensor, weight: NativeTensor, scale: number): NativeTensor;
  edgeWeight(image: NativeTensor): NativeTensor;
  /** `guarded` as in SampleOptions. */
  latentEdgeWeight(image: NativeTensor, cell: number, guarded?: boolean): NativeTensor;
  /** Runs a sampler with JavaScript functions in place of the network: returns x after every step. */
  sample(options: SampleOptions): NativeTensor[];
  /** Runs one solver of the edm_ samplers over given noise levels: returns x after every step. */
  edmSolve(options: EdmSolveOptions): NativeTensor[];
  /**
   * How often each index below `count` was in a part that some thread got, of which each has at least `least`. The part
   * with the index `failing` throws; -1: none.
   */
  splitWork(count: number, least: number, threads: number, failing: number): Int32Array;
  /** Mask of shifted windows for height x width tokens: 0, and `masked` between tokens of different regions. */
  shiftedWindowMask(height: number, width: number, window: number, masked: number): NativeTensor;
  /**
   * Builds one network; what it does is synchronous. `outputs` may name any recorded intermediate value. With `profile`,
   * ONNX Runtime writes the time of every operator into a file whose name begins so. With an `execution` on the CPU
   * the network is run as it is on a GPU, with a device that is the processor.
   */
  createNetwork(
    spec: NetworkSpec,
    threads: number,
    outputs: readonly string[],
    profile?: string,
    execution?: ExecutionSpec,
  ): NativeNetwork;
  /** What networks are built with for a provider (graph::fusions_for). */
  optimizationsFor(provider: Provider): (Optimization | CudaFusion)[];
  /** How many nodes of each type the graph of a network has, for instance `com.microsoft.GroupNorm`. */
  countNodes(spec: NetworkSpec, provider?: Provider): Record<string, number>;
  /**
   * One layer without bias on the input `x`, output `out`: a matrix product for a weight [in, out], for [out, in, kh, kw]
   * a convolution that keeps the size.
   */
  createLayer(weight: NativeTensor, threads: number): NativeNetwork;
  /** Attention alone on the inputs `q` [B,L,C], `k` and `v` [B,S,C] of `heads` heads that are `width` wide, output `out`. */
  createAttention(
    heads: number,
    width: number,
    precision: Precision,
    threads: number,
    provider?: Provider,
  ): NativeNetwork;
  /** How many networks are open in the process, those of createNetwork aside. */
  openNetworks(): number;
  /** Threads that queue for a turn, the second of which is cancelled: who had one, how many at once, what the second got. */
  takeTurns(count: number): { readonly order: readonly number[]; readonly most: number; readonly code: string };
  /** The autoencoder working on tiles, with latents as they leave the network (scale factor 1). */
  createAutoencoder(
    encoder: NetworkSpec,
    decoder: NetworkSpec,
    threads: number,
    execution?: ExecutionSpec,
  ): NativeAutoencoder;
}

export type TorchDraw =
  | { readonly kind: 'randn'; readonly shape: readonly number[] }
  | { readonly kind: 'randnDouble'; readonly count: number }
  | { readonly kind: 'rand'; readonly count: number }
  | { readonly kind: 'uniform'; readonly count: number; readonly low: number; readonly high: number }
  | { readonly kind: 'randperm'; readonly count: number }
  | { readonly kind: 'raw'; readonly count: number }
  | { readonly kind: 'randint'; readonly count: number; readonly low: bigint; readonly high: bigint };

/** Parameters of the edm_ samplers (native/diffusion/sampler.h). */
export interface EdmSpec {
  readonly sChurn: number;
  readonly sTmin: number;
  readonly sTmax: number;
  readonly sNoise: number;
  readonly eta: number;
  readonly order: number;
  /** Roots and logarithms that replace our own: for comparisons with torch. Argument and value in turns. */
  readonly math?: { readonly roots: Float32Array; readonly logs: Float32Array };
}

export interface EdmSolveOptions {
  readonly sampler: string;
  readonly sigmas: Float32Array;
  readonly x: NativeTensor;
  readonly noise: readonly NativeTensor[];
  readonly edm: EdmSpec;
  readonly denoise: (x: NativeTensor, sigma: number) => NativeTensor;
}

/** Guidance by a loss: in latent space towards a target; in rgb space by the gradient of a picture of `values` values. */
export type GradientSpec = {
  readonly scale: number;
  readonly start: number;
  readonly stop: number;
  readonly repeat: number;
} & (
  | { readonly target: () => NativeTensor; readonly weight?: NativeTensor }
  | { readonly gradient: (latent: NativeTensor) => NativeTensor; readonly values: number }
);

export interface SampleOptions {
  readonly sampler: string;
  readonly edm: EdmSpec;
  readonly parity: boolean;
  readonly schedule: ScheduleSpec;
  readonly steps: number;
  readonly x: NativeTensor;
  readonly noise: readonly NativeTensor[];
  readonly cfgScale: number;
  readonly rescaleCfg: boolean;
  readonly cfgStart?: number;
  readonly cfgStop?: number;
  readonly cond: (x: NativeTensor, t: number) => NativeTensor;
  readonly uncond: (x: NativeTensor, t: number) => NativeTensor;
  readonly guidance: null | GradientSpec | { readonly fidelity: number; readonly target: () => NativeTensor };
  /** With all tensors on a device made of guarded host memory (native/core/guarded_device.h); not on Windows. */
  readonly guarded?: boolean;
}

export interface NativeNetwork {
  run(inputs: NetworkInputs): Record<string, NativeTensor>;
  /** Seconds of each of `runs` runs, without the way of inputs and outputs from and to JavaScript and the device. */
  timeRuns(inputs: NetworkInputs, runs: number): Float64Array;
  /** One run after the other; the outputs are read behind the last. The first `kept` of them stay on the device. */
  runAll(inputs: readonly NetworkInputs[], kept: number): Record<string, NativeTensor>[];
  /** Runs on another thread until it is cancelled, after so long: the code of its error, and how long that took. */
  cancelRuns(inputs: NetworkInputs, milliseconds: number): { readonly code: string; readonly milliseconds: number };
  /** Which of ONNX Runtime's providers runs how many nodes, and of which types. Not of createLayer and createAttention. */
  assignment(): {
    readonly provider: string;
    readonly nodes: number;
    readonly operators: Readonly<Record<string, number>>;
  }[];
  /** How many sets of input sizes have runs that are recorded as CUDA graphs. */
  preparedRuns(): number;
  /** Ends the recording of `profile` and returns the name of its file. */
  endProfiling(): string;
}

/** By name; ids are an Int32Array. */
export type NetworkInputs = Readonly<Record<string, NativeTensor | Int32Array>>;

/** How tiles share the statistics of group normalisation: as of the whole picture, or as the reference averages them. */
export type Pooling = 'exact' | 'reference';

/** `tile` in pixels to encode and in latent cells to decode; `atOnce`: all tiles in memory, or one at a time. */
export interface NativeAutoencoder {
  encode(image: NativeTensor, tile: number, pooling: Pooling, atOnce: boolean): NativeTensor;
  decode(latent: NativeTensor, tile: number, pooling: Pooling, atOnce: boolean): NativeTensor;
  /** At `latent`, of sum(weight (decode(latent) - target)^2) / 2; weight [B,1,H,W] or [1,1,1,1]. */
  gradient(latent: NativeTensor, target: NativeTensor, weight: NativeTensor): NativeTensor;
}

/** Where a tile's weight peaks: in its middle, or half a row too low, as the reference has it. */
export type BlendCentre = 'middle' | 'reference';
