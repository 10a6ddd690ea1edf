import sharp, { type Sharp } from 'sharp';
import { DiffBIRError } from '../errors';
import type { OutputFormat } from '../options/table';
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

/**
 * A picture file of the pixels with their metadata.
 * Throws DIFFBIR_OUTPUT_FAILED, for instance above the largest size of a format (WebP: 16383 pixels a side).
 */
export async function encode(pixels: Pixels, { format, quality }: EncodeOptions): Promise<Buffer> {
  try {
    return await ENCODERS[format](await carrier(pixels), quality).toBuffer();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.trim() : String(cause);
    throw new DiffBIRError('DIFFBIR_OUTPUT_FAILED', `The picture cannot be written as ${format}: ${reason}`, { cause });
  }
}

/** The picture as a sharp input that has its metadata. */
async function carrier({ data, width, height, channels, metadata }: Pixels): Promise<Sharp> {
  const image = sharp(data, { raw: { width, height, channels }, limitInputPixels: false });
  if (Object.keys(metadata).length === 0) return image;
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
