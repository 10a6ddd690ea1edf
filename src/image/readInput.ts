import { readFile, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { fileURLToPath } from 'node:url';
import { AbortError, DiffBIRError, expected, InvalidImageError } from '../errors';
import type { ImageInput, RawImage } from './types';

/** No picture file is larger; bounds what a stream or a wrong path can make us hold. */
const MAX_BYTES = 1 << 30;
const RAW = 'the raw input';

export type Source =
  | { readonly name: string; readonly bytes: Uint8Array }
  | { readonly name: string; readonly raw: RawImage };

/** Whether a value is of a type that an input can have. One that throws when it is looked at is of none. */
export function isInput(input: unknown): input is ImageInput {
  try {
    return (
      (typeof input === 'string' && input !== '' && !input.includes('\0')) ||
      (input instanceof URL && input.protocol === 'file:') ||
      isBytes(input) ||
      isStream(input) ||
      isRaw(input)
    );
  } catch {
    return false;
  }
}

/** Checks the type of an input at the door, synchronously. Throws InvalidOptionError. */
export function checkInput(input: unknown): asserts input is ImageInput {
  if (!isInput(input)) {
    throw expected(
      'a path, file: URL, Buffer, Uint8Array, ArrayBuffer, stream or { data, width, height, channels }',
      'input',
      input,
    );
  }
}

/** Brings an input into memory. Throws InvalidImageError, which names the file and the reason, or AbortError. */
export async function readInput(input: ImageInput, signal?: AbortSignal): Promise<Source> {
  if (typeof input === 'string') return readPath(input);
  if (input instanceof URL) return readPath(fileURLToPath(input));
  if (isBytes(input)) return { name: 'the input buffer', bytes: asBytes(input) };
  if (isStream(input)) return { name: 'the input stream', bytes: await readStream(input, signal) };
  return { name: RAW, raw: readRaw(input) };
}

/** The pixels with each member read once: what a getter gives after the checks would not be what was checked. */
function readRaw(input: RawImage): RawImage {
  try {
    const { data, width, height, channels } = input;
    return { data, width, height, channels };
  } catch (cause) {
    throw new InvalidImageError(`${RAW} cannot be read: one of its members threw an error`, { cause });
  }
}

async function readPath(file: string): Promise<Source> {
  try {
    // Before opening: to open a named pipe would wait for its writer.
    const found = await stat(file);
    if (!found.isFile()) throw new InvalidImageError(`${file} is not a file`);
    if (found.size > MAX_BYTES) throw tooManyBytes(file);
    return { name: file, bytes: await readFile(file) };
  } catch (cause) {
    if (cause instanceof DiffBIRError) throw cause;
    const { code, message } = cause as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'does not exist' : `cannot be read: ${message}`;
    throw new InvalidImageError(`${file} ${reason}`, { cause });
  }
}

async function readStream(input: Readable | ReadableStream<Uint8Array>, signal?: AbortSignal): Promise<Uint8Array> {
  const name = 'the input stream';
  let stop: (() => void) | undefined;
  try {
    const stream = input instanceof Readable ? input : Readable.fromWeb(input as ReadableStream);
    stop = () => stream.destroy(new AbortError());
    signal?.addEventListener('abort', stop, { once: true });
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of stream) {
      if (!isBytes(chunk)) throw new InvalidImageError(`${name} gives ${typeof chunk} chunks, not bytes`);
      size += chunk.byteLength;
      if (size > MAX_BYTES) throw tooManyBytes(name);
      chunks.push(asBytes(chunk));
    }
    return Buffer.concat(chunks, size);
  } catch (cause) {
    if (signal?.aborted) throw new AbortError(undefined, { cause: signal.reason });
    if (cause instanceof DiffBIRError) throw cause;
    throw new InvalidImageError(`${name} failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  } finally {
    if (stop) signal?.removeEventListener('abort', stop);
  }
}

function tooManyBytes(name: string): InvalidImageError {
  return new InvalidImageError(`${name} is larger than ${MAX_BYTES} bytes`, undefined, 'DIFFBIR_IMAGE_TOO_LARGE');
}

function isBytes(value: unknown): value is Uint8Array | ArrayBuffer {
  return value instanceof Uint8Array || value instanceof ArrayBuffer;
}

function asBytes(value: Uint8Array | ArrayBuffer): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array(value);
}

/** By shape, since a web stream may come from another realm or a polyfill. */
function isStream(value: unknown): value is Readable | ReadableStream<Uint8Array> {
  return value instanceof Readable || typeof (value as ReadableStream | null)?.getReader === 'function';
}

function isRaw(value: unknown): value is RawImage {
  return typeof value === 'object' && value !== null && 'data' in value && 'width' in value;
}
