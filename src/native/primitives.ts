/** The addon's single operations, for the golden runner, the tests and the benches: `native/addon/primitives*.cpp`. */

import type {
  CudaFusion,
  EdmSpec,
  NativeImage,
  NativeTensor,
  NetworkSpec,
  Optimization,
  Precision,
  ScheduleSpec,
} from './binding';
import type { BlurKernel, BlurKernelSpec, DegradationOperation, Recipe } from './degradation';
import type { ExecutionSpec, Provider } from './devices';
import type { FacePrimitives } from './faces';
import type { Int8KernelSet, Int8Kernels } from './int8Kernels';
import type { KernelPrimitives } from './kernels';
import type { NativeComparison, NiqeModel } from './metrics';

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
  // runtime/int8: the sets that this processor runs
  readonly int8: Readonly<Partial<Record<Int8KernelSet, Int8Kernels>>>;
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
