/** The bodies of the CUDA kernels of native/cuda, run in loops on the host, for tests. */

import type { NativeImage, NativeTensor } from './binding';

/** Each answers as the function of that name in native/imaging does. A tile is y, x, height, width. */
export interface KernelPrimitives {
  imageToTensor(image: NativeImage, tiles: readonly Int32Array[]): NativeTensor;
  tensorToImage(x: NativeTensor, rounding: 'truncate' | 'nearest'): NativeImage;
  toSigned(x: NativeTensor): NativeTensor;
  toUnsigned(x: NativeTensor): NativeTensor;
  /** Tiles may end outside x, right and below. */
  cutTiles(x: NativeTensor, tiles: readonly Int32Array[], padding: 'zero' | 'reflect'): NativeTensor;
  /** Of the outputs of all tiles, `batch` tiles at a time, weighted about their middle. */
  blendTiles(
    height: number,
    width: number,
    tile: number,
    stride: number,
    scale: number,
    outputs: NativeTensor,
    batch: number,
  ): NativeTensor;
  /** What `whole` becomes with the part `own` of `part` at y, x. */
  paste(part: NativeTensor, own: Int32Array, whole: NativeTensor, y: number, x: number): NativeTensor;
  resizeBicubicAntialias(x: NativeTensor, height: number, width: number): NativeTensor;
  resizeBicubicPil(image: NativeImage, width: number, height: number): NativeImage;
  waveletReconstruction(content: NativeTensor, style: NativeTensor): NativeTensor;
  adaptiveInstanceNormalization(content: NativeTensor, style: NativeTensor): NativeTensor;
  /**
   * Group normalisation with the statistics of a region: top, left, bottom, right. `half`: of float16 in NHWC, which x is
   * turned into and the result out of.
   */
  groupNorm(
    x: NativeTensor,
    groups: number,
    scale: Float32Array,
    bias: Float32Array,
    epsilon: number,
    silu: boolean,
    region: Int32Array,
    half: boolean,
  ): NativeTensor;
  /**
   * Attention in float16 inside windows: qkv [B nW, T, 3 C] without its bias [3 C], table [heads, keys, queries]. Of
   * windows that are shifted by half their side `shift` has how many a picture has, and what is added to the logits of
   * tokens from different regions.
   */
  windowAttention(
    qkv: NativeTensor,
    bias: NativeTensor,
    table: NativeTensor,
    shift: Readonly<Record<'side' | 'down' | 'across' | 'masked', number>> | null,
  ): NativeTensor;
  /**
   * concat(x + bias + other, skip + strength * control) in float16 and NHWC, channels in eights; the skip connection is
   * repeated for the rest of x's batch.
   */
  controlledConcat(
    x: NativeTensor,
    skip: NativeTensor,
    control: NativeTensor,
    strength: number,
    bias: NativeTensor | null,
    other: NativeTensor | null,
  ): NativeTensor;
}
