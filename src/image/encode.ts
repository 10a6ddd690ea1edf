import { isUtf8 } from 'node:buffer';
import sharp, { type Sharp } from 'sharp';
import { DiffBIRError } from '../errors';
import type { OutputFormat } from '../options/choices';
import { withParameters } from '../parameters/xmp';
import { withChunks } from './png';
import type { Metadata } from './types';

/** A restored picture before it has a container. */
export interface Pixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly channels: 3 | 4;
  readonly metadata: Metadata;
}

export interface EncodeOptions {
  readonly format: OutputFormat;
  /** 1 to 100; of jpeg, webp and avif. */
  readonly quality: number;
}

/** Encoders of every format, set for photographs: no chroma subsampling, lossless where the format is. */
const ENCODERS: Readonly<Record<OutputFormat, (image: Sharp, quality: number) => Sharp>> = {
  png: (image) => image.png(),
  jpeg: (image, quality) => image.flatten({ background: '#ffffff' }).jpeg({ quality, chromaSubsampling: '4:4:4' }),
  webp: (image, quality) => image.webp({ quality, smartSubsample: true }),
  tiff: (image) => image.tiff({ compression: 'deflate', predictor: 'horizontal' }),
  avif: (image, quality) => image.avif({ quality, chromaSubsampling: '4:4:4' }),
};

/** libvips leaves longer packets out of a JPEG without a word. */
const JPEG_XMP = 60_000;

/**
 * A picture file of the pixels with their metadata.
 * Throws DIFFBIR_OUTPUT_FAILED, for instance above the largest size of a format (WebP: 16383 pixels a side).
 */
export async function encode(pixels: Pixels, { format, quality }: EncodeOptions): Promise<Buffer> {
  try {
    return await ENCODERS[format](
      await carrier({ ...pixels, metadata: merged(pixels.metadata, format) }),
      quality,
    ).toBuffer();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.trim() : String(cause);
    throw new DiffBIRError('DIFFBIR_OUTPUT_FAILED', `The picture cannot be written as ${format}: ${reason}`, { cause });
  }
}

/** The parameters as a part of the XMP packet; of a JPEG with room for one alone, the input's packet goes first. */
function merged({ parameters, ...metadata }: Metadata, format: OutputFormat): Metadata {
  if (parameters === undefined) return metadata;
  const xmp = withParameters(metadata.xmp, parameters);
  return format === 'jpeg' && xmp.length > JPEG_XMP ? metadata : { ...metadata, xmp };
}

/** The picture as a sharp input that has its metadata. */
async function carrier({ data, width, height, channels, metadata }: Pixels): Promise<Sharp> {
  const image = sharp(data, { raw: { width, height, channels }, limitInputPixels: false });
  const { icc, exif, xmp } = metadata;
  if (!icc && !exif && !xmp) return image;
  // Text is all that sharp takes from memory.
  if (!icc && !exif && xmp && isUtf8(xmp)) return image.withXmp(xmp.toString());
  const png = await image.png({ compressionLevel: 0 }).toBuffer();
  return sharp(withChunks(png, metadata), { limitInputPixels: false, failOn: 'none' }).keepMetadata();
}

/** An alpha plane at another size. */
export async function resizeAlpha(
  alpha: Uint8Array,
  from: { width: number; height: number },
  to: { width: number; height: number },
): Promise<Uint8Array> {
  if (from.width === to.width && from.height === to.height) return alpha;
  return sharp(alpha, { raw: { ...from, channels: 1 }, limitInputPixels: false })
    .resize(to.width, to.height, { fit: 'fill', kernel: 'cubic' })
    .extractChannel(0)
    .raw()
    .toBuffer();
}
