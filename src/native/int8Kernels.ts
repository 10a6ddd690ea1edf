/** Instruction sets that the kernels of `int8` are written for; `portable` is plain C++. */
export type Int8KernelSet = 'avx512' | 'avx2' | 'portable';

/** native/runtime/int8/kernel.h, one call of each. Rows of bytes have `group` values, a multiple of 4 up to 320. */
export interface Int8Kernels {
  /**
   * rows [1 to 6, group], weights [group / 4, 64, 4] (signed bytes), affines [rows, 2]: scale and offset of each row; scale
   * and sum of each output. Returns 1 plus the products, [rows, 64].
   */
  multiply(
    rows: Uint8Array,
    group: number,
    weights: Uint8Array,
    affines: Float32Array,
    scales: Float32Array,
    sums: Float32Array,
  ): Float32Array;
  /** Values, or their differences from `base`: at most `group`, whose bytes are zero beyond them. */
  quantizeRow(values: Float32Array, base: Float32Array | undefined, group: number): Quantized;
  /** values [channels, pixels] -> bytes [pixels, group] */
  quantizePixels(values: Float32Array, base: Float32Array | undefined, pixels: number, group: number): Quantized;
}

/** value = offset + scale * byte, with a scale and an offset for each row or pixel. */
export interface Quantized {
  readonly bytes: Uint8Array;
  readonly scales: Float32Array;
  readonly offsets: Float32Array;
}
