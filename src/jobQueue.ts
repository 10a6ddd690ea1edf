import { AbortError, DiffBIRError } from './errors';

interface Waiting {
  /** Takes its turn; the next one comes when the promise settles. */
  start(): Promise<unknown>;
  refuse(reason: DiffBIRError): void;
}

/** Runs jobs one at a time, in the order they came. A job that still waits can be aborted at once. */
export class JobQueue {
  private readonly waiting: Waiting[] = [];
  private running = false;
  private closed = false;

  /** Jobs that wait, without the running one. */
  get length(): number {
    return this.waiting.length;
  }

  get isRunning(): boolean {
    return this.running;
  }

  /** The job's own result. Rejects with AbortError when the signal fires before its turn, DIFFBIR_DISPOSED after `close`. */
  run<T>(job: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.closed) return Promise.reject(disposed());
    if (signal?.aborted) return Promise.reject(abortError(signal));
    return new Promise<T>((resolve, reject) => {
      const leave = () => {
        this.waiting.splice(this.waiting.indexOf(entry), 1);
        reject(abortError(signal as AbortSignal));
      };
      const entry: Waiting = {
        start: () => {
          signal?.removeEventListener('abort', leave);
          const done = job();
          resolve(done);
          return done;
        },
        refuse: (reason) => {
          signal?.removeEventListener('abort', leave);
          reject(reason);
        },
      };
      signal?.addEventListener('abort', leave, { once: true });
      this.waiting.push(entry);
      this.next();
    });
  }

  /** Refuses what waits and what comes later with DIFFBIR_DISPOSED; the running job goes on. */
  close(): void {
    this.closed = true;
    for (const entry of this.waiting.splice(0)) entry.refuse(disposed());
  }

  private next(): void {
    if (this.running) return;
    const entry = this.waiting.shift();
    if (!entry) return;
    this.running = true;
    const proceed = () => {
      this.running = false;
      this.next();
    };
    entry.start().then(proceed, proceed);
  }
}

export function abortError(signal: AbortSignal): AbortError {
  return new AbortError(undefined, { cause: signal.reason });
}

function disposed(): DiffBIRError {
  return new DiffBIRError('DIFFBIR_DISPOSED', 'This Restorer has been disposed; create another one');
}
