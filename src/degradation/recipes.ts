import type { BlurRecipe, ClassicalRecipe, PassRecipe, Recipe } from '../native/degradation';

/** The mix of Real-ESRGAN's kernels (behaviour.md 8.3; `train_stage2_v2.1.yaml`). */
const MIXED: BlurRecipe = {
  sizes: [7, 21],
  sinc: 0.1,
  forms: {
    iso: 0.45,
    aniso: 0.25,
    generalizedIso: 0.12,
    generalizedAniso: 0.03,
    plateauIso: 0.12,
    plateauAniso: 0.03,
  },
  sigma: [0.2, 3],
  betaGeneralized: [0.5, 4],
  betaPlateau: [1, 2],
};

const GAUSSIAN: BlurRecipe = {
  ...MIXED,
  sizes: [21, 21],
  sinc: 0,
  forms: { iso: 1, aniso: 0, generalizedIso: 0, generalizedAniso: 0, plateauIso: 0, plateauAniso: 0 },
};

/** DiffBIR v1 and v2, stage 1 and 2 (behaviour.md 8.2; `train_stage1.yaml`, `train_stage2.yaml`). */
const CODEFORMER: ClassicalRecipe = {
  kind: 'classical',
  blur: { ...GAUSSIAN, sizes: [41, 41], forms: { ...GAUSSIAN.forms, iso: 0.5, aniso: 0.5 }, sigma: [0.1, 12] },
  downscale: [1, 12],
  noise: [0, 15],
  gray: 0,
  jpeg: [30, 100],
};

/** One of the fixed strengths of the evaluation: the same numbers as `training/degrade.py` validates with. */
function fixed(sigma: number, downscale: number, noise: number, jpeg: number): ClassicalRecipe {
  return {
    kind: 'classical',
    blur: { ...GAUSSIAN, sigma: [sigma, sigma] },
    downscale: [downscale, downscale],
    noise: [noise, noise],
    gray: 0,
    jpeg: [jpeg, jpeg],
  };
}

const FIRST: PassRecipe = {
  blur: MIXED,
  blurProbability: 1,
  resize: { up: 0.2, down: 0.7, keep: 0.1 },
  scale: [0.15, 1.5],
  gaussianProbability: 0.5,
  gaussian: [1, 30],
  poisson: [0.05, 3],
  gray: 0.4,
  jpeg: [30, 95],
};

/**
 * Recipes by name. Only the noise of `mild`, `medium` and `heavy` is random. What they leave of the photographs for
 * evaluation, on average (seed 1): PSNR 26.1, 22.9, 20.7 dB, on luma 28.3, 25.0, 22.8 dB; SSIM 0.780, 0.606, 0.492.
 */
export const RECIPES = {
  mild: fixed(0.8, 1.5, 4, 80),
  medium: fixed(1.5, 2.5, 10, 60),
  heavy: fixed(2.5, 4, 18, 40),
  codeformer: CODEFORMER,
  /** DiffBIR v2.1, stage 2 (behaviour.md 8.3 and 8.4; `train_stage2_v2.1.yaml`). */
  realesrgan: {
    kind: 'twoPass',
    sharpen: true,
    first: FIRST,
    second: {
      ...FIRST,
      blur: { ...MIXED, sigma: [0.2, 1.5] },
      blurProbability: 0.8,
      resize: { up: 0.3, down: 0.4, keep: 0.3 },
      scale: [0.3, 1.2],
      gaussian: [1, 25],
      poisson: [0.05, 2.5],
    },
    reduction: 4,
    finalSinc: 0.8,
    sincBeforeJpeg: 0.5,
  },
} as const satisfies Record<string, Recipe>;

export type RecipeName = keyof typeof RECIPES;
export const RECIPE_NAMES = Object.keys(RECIPES) as readonly RecipeName[];
