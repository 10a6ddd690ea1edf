import { InvalidOptionError } from '../errors';
import type { ResolvedOptions } from '../options/resolve';
import { outputSize, type Size } from '../workSize';
import type { FaceFootprint } from './footprint';
import type { PlannedModel } from './stages';

const MIB = 2 ** 20;

/** Bytes for each pixel: 8-bit levels, floats of three channels. */
const LEVELS = 3;
const FLOATS = 12;
/** While faces are pasted: the input, the background twice, the result in floats, and the masks of a face as large as it. */
const PASTE = 3 * LEVELS + FLOATS + 16;
/** The detector sees no less than this. */
const LEAST_PIXELS = 256 ** 2;

/** The detector enlarges a picture whose short side is below this, with `parity` however long the other is. */
export const DETECTOR_SHORT_SIDE = 640;

/** What is planned for: a loaded model. */
type FacesModel = Pick<PlannedModel, 'gpuWeights'> & { readonly faces: FaceFootprint | undefined };

export type FacePlanOptions = Pick<ResolvedOptions, 'upscale' | 'parity' | 'memoryBudget'>;

/**
 * Pixels that the face detector may work on in a picture of `size`, so that it needs at most `memoryBudget`; `parity`
 * leaves that to the caller, as the reference does. Throws InvalidOptionError for a budget below what the detector at its
 * least, the parser, and the pasting need.
 */
export function planDetector(
  size: Size,
  { faces, gpuWeights }: FacesModel,
  { upscale, parity, memoryBudget }: FacePlanOptions,
): number {
  if (parity || !faces) return Number.MAX_SAFE_INTEGER;
  const { held, perPixel, pasting } = bytesOf(size, faces, upscale);
  const weights = gpuWeights?.all ?? 0;
  const needed = weights + Math.max(held + perPixel * LEAST_PIXELS, pasting);
  if (needed > memoryBudget * MIB) {
    throw new InvalidOptionError(
      'memoryBudget',
      `Expected at least ${Math.ceil(needed / MIB)} MiB for memoryBudget but received ${memoryBudget}: faces are looked ` +
        `for and pasted in ${outputSize(size.width, upscale)} x ${outputSize(size.height, upscale)} pixels`,
    );
  }
  return Math.floor((memoryBudget * MIB - weights - held) / perPixel);
}

/** Bytes that are needed while faces are looked for or pasted. Throws as planDetector does. */
export function findingBytes(
  size: Size,
  model: FacesModel & { readonly faces: FaceFootprint },
  options: FacePlanOptions,
): number {
  const most = planDetector(size, model, options);
  const { faces } = model;
  const { held, perPixel, pasting } = bytesOf(size, faces, options.upscale);
  const [width, height] = [outputSize(size.width, options.upscale), outputSize(size.height, options.upscale)];
  const enlarged = Math.max(1, DETECTOR_SHORT_SIDE / Math.min(width, height));
  return Math.max(held + perPixel * Math.min(most, width * height * enlarged ** 2), pasting);
}

/** What pictures take while faces are looked for, the detector for each pixel that it works on, and all the pasting. */
function bytesOf({ width, height }: Size, { detector, parser }: FaceFootprint, upscale: number) {
  const [input, output] = [width * height, outputSize(width, upscale) * outputSize(height, upscale)];
  return {
    held: 2 * LEVELS * input + 2 * LEVELS * output,
    perPixel: detector + FLOATS + LEVELS,
    pasting: LEVELS * input + PASTE * output + parser,
  };
}
