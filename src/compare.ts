import { decode } from './image/decode';
import { checkInput } from './image/readInput';
import type { ImageInput, Picture } from './image/types';
import type { NativeImage } from './native/binding';
import { loadBinding } from './native/loadBinding';
import type { NativeComparison } from './native/metrics';
import { niqeModel } from './niqeModel';
import type { RestoreOptions } from './options/RestoreOptions';
import { resolveOptions } from './options/resolve';
import type { OptionName } from './options/table';
import { validateOptions } from './options/validate';
import { runTask } from './runTask';

const COMPARE_OPTIONS = [
  'limitInputPixels',
  'failOn',
  'nativeBinding',
  'signal',
] as const satisfies readonly OptionName[];

export type CompareOptions = Pick<RestoreOptions, (typeof COMPARE_OPTIONS)[number]>;

/** What `compare` found; every member says its unit and when it is null. */
export type Comparison = NativeComparison;

/**
 * Measures a picture against the one that it should be: PSNR, SSIM, MS-SSIM, colour shift, and for each of the two
 * NIQE and the energy of its finest band. Both are compared in sRGB, without their transparency.
 * Rejects with InvalidImageError when they differ in size or a side is below 8 pixels, InvalidOptionError, AbortError.
 * @example
 * const { psnr, ssim } = await compare('original.png', 'restored.png');
 */
export async function compare(
  reference: ImageInput,
  picture: ImageInput,
  options: CompareOptions = {},
): Promise<Comparison> {
  checkInput(reference);
  checkInput(picture);
  const { signal, ...checked } = validateOptions(options, { only: COMPARE_OPTIONS });
  const settings = { ...resolveOptions(checked), signal, keepMetadata: false };
  const [a, b, niqe] = await Promise.all([decode(reference, settings), decode(picture, settings), niqeModel()]);
  return runTask(() => loadBinding(settings.nativeBinding).compare(toNative(a), toNative(b), niqe), undefined, signal);
}

function toNative({ rgb, width, height }: Picture): NativeImage {
  return { data: rgb, width, height };
}
