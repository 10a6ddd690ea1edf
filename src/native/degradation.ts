/**
 * Degradations as they cross the door: what a recipe says, and the plan that is drawn from it.
 * `native/imaging/degradation` explains each member and names its source.
 */

/** Drawn from uniformly, both ends included; low <= high. Equal ends are a fixed value. */
export type Range = readonly [low: number, high: number];

/** A blur kernel: ringing (`sinc`) with that probability, else a form by weight. */
export interface BlurRecipe {
  /** Side in pixels: odd numbers up to 255, each as likely as the other. */
  readonly sizes: Range;
  /** Probability of a sinc (low-pass) kernel. */
  readonly sinc: number;
  /** Weights of the forms; they need not add up to 1. */
  readonly forms: {
    readonly iso: number;
    readonly aniso: number;
    readonly generalizedIso: number;
    readonly generalizedAniso: number;
    readonly plateauIso: number;
    readonly plateauAniso: number;
  };
  /** Standard deviation in pixels, above 0; drawn for each axis of an anisotropic kernel. */
  readonly sigma: Range;
  /** Exponent of generalised Gaussians: half of the draws at or below 1, half above. */
  readonly betaGeneralized: Range;
  /** The same for plateau kernels. */
  readonly betaPlateau: Range;
}

/** Blur, shrink, noise, JPEG, enlarge: the model that DiffBIR v1 and v2 were trained with (CodeFormer's). */
export interface ClassicalRecipe {
  readonly kind: 'classical';
  /** null: no blur. */
  readonly blur: BlurRecipe | null;
  /** Factor by which the picture is smaller in between; at least 1. */
  readonly downscale: Range;
  /** Standard deviation of Gaussian noise in levels of 255, at the smaller size. */
  readonly noise: Range;
  /** Probability that the noise is gray. */
  readonly gray: number;
  /** JPEG quality 1 to 100, at the smaller size; null: no JPEG. */
  readonly jpeg: Range | null;
}

/** One of two passes: blur, resize, noise, JPEG. */
export interface PassRecipe {
  readonly blur: BlurRecipe;
  readonly blurProbability: number;
  /** Weights of enlarging, shrinking and keeping the size. */
  readonly resize: { readonly up: number; readonly down: number; readonly keep: number };
  /** Factors: shrinking draws from [low, 1], enlarging from [1, high]. */
  readonly scale: Range;
  /** Probability of Gaussian noise; else it is Poisson noise. */
  readonly gaussianProbability: number;
  /** Standard deviation in levels of 255. */
  readonly gaussian: Range;
  /** Scale of the shot noise. */
  readonly poisson: Range;
  /** Probability that the noise is gray. */
  readonly gray: number;
  /** JPEG quality 1 to 99; not rounded to an integer. */
  readonly jpeg: Range;
}

/** The high-order model of Real-ESRGAN, as DiffBIR v2.1 was trained with it. */
export interface TwoPassRecipe {
  readonly kind: 'twoPass';
  /** Unsharp masking first. */
  readonly sharpen: boolean;
  readonly first: PassRecipe;
  readonly second: PassRecipe;
  /** How many times smaller the picture is before it is enlarged again. */
  readonly reduction: number;
  /** Probability of a sinc filter at the end. */
  readonly finalSinc: number;
  /** Probability that this filter comes before the last JPEG, not after it. */
  readonly sincBeforeJpeg: number;
}

/** A recipe with every member set. */
export type Recipe = ClassicalRecipe | TwoPassRecipe;

/** A square filter, row-major, of odd size; sums to 1. */
export interface BlurKernel {
  readonly size: number;
  readonly weights: Float64Array;
}

export interface BlurKernelSpec {
  readonly shape: 'gaussian' | 'generalized' | 'plateau';
  readonly size: number;
  readonly sigmaX: number;
  readonly sigmaY: number;
  /** Radians. */
  readonly theta: number;
  /** Read by generalised and plateau kernels. */
  readonly beta: number;
}

export type InterpolationMode = 'nearest' | 'nearest-exact' | 'bilinear' | 'bicubic' | 'area';

/** Noise for each sample of a batch, or one for all. */
interface SampleNoise {
  readonly strength: readonly number[];
  readonly gray: readonly boolean[];
}

/** One step of a plan, every decision made; lists have one entry for each sample of a batch, or one for all. */
export type DegradationOperation =
  | { readonly kind: 'sharpen' | 'clamp' | 'quantize' }
  | { readonly kind: 'filter'; readonly kernels: readonly BlurKernel[] }
  | {
      readonly kind: 'resizeTo';
      readonly height: number;
      readonly width: number;
      readonly mode: InterpolationMode | 'linearCv2';
    }
  | { readonly kind: 'resizeBy'; readonly scale: number; readonly mode: InterpolationMode }
  | ({ readonly kind: 'gaussianNoise' | 'poissonNoise' } & SampleNoise)
  | {
      readonly kind: 'diffJpeg';
      readonly quality: readonly number[];
      readonly standardTable: boolean;
      readonly softRounding: boolean;
    }
  | { readonly kind: 'jpeg'; readonly quality: number };
