import type { RawImage } from '../image/types';
import type { NativeTensor, Stage } from '../native/binding';

/** One progress message of a restoration. */
export interface RestoreProgress {
  /**
   * What runs now: `load` (weights and graphs), `detect` (faces), `stage1`, `encode`, `sample`, `decode`, `finish` or
   * `paste` (faces); before them, with `download: true`, `download`, whose steps are MiB of one file.
   */
  readonly stage: Stage | 'download';
  /** Counts from 1 to `steps` inside the stage. */
  readonly step: number;
  readonly steps: number;
  /** Share of the whole call that is done, 0 to 1; never falls. */
  readonly fraction: number;
  /** What takes so long, where it is not the usual: engines that TensorRT builds. */
  readonly text?: string;
}

/** What this package needs of a logger; pino, winston and `console` have this shape. */
export interface Logger {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** Describes a picture in a few words: 8-bit RGB, as it was given, before it is enlarged. */
export type Captioner = (image: RawImage) => string | Promise<string>;

/** A float32 tensor, row-major. */
export type { NativeTensor as Tensor };

export function isLogger(value: unknown): boolean {
  return ['debug', 'info', 'warn', 'error'].every(
    (level) => typeof (value as Logger | null)?.[level as keyof Logger] === 'function',
  );
}

export function isAbortSignal(value: unknown): boolean {
  const signal = value as AbortSignal | null;
  return typeof signal?.aborted === 'boolean' && typeof signal.addEventListener === 'function';
}

/** More draws than any run makes, and more axes than any tensor has: longer lists, which may be empty, are not walked. */
const MOST_TENSORS = 100_000;
const MOST_AXES = 8;

export function isTensorList(value: unknown): boolean {
  return Array.isArray(value) && value.length <= MOST_TENSORS && [...value].every(isTensor);
}

function isTensor(value: unknown): boolean {
  const tensor = value as NativeTensor | null;
  if (!(tensor?.data instanceof Float32Array) || !Array.isArray(tensor.shape)) return false;
  if (tensor.shape.length > MOST_AXES) return false;
  const size = tensor.shape.reduce((product: number, side: unknown) => product * Number(side), 1);
  return tensor.shape.every((side) => Number.isSafeInteger(side) && side > 0) && size === tensor.data.length;
}
