import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { refusal, Transient, Unusable, withRetries } from './failures';
import type { Hub } from './hub';
import { type RemoteFile, refuseHtml, textOf } from './remoteFile';
import { request, shown } from './request';

/** A cut connection after so many bytes is a new one, not one more of a series. */
const PROGRESS_BYTES = 1 << 20;
/** How pages begin, whatever type they are announced as. No checkpoint does: zip is PK, pickle 0x80, safetensors a length. */
const PAGE = /^\s*<(!doctype|html|\?xml)/i;

/**
 * Downloads a file into `partial`, and goes on there if a part of this very file is in it already. The file is complete,
 * synced to the disk and checked when the promise resolves. A part stays where the server fails, the disk is full or the
 * signal fires; a whole file with wrong content is deleted.
 * Rejects with Unusable, Transient, AbortError, the error of the connection or of the file system.
 * @param onBytes told how many bytes of the file are there
 */
export async function downloadTo(
  hub: Hub,
  partial: string,
  remote: RemoteFile,
  signal: AbortSignal | undefined,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const handle = await open(partial, constants.O_RDWR | constants.O_CREAT);
  try {
    let at = await startingPoint(handle, remote);
    // The furthest so far: a server that always sends the file from its start does not get on by that.
    let furthest = at;
    const gotOn = () => {
      const isMuch = at - furthest >= PROGRESS_BYTES;
      furthest = Math.max(furthest, at);
      return isMuch;
    };
    const counted = (bytes: number) => {
      at = bytes;
      onBytes(bytes);
    };
    await withRetries(hub, signal, () => receive(hub, handle, at, remote, signal, counted), gotOn);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await verify(partial, remote, signal);
}

/** Bytes that are there already; none where nothing guards them against being those of another version. */
async function startingPoint(handle: FileHandle, { size, validator, sha256 }: RemoteFile): Promise<number> {
  const there = (await handle.stat()).size;
  if (there <= size && (validator !== undefined || sha256 !== undefined)) return there;
  await handle.truncate(0);
  return 0;
}

async function receive(
  hub: Hub,
  handle: FileHandle,
  from: number,
  remote: RemoteFile,
  signal: AbortSignal | undefined,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const { url, size, validator } = remote;
  onBytes(from);
  if (from === size) return;
  const answer = await request(hub, url, {
    method: 'GET',
    headers: from > 0 ? { range: `bytes=${from}-`, ...(validator && { 'if-range': validator }) } : {},
    signal,
  });
  let at = from;
  try {
    at = startOf(answer, from, remote);
    if (at !== from) {
      await handle.truncate(0);
      onBytes(0);
    }
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      if (at === 0 && PAGE.test(chunk.toString('latin1', 0, 64))) refuseHtml(url, 'text/html');
      if (at + chunk.length > size) throw tooLong(remote);
      await writeAll(handle, chunk, at);
      at += chunk.length;
      onBytes(at);
    }
    if (at < size) throw new Transient(`${shown(url)} ended after ${at} of ${size} bytes`);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ECONNRESET') throw cause;
    throw new Transient(`the connection to ${shown(url)} was cut after ${at} of ${size} bytes`, undefined, { cause });
  } finally {
    answer.destroy();
  }
}

async function writeAll(handle: FileHandle, chunk: Buffer, position: number): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    done += (await handle.write(chunk, done, chunk.length - done, position + done)).bytesWritten;
  }
}

/** Where the bytes of an answer belong: where they were asked for, or at the start if the server sends the file whole. */
function startOf(answer: IncomingMessage, from: number, { url, size, validator }: RemoteFile): number {
  const { statusCode = 0, headers } = answer;
  if (statusCode === 416) throw new Unusable('DIFFBIR_DOWNLOAD_FAILED', `${shown(url)} refuses the bytes from ${from}`);
  if (statusCode !== 200 && statusCode !== 206) throw refusal(url, answer);
  refuseHtml(url, headers['content-type']);
  const etag = textOf(headers.etag);
  if (validator !== undefined && etag !== undefined && etag !== validator) {
    throw new Unusable('DIFFBIR_DOWNLOAD_FAILED', `${shown(url)} changed while it was downloaded`);
  }
  const [start, total] =
    statusCode === 200
      ? [0, textOf(headers['content-length'])]
      : (/^bytes (\d+)-\d+\/(\d+)$/.exec(textOf(headers['content-range']) ?? '') ?? []).slice(1);
  const isRight = Number(start) === (statusCode === 200 ? 0 : from) && (total === undefined || Number(total) === size);
  if (start !== undefined && isRight) return Number(start);
  throw new Unusable('DIFFBIR_DOWNLOAD_FAILED', `${shown(url)} sends other bytes than it announced`);
}

function tooLong({ url, size }: RemoteFile): Unusable {
  return new Unusable('DIFFBIR_DOWNLOAD_FAILED', `${shown(url)} sends more than the ${size} bytes that it announced`);
}

/** Read back from the disk: what counts is what lies there, also of an earlier process. */
async function verify(file: string, { url, sha256 }: RemoteFile, signal: AbortSignal | undefined): Promise<void> {
  if (sha256 === undefined) return;
  const found = await sha256Of(file, signal);
  if (found === sha256) return;
  await rm(file, { force: true });
  throw new Unusable(
    'DIFFBIR_WRONG_CHECKSUM',
    `what ${shown(url)} sent has the SHA-256 ${found} instead of ${sha256}; it was deleted`,
  );
}

/** SHA-256 of a file, in hexadecimal digits. */
export async function sha256Of(file: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20, ...(signal && { signal }) })) {
    hash.update(chunk);
  }
  return hash.digest('hex');
}
