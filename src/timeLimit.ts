import { TimeLimitError } from './errors';
import { limitOf } from './options/limitOf';
import type { ResolvedOptions } from './options/resolve';

/** What work under a time limit gets. */
export interface Timed {
  /** Fires with the caller's signal and when the time is over. */
  readonly signal: AbortSignal | undefined;
  /** Waits for others: the time stands still. */
  paused<T>(wait: () => Promise<T>): Promise<T>;
}

/**
 * Runs work that has `timeLimit` seconds. When they are over its signal fires and the promise rejects with TimeLimitError
 * at once, also where something cannot be stopped.
 */
export async function withTimeLimit<T>(
  { timeLimit, signal }: Pick<ResolvedOptions, 'timeLimit' | 'signal'>,
  work: (timed: Timed) => Promise<T>,
): Promise<T> {
  const seconds = limitOf('timeLimit', timeLimit);
  if (seconds === Number.POSITIVE_INFINITY) return work({ signal, paused: (wait) => wait() });
  const stop = new AbortController();
  const forward = () => stop.abort(signal?.reason);
  if (signal?.aborted) forward();
  signal?.addEventListener('abort', forward, { once: true });

  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_, reject) => {
    stop.signal.addEventListener('abort', () => {
      if (stop.signal.reason instanceof TimeLimitError) reject(stop.signal.reason);
    });
  });
  let left = seconds * 1000;
  let since = 0;
  const resume = () => {
    since = performance.now();
    timer = setTimeout(() => stop.abort(new TimeLimitError(seconds)), left);
  };
  const pause = () => {
    clearTimeout(timer);
    left = Math.max(0, left - (performance.now() - since));
  };
  const paused = async <R>(wait: () => Promise<R>) => {
    pause();
    try {
      return await wait();
    } finally {
      resume();
    }
  };
  try {
    resume();
    return await Promise.race([work({ signal: stop.signal, paused }), over]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', forward);
  }
}
