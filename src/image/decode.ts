import sharp, { type Metadata as SharpMetadata, type SharpOptions } from 'sharp';
import { InvalidImageError } from '../errors';
import { limitOf } from '../options/limitOf';
import type { ResolvedOptions } from '../options/resolve';
import { cleanMetadata, isRgbProfile } from './metadata';
import { checkRaw, isClamped, splitAlpha } from './raw';
import { readInput, type Source } from './readInput';
import { defaultOutput, detectFormat } from './signature';
import type { ImageInput, Picture, RawImage } from './types';

export type DecodeOptions = Pick<ResolvedOptions, 'limitInputPixels' | 'failOn' | 'keepMetadata' | 'signal'>;

/** A picture whose header was read: its name for messages, and its upright size in pixels. */
export interface OpenPicture {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  /** The pixels, as `decode` gives them. */
  decode(): Promise<Picture>;
}

/**
 * Any supported input as upright 8-bit RGB with an optional alpha plane.
 * Gray, palette, 16-bit, float and CMYK become 8-bit RGB; of an animation the first frame is taken; an RGB profile
 * stays with the pixels as they are, any other is converted to sRGB. What is lost on the way is told in `warnings`.
 * Throws InvalidImageError, which names the file and the reason; with the code `DIFFBIR_IMAGE_TOO_LARGE` above the
 * pixel limit, before anything is decoded.
 */
export async function decode(input: ImageInput, options: DecodeOptions): Promise<Picture> {
  return (await openPicture(input, options)).decode();
}

/** The first half of `decode`, for who wants to see the size before anything is decoded. Throws the same. */
export async function openPicture(input: ImageInput, options: DecodeOptions): Promise<OpenPicture> {
  const source = await readInput(input, options.signal);
  return 'raw' in source ? openRaw(source, options) : openFile(source, options);
}

function openRaw({ name, raw }: Extract<Source, { raw: RawImage }>, options: DecodeOptions): OpenPicture {
  const { width, height } = raw;
  checkRaw(raw, name);
  checkPixels(name, width, height, options);
  const warnings = isClamped(raw) ? ['values outside 0..1 were clamped'] : [];
  const decodeRaw = async () =>
    ({ name, width, height, ...splitAlpha(raw), metadata: {}, format: 'png', warnings }) as const;
  return { name, width, height, decode: decodeRaw };
}

async function openFile(
  { name, bytes }: Extract<Source, { bytes: Uint8Array }>,
  options: DecodeOptions,
): Promise<OpenPicture> {
  const format = defaultOutput(detectFormat(name, bytes));
  // The limit is checked here on the header, with a better message than the decoder's.
  const reading: SharpOptions = { limitInputPixels: false, failOn: options.failOn, pages: 1 };
  const header = await explained(name, () => sharp(bytes, reading).metadata());
  checkPixels(name, header.width, header.height, options);
  const decodeFile = async () => ({ name, format, ...(await decodeBytes(name, bytes, header, reading, options)) });
  return { name, ...header.autoOrient, decode: decodeFile };
}

async function decodeBytes(
  name: string,
  bytes: Uint8Array,
  header: SharpMetadata,
  reading: SharpOptions,
  { keepMetadata }: DecodeOptions,
): Promise<Omit<Picture, 'name' | 'format'>> {
  const { metadata, warnings } = cleanMetadata(header);
  const { icc, ...rest } = metadata;
  const inOwnSpace = icc !== undefined && isRgbProfile(icc) && header.space !== 'cmyk' && keepMetadata;
  // A damaged profile must not reach the colour engine.
  const ignoreIcc = inOwnSpace || (header.icc !== undefined && icc === undefined);
  const { data, info } = await explained(name, () =>
    sharp(bytes, { ...reading, ignoreIcc })
      .autoOrient()
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true }),
  );
  return {
    width: info.width,
    height: info.height,
    ...splitAlpha({ data, width: info.width, height: info.height, channels: info.channels as 1 | 2 | 3 | 4 }),
    metadata: keepMetadata ? (inOwnSpace ? metadata : rest) : {},
    warnings: [...warnings, ...losses(header, icc !== undefined && !inOwnSpace && keepMetadata)],
  };
}

/** What of the input an 8-bit RGB picture cannot hold. */
function losses(header: SharpMetadata, converted: boolean): string[] {
  const warnings: string[] = [];
  if (header.depth !== 'uchar') warnings.push(`${header.depth} samples were reduced to 8 bits`);
  if (header.space === 'cmyk') warnings.push('CMYK was converted to sRGB; its profile is dropped');
  else if (converted) warnings.push('colours were converted to sRGB; the profile, which is not for RGB, is dropped');
  if ((header.pages ?? 1) > 1) warnings.push(`only the first of ${header.pages} frames or pages was taken`);
  return warnings;
}

function checkPixels(name: string, width: number, height: number, { limitInputPixels }: DecodeOptions): void {
  const limit = limitOf('limitInputPixels', limitInputPixels);
  if (width * height <= limit) return;
  throw new InvalidImageError(
    `${name} has ${width} x ${height} pixels, more than limitInputPixels (${limit}) allows`,
    undefined,
    'DIFFBIR_IMAGE_TOO_LARGE',
  );
}

/** Runs a decoder and names the file in its complaints. */
export async function explained<T>(name: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new InvalidImageError(`${name} cannot be decoded: ${reason.trim()}`, { cause });
  }
}
