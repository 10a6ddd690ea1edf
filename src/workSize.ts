import { InvalidImageError } from './errors';
import { limitOf } from './options/limitOf';

/** Networks take multiples of this; the rest is padding. */
const MULTIPLE = 64;

/** Size per axis of the output: truncated, as in the reference (behaviour.md 1.1). */
export function outputSize(size: number, upscale: number): number {
  return Math.trunc(size * upscale);
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Size at which a picture is worked on: enlarged until its short side suffices, and padded. */
export function workSize({ width, height }: Size, upscale: number, minShortEdge: number): Size {
  const [outWidth, outHeight] = [outputSize(width, upscale), outputSize(height, upscale)];
  const enlarge = Math.max(1, minShortEdge / Math.min(outWidth, outHeight));
  return { width: padded(outWidth * enlarge), height: padded(outHeight * enlarge) };
}

/**
 * Refuses, before anything is decoded, a picture that upscaling or the rule of the short side would make too large to
 * work on (at a `minShortEdge` of 512 pixels 1 x 65000 becomes 512 x 33 million), or that would come out without pixels.
 * What is too large for the memory is the matter of memory/planTiles.ts.
 * Throws InvalidImageError, DIFFBIR_IMAGE_TOO_LARGE for the former.
 */
export function checkWorkSize(
  { width, height, name }: { width: number; height: number; name: string },
  { upscale, limitWorkPixels }: { upscale: number; limitWorkPixels: number | boolean },
  minShortEdge: number,
): void {
  const [outWidth, outHeight] = [outputSize(width, upscale), outputSize(height, upscale)];
  if (outWidth < 1 || outHeight < 1) {
    throw new InvalidImageError(`${name}: ${width} x ${height} pixels times upscale ${upscale} leave no output`);
  }
  const limit = limitOf('limitWorkPixels', limitWorkPixels);
  const work = workSize({ width, height }, upscale, minShortEdge);
  if (work.width * work.height <= limit) return;
  throw new InvalidImageError(
    `${name}: ${width} x ${height} pixels would be worked on as ${work.width} x ${work.height}, ` +
      `more than limitWorkPixels (${limit}) allows`,
    undefined,
    'DIFFBIR_IMAGE_TOO_LARGE',
  );
}

function padded(size: number): number {
  return Math.ceil(Math.trunc(size) / MULTIPLE) * MULTIPLE;
}
