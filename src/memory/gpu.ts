/**
 * What is known of memory on a GPU, in one place. These are guesses from the CPU's numbers: they are to be measured there
 * (`npm run bench:gpu` prints peaks).
 */
import type { Precision } from '../native/binding';
import type { Provider } from '../native/devices';

const MIB = 2 ** 20;
const FLOAT = 4;

/**
 * Bytes of a GPU's memory that no plan counts: handles of cuBLAS for each of seven sessions (32 MiB on Hopper), kernels that
 * are loaded when they are first needed, and what the pool of `cuda::Context` keeps (256 MiB). CUDA's context itself is
 * there before free memory is asked for.
 */
export const GPU_RESERVE = 768 * MIB;

/** Of the work of networks: workspaces of convolutions, and what is lost to fragments between the tensors of an arena. */
const GPU_FACTOR = 1.25;

/** Tiles in one call, at most: of 49 tiles of 512 pixels one takes a tenth less when all are in one call than in eights. */
export const MOST_TILES_AT_ONCE = 64;

/** ONNX Runtime counts the values of a feature map in 32 bits. */
export const MOST_VALUES = 2 ** 31 - 1;

/** Copies of the autoencoder's attention weights. TensorRT gets all at once; CUDA eight parts, one after the other, of
 * which there is one in float16 as well (native/graph/plain_attention.h). */
const LOGITS = 2;
const CUDA_ATTENTION = (LOGITS * FLOAT + 2) / 8;

/**
 * Of a tile's work, what it keeps while it waits for the others at a normalisation; the rest it has given back
 * (native/runtime/network.cpp). Of the six widest feature maps that AUTOENCODER_FACTOR stands for two in the encoder, and
 * one and a half in the decoder: the input of a residual block and what it has made of it.
 */
export const WAITING_SHARE = { encoder: 2 / 6, decoder: 1.5 / 6 };

/** What a network needs for its work, in that of the same network in float32 on the CPU. */
export function workShare(precision: Precision | undefined, provider: Provider): number {
  if (provider === 'cpu') return 1;
  return precision === 'float16' ? GPU_FACTOR / 2 : GPU_FACTOR;
}

/** Bytes for each pair of positions that the autoencoder's attention looks at. */
export function attentionBytes(provider: Provider): number {
  if (provider === 'cpu') return 0;
  return provider === 'tensorrt' ? LOGITS * FLOAT : CUDA_ATTENTION;
}

/** The default of `memoryBudget` in MiB: what the fullest of the GPUs has free, so that they all make the same plans. */
export function gpuMemoryBudget(freeBytes: readonly number[]): number {
  return Math.max(1, Math.floor((Math.min(...freeBytes) - GPU_RESERVE) / MIB));
}
