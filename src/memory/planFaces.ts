import { InvalidOptionError } from '../errors';
import type { ResolvedOptions } from '../options/resolve';
import { outputSize, type Size } from '../workSize';
import type { FaceFootprint } from './footprint';

const MIB = 2 ** 20;

/** Bytes for each pixel: 8-bit levels, floats of three channels. */
const LEVELS = 3;
const FLOATS = 12;
/** While faces are pasted: the input, the background twice, the result in floats, and the masks of a face as large as it. */
const PASTE = 3 * LEVELS + FLOATS + 16;
/** The detector sees no less than this. */
const LEAST_PIXELS = 256 ** 2;

export type FacePlanOptions = Pick<ResolvedOptions, 'upscale' | 'parity' | 'memoryBudget'>;

/**
 * Pixels that the face detector may work on in a picture of `size`, so that it needs at most `memoryBudget`; `parity`
 * leaves that to the caller, as the reference does. Throws InvalidOptionError for a budget below what the detector at its
 * least, the parser, and the pasting need.
 */
export function planDetector(
  size: Size,
  { faces }: { readonly faces: FaceFootprint | undefined },
  { upscale, parity, memoryBudget }: FacePlanOptions,
): number {
  if (parity || !faces) return Number.MAX_SAFE_INTEGER;
  const [input, output] = [
    size.width * size.height,
    outputSize(size.width, upscale) * outputSize(size.height, upscale),
  ];
  const held = 2 * LEVELS * input + 2 * LEVELS * output;
  const perPixel = faces.detector + FLOATS + LEVELS;
  const needed = Math.max(held + perPixel * LEAST_PIXELS, LEVELS * input + PASTE * output + faces.parser);
  if (needed > memoryBudget * MIB) {
    throw new InvalidOptionError(
      'memoryBudget',
      `Expected at least ${Math.ceil(needed / MIB)} MiB for memoryBudget but received ${memoryBudget}: faces are looked ` +
        `for and pasted in ${outputSize(size.width, upscale)} x ${outputSize(size.height, upscale)} pixels`,
    );
  }
  return Math.floor((memoryBudget * MIB - held) / perPixel);
}
