/**
 * The addon as TypeScript sees it: one typed declaration of everything that crosses the door.
 * `native/addon` implements it; nothing else in `src/` talks to native code in another way.
 * Options arrive here resolved: no defaults, no optional members, no JSON.
 */

import type { Recipe } from './degradation';
import type { ExecutionSpec, NativeDevices } from './devices';
import type { FindFacesJob, FoundFaces, PasteFacesJob } from './faces';
import type { Int8KernelSet } from './int8Kernels';
import type { NativeComparison, NiqeModel, NiqePatches } from './metrics';
import type { Primitives } from './primitives';

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
  ...(['fusedKernels', 'packedAttention', 'equalConcat', 'separateTiles'] as const),
] as const;
export type CudaFusion = (typeof CUDA_FUSIONS)[number];

/** Forms of a graph for tests on the CPU (native/graph/build_options.h). */
export const GRAPH_CHECKS = ['rounded', 'definitions', 'ownKernels'] as const;
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
  /** What `int8` runs with on this processor. */
  readonly int8Kernels: Int8KernelSet;
  /** Single operations of the pipeline, for the golden runner and the tests. */
  readonly primitives: Primitives;
}
