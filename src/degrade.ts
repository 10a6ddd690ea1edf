import type { RecipeName } from './degradation/recipes';
import { type RecipeObject, resolveRecipe } from './degradation/resolveRecipe';
import { decode } from './image/decode';
import { joinAlpha } from './image/raw';
import { checkInput } from './image/readInput';
import type { ImageInput } from './image/types';
import { loadBinding } from './native/loadBinding';
import type { RestoreOptions } from './options/RestoreOptions';
import { resolveOptions } from './options/resolve';
import type { OptionName } from './options/table';
import { validateOptions } from './options/validate';
import { PictureResult } from './pictureResult';
import { runTask } from './runTask';

/** Options of `degrade`; each means what it means for `restore`. */
export const DEGRADE_OPTIONS = [
  'seed',
  'format',
  'quality',
  'keepMetadata',
  'limitInputPixels',
  'failOn',
  'nativeBinding',
  'signal',
  'logger',
] as const satisfies readonly OptionName[];

export type DegradeOptions = Pick<RestoreOptions, (typeof DEGRADE_OPTIONS)[number]>;

/** A named recipe, or one with changes. */
export type RecipeInput = RecipeName | RecipeObject;

/**
 * Makes a photograph worse: blur, resizing, noise, JPEG as `recipe` says, at the picture's own size. Transparency and
 * metadata are kept as they are. Same seed, recipe and size: same decisions and noise.
 *
 * Recipes: `mild`, `medium`, `heavy` (fixed strengths), `codeformer` and `realesrgan` (random, as DiffBIR was trained);
 * or an object that names one as its `base` and changes it.
 *
 * Rejects with InvalidOptionError (an unknown recipe, a value out of range), InvalidImageError (no picture, or one too
 * small for the recipe: 8 pixels a side at least, more where a blur kernel needs it), AbortError.
 * @example
 * const worse = await degrade('photo.jpg', { base: 'medium', noise: [0, 5] }, { seed: 7 });
 * await worse.toFile('worse.png');
 */
export async function degrade(
  input: ImageInput,
  recipe: RecipeInput,
  options: DegradeOptions = {},
): Promise<PictureResult> {
  checkInput(input);
  const resolved = resolveRecipe(recipe);
  const settings = resolveOptions(validateOptions(options, { only: DEGRADE_OPTIONS }));
  const { signal, seed, format, quality, logger, nativeBinding } = settings;
  const picture = await decode(input, settings);
  const { rgb, alpha, width, height, metadata, warnings, name } = picture;
  const job = { image: { data: rgb, width, height }, recipe: resolved, seed };
  const image = await runTask(() => loadBinding(nativeBinding).degrade(job), undefined, signal);
  for (const warning of warnings) logger?.warn(`${name}: ${warning}`);
  return new PictureResult({
    data: joinAlpha(image.data, alpha),
    width,
    height,
    channels: alpha ? 4 : 3,
    seed,
    warnings,
    metadata,
    output: { asked: format, fallback: picture.format, quality },
  });
}
