import { expected } from './errors';
import { encode } from './image/encode';
import type { Metadata } from './image/types';
import type { Stage } from './native/binding';
import type { RestoreOptions } from './options/RestoreOptions';
import type { OutputFormat } from './options/table';
import { validateOptions } from './options/validate';
import type { Tensor } from './options/values';
import { formatFor } from './output/format';
import { writeFileAtomic } from './output/writeFile';

/** How a result becomes bytes; unset members are those of the restoration's options. */
export type OutputOptions = Pick<RestoreOptions, 'format' | 'quality'>;

/** How long a part of the work took; `read` is bringing the input into memory and decoding it. */
export interface StageTime {
  readonly stage: Stage | 'read';
  readonly milliseconds: number;
}

/** What was written. */
export interface OutputInfo {
  readonly format: OutputFormat;
  readonly width: number;
  readonly height: number;
  readonly channels: 3 | 4;
  /** Bytes of the file. */
  readonly size: number;
}

export interface ResultParts {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly channels: 3 | 4;
  readonly stage: 1 | 2;
  readonly seed: bigint;
  readonly times: readonly StageTime[];
  readonly warnings: readonly string[];
  readonly trace: Readonly<Record<string, Tensor>>;
  readonly metadata: Metadata;
  readonly output: {
    readonly asked: OutputFormat | undefined;
    readonly fallback: OutputFormat;
    readonly quality: number;
  };
}

/**
 * A restored picture, as pixels; `toBuffer` and `toFile` make a picture file of it, with the input's metadata.
 * @example
 * const result = await restore('old.jpg');
 * await result.toFile('restored.jpg');
 */
export class RestoreResult {
  /** 8-bit RGB or RGBA, rows top to bottom, interleaved; in the colour space of the input's RGB profile, else sRGB. */
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** 4 where the input has transparency. */
  readonly channels: 3 | 4;
  /** 1: the restoration module alone ran. 2: both stages. */
  readonly stage: 1 | 2;
  /** The seed that gives this picture again. */
  readonly seed: bigint;
  readonly times: readonly StageTime[];
  /** What was changed or dropped without being asked: 16 bits, CMYK, the end of a long prompt. */
  readonly warnings: readonly string[];
  /** Intermediate tensors; empty without the option `trace`. */
  readonly trace: Readonly<Record<string, Tensor>>;
  private readonly parts: ResultParts;

  /** @internal */
  constructor(parts: ResultParts) {
    this.parts = parts;
    this.data = parts.data;
    this.width = parts.width;
    this.height = parts.height;
    this.channels = parts.channels;
    this.stage = parts.stage;
    this.seed = parts.seed;
    this.times = parts.times;
    this.warnings = parts.warnings;
    this.trace = parts.trace;
  }

  /**
   * The bytes of a picture file. Rejects with InvalidOptionError, DIFFBIR_OUTPUT_FAILED.
   * @example const webp = await result.toBuffer({ format: 'webp', quality: 90 });
   * @example const png = await result.toBuffer('png');
   */
  async toBuffer(output: OutputFormat | OutputOptions = {}): Promise<Buffer> {
    const { format, quality } = this.outputOptions(typeof output === 'string' ? { format: output } : output);
    return encode(this.parts, { format: format ?? this.parts.output.fallback, quality });
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
    const format = formatFor(file, asked.format, this.parts.output.fallback);
    const bytes = await encode(this.parts, { format, quality: asked.quality });
    await writeFileAtomic(file, bytes, { force });
    const { width, height, channels } = this;
    return { format, width, height, channels, size: bytes.length };
  }

  private outputOptions(output: OutputOptions): { format: OutputFormat | undefined; quality: number } {
    const { format, quality } = validateOptions(output);
    return { format: format ?? this.parts.output.asked, quality: quality ?? this.parts.output.quality };
  }
}
