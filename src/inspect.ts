import sharp from 'sharp';
import { expected } from './errors';
import { explained } from './image/decode';
import { checkInput, readInput } from './image/readInput';
import { detectFormat } from './image/signature';
import type { ImageInput, RawImage } from './image/types';
import { abortError } from './jobQueue';
import type { RestoreOptions } from './options/RestoreOptions';
import type { OptionName } from './options/table';
import { validateOptions } from './options/validate';
import { parseParameters, type RunParameters } from './parameters/runParameters';
import { parametersIn } from './parameters/xmp';

const INSPECT_OPTIONS = ['signal'] as const satisfies readonly OptionName[];

export type InspectOptions = Pick<RestoreOptions, (typeof INSPECT_OPTIONS)[number]>;

/** What a picture file says about itself. */
export interface Inspection {
  /** `png`, `jpeg`, `webp`, `tiff`, `avif` or `gif`, by the file's first bytes. */
  readonly format: string;
  /** Size in pixels, upright. */
  readonly width: number;
  readonly height: number;
  /** What this package made it with; null where the file says nothing about that. */
  readonly parameters: RunParameters | null;
}

/** A packet of more bytes describes no picture. */
const MAX_XMP = 4 << 20;

/**
 * Reads the generation parameters that a restored picture has in its XMP. Nothing is decoded but the header.
 *
 * Rejects with InvalidImageError (no picture, or parameters that are damaged or have values out of range),
 * InvalidOptionError, AbortError.
 * @example
 * const { task, options } = (await inspect('restored.png')).parameters ?? {};
 * const again = await restore('old.jpg', { model: 'v2.1', task, ...options });
 */
export async function inspect(input: Exclude<ImageInput, RawImage>, options: InspectOptions = {}): Promise<Inspection> {
  checkInput(input);
  const { signal } = validateOptions(options, { only: INSPECT_OPTIONS });
  const source = await readInput(input, signal);
  if (signal?.aborted) throw abortError(signal);
  if ('raw' in source) throw expected('a picture file, since raw pixels have no metadata,', 'input', input);
  const { name, bytes } = source;
  const format = detectFormat(name, bytes);
  const header = await explained(name, () => sharp(bytes, { limitInputPixels: false, pages: 1 }).metadata());
  const { width, height } = header.autoOrient;
  const text = header.xmp && header.xmp.length <= MAX_XMP ? parametersIn(header.xmp) : undefined;
  return { format, width, height, parameters: text === undefined ? null : parseParameters(text, name) };
}
