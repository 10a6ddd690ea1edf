import type { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import type { OutputFormat } from '../options/choices';

/** Pixels without a container: rows top to bottom, channels interleaved (gray, gray+alpha, RGB, RGBA). */
export interface RawImage {
  /** 8-bit values 0..255, or floats 0..1. Must not change until the restoration is done. */
  readonly data: Uint8Array | Uint8ClampedArray | Float32Array;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 2 | 3 | 4;
}

/** What can be restored: a path or `file:` URL, the bytes of a picture file, a stream of them, or raw pixels. */
export type ImageInput = string | URL | Uint8Array | ArrayBuffer | Readable | ReadableStream<Uint8Array> | RawImage;

/** Metadata in the form that every container takes: profile bytes, TIFF-structured EXIF, an XMP packet. */
export interface Metadata {
  readonly icc?: Buffer | undefined;
  readonly exif?: Buffer | undefined;
  readonly xmp?: Buffer | undefined;
  /** Generation parameters to write into the XMP packet (parameters/runParameters.ts). */
  readonly parameters?: string | undefined;
}

/** A picture as native code and the encoder need it. */
export interface Picture {
  /** Names the picture in messages. */
  readonly name: string;
  readonly width: number;
  readonly height: number;
  /** 8-bit RGB, interleaved; in the colour space of `metadata.icc`, sRGB without one. */
  readonly rgb: Uint8Array;
  /** 8-bit alpha, one value a pixel; absent where the picture has none. */
  readonly alpha: Uint8Array | undefined;
  readonly metadata: Metadata;
  /** The input's format where it can be written, else png. */
  readonly format: OutputFormat;
  /** What was changed or dropped on the way in. */
  readonly warnings: readonly string[];
}
