import { expected } from './errors';
import { encode } from './image/encode';
import type { Metadata } from './image/types';
import type { OutputFormat } from './options/choices';
import type { RestoreOptions } from './options/RestoreOptions';
import { validateOptions } from './options/validate';
import { formatFor } from './output/format';
import { writeFileAtomic } from './output/writeFile';

/** How a result becomes bytes; unset members are those of the options of the call that made it. */
export type OutputOptions = Pick<RestoreOptions, 'format' | 'quality'>;

/** What was written. */
export interface OutputInfo {
  readonly format: OutputFormat;
  readonly width: number;
  readonly height: number;
  readonly channels: 3 | 4;
  /** Bytes of the file. */
  readonly size: number;
}

export interface PictureParts {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly channels: 3 | 4;
  readonly seed: bigint;
  readonly warnings: readonly string[];
  readonly metadata: Metadata;
  readonly output: {
    readonly asked: OutputFormat | undefined;
    readonly fallback: OutputFormat;
    readonly quality: number;
  };
}

/** A picture that came out, as pixels; `toBuffer` and `toFile` make a picture file of it, with the input's metadata. */
export class PictureResult {
  /** 8-bit RGB or RGBA, rows top to bottom, interleaved; in the colour space of the input's RGB profile, else sRGB. */
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** 4 where the input has transparency. */
  readonly channels: 3 | 4;
  /** The seed that gives this picture again. */
  readonly seed: bigint;
  /** What was changed or dropped without being asked: 16 bits, CMYK, the end of a long prompt. */
  readonly warnings: readonly string[];
  private readonly picture: PictureParts;

  /** @internal */
  constructor(parts: PictureParts) {
    this.picture = parts;
    this.data = parts.data;
    this.width = parts.width;
    this.height = parts.height;
    this.channels = parts.channels;
    this.seed = parts.seed;
    this.warnings = parts.warnings;
  }

  /**
   * The bytes of a picture file. Rejects with InvalidOptionError, DIFFBIR_OUTPUT_FAILED.
   * @example const webp = await result.toBuffer({ format: 'webp', quality: 90 });
   * @example const png = await result.toBuffer('png');
   */
  async toBuffer(output: OutputFormat | OutputOptions = {}): Promise<Buffer> {
    const { format, quality } = this.outputOptions(typeof output === 'string' ? { format: output } : output);
    return encode(this.picture, { format: format ?? this.picture.output.fallback, quality });
  }

  /**
   * Writes a picture file, whole or not at all. The format follows from the file's extension unless it was asked for.
   * Rejects with DIFFBIR_OUTPUT_EXISTS (the file exists and `force` is not set), DIFFBIR_OUTPUT_FAILED,
   * InvalidOptionError (unknown extension, or one that contradicts `format`).
   */
  async toFile(file: string, output: OutputOptions & { force?: boolean | undefined } = {}): Promise<OutputInfo> {
    const { force = false, ...options } = { ...output };
    if (typeof file !== 'string' || file === '' || file.includes('\0')) throw expected('a path', 'file', file);
    if (typeof force !== 'boolean') throw expected('true or false', 'force', force);
    const asked = this.outputOptions(options);
    const format = formatFor(file, asked.format, this.picture.output.fallback);
    const bytes = await encode(this.picture, { format, quality: asked.quality });
    await writeFileAtomic(file, bytes, { force });
    const { width, height, channels } = this;
    return { format, width, height, channels, size: bytes.length };
  }

  private outputOptions(output: OutputOptions): { format: OutputFormat | undefined; quality: number } {
    const { format, quality } = validateOptions(output);
    return { format: format ?? this.picture.output.asked, quality: quality ?? this.picture.output.quality };
  }
}
