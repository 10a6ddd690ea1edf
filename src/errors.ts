/**
 * Every error this package throws on purpose: one table of codes, one thin class per kind a caller may want to catch.
 * Callers (and the server) decide by `code`; message texts may change.
 */

import { inspect } from 'node:util';

/** Which class an error of native code gets by its code; the class decides the extra members, see below. */
type Kind = 'base' | 'option' | 'image' | 'checkpoint' | 'manifest' | 'download' | 'native' | 'abort';

/** Code -> the HTTP status a server answers with, and the class. */
const CODES = {
  DIFFBIR_INVALID_OPTION: { status: 400, kind: 'option' },
  DIFFBIR_ACCESS_DENIED: { status: 403, kind: 'download' },
  DIFFBIR_MODEL_NOT_FOUND: { status: 404, kind: 'base' },
  DIFFBIR_DISPOSED: { status: 409, kind: 'base' },
  DIFFBIR_OUTPUT_EXISTS: { status: 409, kind: 'base' },
  DIFFBIR_IMAGE_TOO_LARGE: { status: 413, kind: 'image' },
  DIFFBIR_INVALID_IMAGE: { status: 422, kind: 'image' },
  DIFFBIR_INVALID_CHECKPOINT: { status: 422, kind: 'checkpoint' },
  DIFFBIR_INVALID_MANIFEST: { status: 422, kind: 'manifest' },
  DIFFBIR_MODEL_MISMATCH: { status: 422, kind: 'base' },
  DIFFBIR_ABORTED: { status: 499, kind: 'abort' },
  DIFFBIR_BINDING_NOT_FOUND: { status: 500, kind: 'native' },
  DIFFBIR_RUNTIME_NOT_FOUND: { status: 500, kind: 'native' },
  DIFFBIR_RUNTIME_FAILED: { status: 500, kind: 'base' },
  DIFFBIR_NO_DEVICE: { status: 500, kind: 'base' },
  DIFFBIR_NUMERIC: { status: 500, kind: 'base' },
  DIFFBIR_OUTPUT_FAILED: { status: 500, kind: 'base' },
  DIFFBIR_CACHE_FAILED: { status: 500, kind: 'download' },
  DIFFBIR_INTERNAL: { status: 500, kind: 'base' },
  DIFFBIR_UNSUPPORTED_PLATFORM: { status: 501, kind: 'native' },
  DIFFBIR_DOWNLOAD_FAILED: { status: 502, kind: 'download' },
  DIFFBIR_WRONG_CHECKSUM: { status: 502, kind: 'download' },
  DIFFBIR_OFFLINE: { status: 503, kind: 'download' },
  DIFFBIR_QUEUE_FULL: { status: 503, kind: 'base' },
  DIFFBIR_TIME_LIMIT: { status: 504, kind: 'base' },
  DIFFBIR_DISK_FULL: { status: 507, kind: 'download' },
  DIFFBIR_OUT_OF_MEMORY: { status: 507, kind: 'base' },
} as const satisfies Record<string, { status: number; kind: Kind }>;

export type ErrorCode = keyof typeof CODES;

/** Base of all errors of this package. */
export class DiffBIRError extends Error {
  override name = 'DiffBIRError';
  /** Stable, documented name of what went wrong. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** HTTP status that fits the code. */
  get status(): number {
    return CODES[this.code].status;
  }
}

/** An option has a wrong type, a value out of range, or a name nobody knows. */
export class InvalidOptionError extends DiffBIRError {
  override name = 'InvalidOptionError';
  /** Name of the option, for instance `steps`. */
  readonly option: string;

  constructor(option: string, message: string, options?: ErrorOptions) {
    super('DIFFBIR_INVALID_OPTION', message, options);
    this.option = option;
  }
}

/** The input is no picture we can read, or has too many pixels (`DIFFBIR_IMAGE_TOO_LARGE`). */
export class InvalidImageError extends DiffBIRError {
  override name = 'InvalidImageError';

  constructor(
    message: string,
    options?: ErrorOptions,
    code: 'DIFFBIR_INVALID_IMAGE' | 'DIFFBIR_IMAGE_TOO_LARGE' = 'DIFFBIR_INVALID_IMAGE',
  ) {
    super(code, message, options);
  }
}

/** A weights file cannot be used; the message names the file, the reason and what to do. */
export class CheckpointError extends DiffBIRError {
  override name = 'CheckpointError';
  readonly file: string;

  constructor(file: string, reason: string, options?: ErrorOptions) {
    super('DIFFBIR_INVALID_CHECKPOINT', file && !reason.includes(file) ? `${file}: ${reason}` : reason, options);
    this.file = file;
  }
}

/** A `model.json` is not valid. */
export class ManifestError extends DiffBIRError {
  override name = 'ManifestError';
  readonly file: string;

  constructor(file: string, reason: string, options?: ErrorOptions) {
    super('DIFFBIR_INVALID_MANIFEST', file && !reason.includes(file) ? `${file}: ${reason}` : reason, options);
    this.file = file;
  }
}

/** The codes of a class. */
type CodesOf<K extends Kind> = { [C in ErrorCode]: (typeof CODES)[C]['kind'] extends K ? C : never }[ErrorCode];

/** Codes of what can go wrong with a download. */
export type DownloadErrorCode = CodesOf<'download'>;

/** A file of an official model cannot be had; the message names the file, the reason and what to do. */
export class DownloadError extends DiffBIRError {
  override name = 'DownloadError';
  /** Name of the file, for instance `v2.pth`. */
  readonly file: string;
  /** With `DIFFBIR_DISK_FULL`: bytes that are still needed, and bytes that are free. */
  readonly neededBytes: number | undefined;
  readonly freeBytes: number | undefined;

  constructor(
    code: DownloadErrorCode,
    file: string,
    reason: string,
    options?: ErrorOptions & { readonly neededBytes?: number; readonly freeBytes?: number },
  ) {
    super(code, `${file}: ${reason}`, options);
    this.file = file;
    this.neededBytes = options?.neededBytes;
    this.freeBytes = options?.freeBytes;
  }
}

/** Codes of what keeps the native part from loading. */
export type NativeLoadErrorCode = CodesOf<'native'>;

/** A file of the native part that was tried. */
export interface LoadAttempt {
  /** Its path, or the name of the package that should have it. */
  readonly file: string;
  /** Why it did not load; the system's words where it has any. */
  readonly reason: string;
}

/** The addon or ONNX Runtime does not load; the message names the platform, every attempt, and the command that helps. */
export class NativeLoadError extends DiffBIRError {
  override name = 'NativeLoadError';
  readonly attempts: readonly LoadAttempt[];

  constructor(
    code: NativeLoadErrorCode,
    message: string,
    options?: ErrorOptions & { readonly attempts?: readonly LoadAttempt[] },
  ) {
    super(code, message, options);
    this.attempts = options?.attempts ?? [];
  }
}

/** The caller's AbortSignal fired. Has the name that `fetch` and the DOM use. */
export class AbortError extends DiffBIRError {
  override name = 'AbortError';

  constructor(message = 'The operation was aborted', options?: ErrorOptions) {
    super('DIFFBIR_ABORTED', message, options);
  }
}

/** As many calls wait for a Restorer as its `queueLimit` allows: try again later, or somewhere else. */
export class QueueFullError extends DiffBIRError {
  override name = 'QueueFullError';
  /** How many calls wait. */
  readonly queued: number;

  constructor(queued: number, options?: ErrorOptions) {
    super(
      'DIFFBIR_QUEUE_FULL',
      `${queued} calls wait already, as many as queueLimit allows: try again later, or take restoreAll() for a batch`,
      options,
    );
    this.queued = queued;
  }
}

/** A picture took longer than its `timeLimit` and was stopped; the next call works. */
export class TimeLimitError extends DiffBIRError {
  override name = 'TimeLimitError';
  /** The limit, in seconds. */
  readonly seconds: number;

  constructor(seconds: number, options?: ErrorOptions) {
    super('DIFFBIR_TIME_LIMIT', `The picture was not restored within timeLimit (${seconds} s)`, options);
    this.seconds = seconds;
  }
}

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(CODES, code);
}

/** What the caller knew when it went into native code. */
export interface NativeContext {
  /** Created at the call: its stack shows the caller's JavaScript, which an error from a worker thread does not have. */
  readonly at?: Error;
  /** Weights file in use, for checkpoint and manifest errors. */
  readonly file?: string;
  /** Option in question, for option errors. */
  readonly option?: string;
}

/**
 * Wraps an error thrown by native code into the class of its code. The original becomes `cause`, the stack is the
 * caller's. Errors of this package pass through; a code that the table does not know becomes `DIFFBIR_INTERNAL`.
 * @example
 * const at = new Error();
 * await task.promise.catch((error) => { throw fromNative(error, { at }); });
 */
export function fromNative(error: unknown, context: NativeContext = {}): DiffBIRError {
  if (error instanceof DiffBIRError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const found = (error as { code?: unknown } | null)?.code;
  const wrapped = create(isErrorCode(found) ? found : 'DIFFBIR_INTERNAL', message, context, { cause: error });
  const frames = context.at?.stack?.split('\n').slice(1).join('\n');
  if (frames) wrapped.stack = `${wrapped.name}: ${message}\n${frames}`;
  return wrapped;
}

function create(code: ErrorCode, message: string, context: NativeContext, options: ErrorOptions): DiffBIRError {
  switch (CODES[code].kind) {
    case 'option':
      return new InvalidOptionError(context.option ?? '', message, options);
    case 'image':
      return new InvalidImageError(message, options, code as 'DIFFBIR_INVALID_IMAGE' | 'DIFFBIR_IMAGE_TOO_LARGE');
    case 'checkpoint':
      return new CheckpointError(context.file ?? '', message, options);
    case 'manifest':
      return new ManifestError(context.file ?? '', message, options);
    case 'native':
      return new NativeLoadError(code as NativeLoadErrorCode, message, options);
    case 'abort':
      return new AbortError(message, options);
    default:
      return new DiffBIRError(code, message, options);
  }
}

/**
 * The error for a wrong option value: `Expected X for name but received Y of type Z`.
 * @param what what would be right, for instance `an integer between 1 and 1000`
 */
export function expected(what: string, name: string, value: unknown): InvalidOptionError {
  return new InvalidOptionError(
    name,
    `Expected ${what} for ${name} but received ${show(value)} of type ${typeOf(value)}`,
  );
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

/** Integers of more bits are not shown: their digits take long to reckon. */
const SHOWN_BITS = 1000;

/** Of an object: in one line, without a call of its getters, `toJSON` or traps, and not much more than is shown. */
const SHOWN = { depth: 1, breakLength: Number.POSITIVE_INFINITY, customInspect: false } as const;

/** Short text of any value, also of one that is hostile or endless. */
export function show(value: unknown): string {
  try {
    const text = textOf(value);
    return text.length > 100 ? `${text.slice(0, 100)}...` : text;
  } catch {
    return '[unprintable value]';
  }
}

function textOf(value: unknown): string {
  if (typeof value === 'bigint' && BigInt.asIntN(SHOWN_BITS, value) !== value) return '[huge integer]';
  return typeof value === 'object' ? inspect(value, SHOWN) : String(value);
}
