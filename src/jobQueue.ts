import { AbortError, DiffBIRError, QueueFullError } from './errors';

/** Where a job stands among those that wait. */
export interface Turn {
  /** Higher goes first. */
  readonly priority: number;
  /** Callers of one priority take turns. */
  readonly caller: string;
  readonly signal?: AbortSignal | undefined;
}

interface Waiting {
  start(): Promise<unknown>;
  refuse(reason: DiffBIRError): void;
}

/**
 * Runs as many jobs at a time as it is told. Those that wait are started by falling priority; in one priority the callers
 * take turns, so that one with a thousand jobs does not keep another waiting for all of them; jobs of one caller start in
 * the order they came. A job that still waits can be aborted at once.
 */
export class JobQueue {
  /** Jobs that wait: by priority, then by caller in the order of their turns. */
  private readonly waiting = new Map<number, Map<string, Waiting[]>>();
  private readonly jobs = new Set<Promise<unknown>>();
  private queued = 0;
  private closed = false;

  /** @param limit how many jobs may wait; `Infinity` for no limit */
  constructor(
    private readonly concurrency: number,
    private readonly limit: number,
  ) {}

  /** Jobs that wait, without the running ones. */
  get length(): number {
    return this.queued;
  }

  get running(): number {
    return this.jobs.size;
  }

  /**
   * The job's own result. Rejects with AbortError when the signal fires before its turn, QueueFullError where it would
   * have to wait and too many do, DIFFBIR_DISPOSED after `close`.
   */
  async run<T>(job: () => Promise<T>, { priority, caller, signal }: Turn): Promise<T> {
    if (this.closed) throw disposed();
    if (signal?.aborted) throw abortError(signal);
    const mustWait = this.queued > 0 || this.running >= this.concurrency;
    if (mustWait && this.queued >= this.limit) throw new QueueFullError(this.queued);
    return new Promise<T>((resolve, reject) => {
      const leave = () => {
        this.remove(entry, priority, caller);
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
      this.add(entry, priority, caller);
      this.startNext();
    });
  }

  /** Refuses what waits and what comes later with DIFFBIR_DISPOSED; running jobs go on. */
  close(): void {
    this.closed = true;
    const all = [...this.waiting.values()].flatMap((callers) => [...callers.values()].flat());
    this.waiting.clear();
    this.queued = 0;
    for (const entry of all) entry.refuse(disposed());
  }

  /** When the jobs that run now have come to their end, whichever. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.jobs);
  }

  private startNext(): void {
    if (this.running >= this.concurrency) return;
    const job = this.take()?.start();
    if (!job) return;
    this.jobs.add(job);
    const proceed = () => {
      this.jobs.delete(job);
      this.startNext();
    };
    job.then(proceed, proceed);
  }

  private add(entry: Waiting, priority: number, caller: string): void {
    const callers = this.waiting.get(priority) ?? new Map<string, Waiting[]>();
    this.waiting.set(priority, callers);
    const entries = callers.get(caller) ?? [];
    callers.set(caller, entries);
    entries.push(entry);
    this.queued++;
  }

  private take(): Waiting | undefined {
    if (this.queued === 0) return undefined;
    const priority = Math.max(...this.waiting.keys());
    const callers = this.waiting.get(priority) as Map<string, Waiting[]>;
    const [caller, entries] = callers.entries().next().value as [string, Waiting[]];
    const entry = entries[0] as Waiting;
    this.remove(entry, priority, caller);
    // It has had its turn: the others come first now.
    if (callers.delete(caller)) callers.set(caller, entries);
    return entry;
  }

  private remove(entry: Waiting, priority: number, caller: string): void {
    const callers = this.waiting.get(priority) as Map<string, Waiting[]>;
    const entries = callers.get(caller) as Waiting[];
    entries.splice(entries.indexOf(entry), 1);
    if (entries.length === 0) callers.delete(caller);
    if (callers.size === 0) this.waiting.delete(priority);
    this.queued--;
  }
}

export function abortError(signal: AbortSignal): AbortError {
  return new AbortError(undefined, { cause: signal.reason });
}

export function disposed(): DiffBIRError {
  return new DiffBIRError('DIFFBIR_DISPOSED', 'This Restorer has been disposed; create another one');
}
