import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { AbortError, DiffBIRError, type DownloadErrorCode } from '../errors';
import { abortError } from '../jobQueue';
import type { Hub } from './hub';
import { shown } from './request';

/** This place does not have the file, or not in a usable form: there is nothing to wait for, but another may have it. */
export class Unusable extends Error {
  constructor(
    readonly code: DownloadErrorCode,
    message: string,
    /** The place has no such file: it says the least about what went wrong. */
    readonly isMissing = false,
  ) {
    super(message);
  }
}

/** It may work later: the server is busy, or the connection was cut. */
export class Transient extends Error {
  constructor(
    message: string,
    /** How long the server asks to wait, in milliseconds. */
    readonly waitMs?: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The error for an answer that refuses. */
export function refusal(url: URL, { statusCode = 0, headers }: IncomingMessage): Unusable | Transient {
  const said = `${shown(url)} answers ${statusCode}`;
  if (statusCode === 429 || statusCode === 408 || statusCode >= 500) {
    return new Transient(said, retryAfter(headers['retry-after']));
  }
  // The hub says 401 also for repositories that do not exist, and names the difference in a header.
  const code = headers['x-error-code'];
  if (statusCode === 404 || statusCode === 410 || code === 'RepoNotFound' || code === 'EntryNotFound') {
    return new Unusable('DIFFBIR_DOWNLOAD_FAILED', `${said}: there is no such file`, true);
  }
  if (statusCode === 401 || statusCode === 403) {
    const advice = 'it needs HF_TOKEN, a valid one with access to it, or its licence to be accepted on its page first';
    return new Unusable('DIFFBIR_ACCESS_DENIED', `${said}: ${advice}`);
  }
  return new Unusable('DIFFBIR_DOWNLOAD_FAILED', said);
}

/** `Retry-After`: seconds, or a date. */
function retryAfter(header: string | undefined): number | undefined {
  if (!header) return undefined;
  const milliseconds = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(milliseconds) ? Math.max(milliseconds, 0) : undefined;
}

/**
 * Repeats what fails for the moment: after the wait that the server asks for, else after one that doubles, with chance in
 * it so that not all clients come back at once. Throws the last error, AbortError when the signal fires while it waits,
 * and at once what waiting does not mend.
 * @param gotOn whether anything was achieved since it was asked last: the count then starts anew
 */
export async function withRetries<T>(
  hub: Hub,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
  gotOn: () => boolean = () => false,
): Promise<T> {
  for (let failures = 0; ; ) {
    try {
      return await attempt();
    } catch (error) {
      if (!isTransient(error)) throw error;
      failures = gotOn() ? 1 : failures + 1;
      const asked = error instanceof Transient ? error.waitMs : undefined;
      if (failures >= hub.attempts || (asked ?? 0) > hub.maxWaitMs) throw error;
      const wait = asked ?? Math.min(hub.backoffMs * 2 ** (failures - 1), hub.maxWaitMs) * (0.75 + Math.random() / 2);
      await pause(wait, signal);
    }
  }
}

/** Waits; rejects with AbortError when the signal fires. */
export async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { ...(signal && { signal }) });
  } catch (error) {
    throw signal?.aborted ? abortError(signal) : error;
  }
}

/** Errors of connections have a code of the system, of TLS or of HTTP; what we throw ourselves is of our classes. */
function isTransient(error: unknown): boolean {
  if (error instanceof Transient) return true;
  if (error instanceof Unusable || error instanceof DiffBIRError || error instanceof AbortError) return false;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return ['ECONNRESET', 'ECONNREFUSED', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'EAI_AGAIN', 'ENETUNREACH'].includes(
    code,
  );
}
