/** Metrics as they cross the door; `native/imaging/metrics` defines each of them. */

/** Mean (36) and covariance (36 x 36, row-major) of NIQE's features of good photographs. */
export interface NiqeModel {
  readonly mean: Float64Array;
  readonly covariance: Float64Array;
}

/** Patches of 96 x 96 pixels: 36 features and the mean local deviation (in levels) of each. */
export interface NiqePatches {
  readonly features: Float64Array;
  readonly sharpness: Float64Array;
}

/** What one picture is like by itself. */
export interface Appearance {
  /**
   * Natural image quality evaluator (Mittal et al. 2013), with a model fitted to this project's training photographs:
   * lower is more like a good photograph. null when there are less than two patches of 96 x 96 pixels with structure.
   */
  readonly niqe: number | null;
  /** Mean square of the finest band (what a 3x3 binomial filter takes away), in squared levels of 255. */
  readonly highFrequency: number;
}

/** One picture beside the one that it should be. */
export interface NativeComparison {
  /** Peak signal-to-noise ratio over R, G and B, in dB; Infinity for equal pictures. */
  readonly psnr: number;
  /** The same on BT.601 luma from 16 to 235, as papers on restoration report it (MATLAB's rgb2ycbcr). */
  readonly psnrY: number;
  /** Structural similarity (Gaussian window of 11, sigma 1.5), mean of R, G and B; null below 11 pixels. */
  readonly ssim: number | null;
  /** The same on luma. */
  readonly ssimY: number | null;
  /** Multi-scale SSIM (Wang et al. 2003) on luma; null below 176 pixels. */
  readonly msSsim: number | null;
  /** Mean of picture - reference in R, G and B, in levels of 255. */
  readonly colorShift: readonly [number, number, number];
  readonly reference: Appearance;
  readonly picture: Appearance;
}
