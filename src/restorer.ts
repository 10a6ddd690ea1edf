import type { ChosenDevice } from './device/choose';
import { DiffBIRError, expected } from './errors';
import { checkInput, isInput } from './image/readInput';
import type { ImageInput } from './image/types';
import { JobQueue } from './jobQueue';
import { type LoadedModel, loadModel } from './loadModel';
import { limitOf } from './options/limitOf';
import type { RestoreOptions } from './options/RestoreOptions';
import { resolveOptions } from './options/resolve';
import { validateOptions } from './options/validate';
import { restorePicture } from './restorePicture';
import type { RestoreResult } from './restoreResult';

/**
 * A loaded model: loading takes seconds and memory, so restore many pictures with one Restorer. Calls run on native
 * threads, as many at once as `concurrency` and `memoryBudget` allow on each device; the event loop stays free. Those that
 * wait start by their `priority`, then by turns of their `caller`, then in the order they were made. Restorers of one
 * process, also in worker threads, share the networks that have the same files, device and `threads`; the last one that is
 * disposed frees them.
 * @example
 * await using restorer = await Restorer.create({ model: './my-model', stage: 1 });
 * for (const file of files) await (await restorer.restore(file)).toFile(`out/${path.basename(file)}`);
 */
export class Restorer {
  private readonly queue: JobQueue;
  private disposal: Promise<void> | undefined;

  /** @internal */
  constructor(private readonly model: LoadedModel) {
    const { queueLimit } = resolveOptions(...model.layers);
    this.queue = new JobQueue(model.admission.size, limitOf('queueLimit', queueLimit));
  }

  /**
   * Loads a model. The options are the defaults of every later call, except `signal` and `onProgress`, which concern
   * the loading alone. With `stage: 1` the networks of stage 2 are not loaded.
   * Rejects with InvalidOptionError, ManifestError, CheckpointError, AbortError, or a DiffBIRError with another code.
   */
  static async create(options: RestoreOptions = {}): Promise<Restorer> {
    const checked = validateOptions(options);
    const { internals } = await import('./internals');
    return new Restorer(await loadModel(checked, internals));
  }

  /** What was fixed when it was created, and is recorded in pictures. */
  private get loaded(): RestoreOptions {
    return { precision: resolveOptions(...this.model.layers).precision };
  }

  /** Name of the model, from its manifest. */
  get modelName(): string {
    return this.model.name;
  }

  /** 1: only the restoration module is loaded, or meant to run. 2: both stages. */
  get stages(): 1 | 2 {
    return this.model.stages;
  }

  /** What it runs on, and why: with `device: 'auto'` the reason says what keeps a GPU from being used. Of several the first. */
  get device(): ChosenDevice {
    return this.model.devices[0];
  }

  /** All that its pictures are spread over, in the order of the option `device`. */
  get devices(): readonly ChosenDevice[] {
    return this.model.devices;
  }

  /** How many pictures it works on at once: `concurrency` on each device. */
  get capacity(): number {
    return this.model.admission.size;
  }

  /**
   * Restores one picture. Options of this call go before those of `create`, and those before the model's own.
   * Rejects with InvalidOptionError, InvalidImageError, QueueFullError, TimeLimitError, AbortError, DIFFBIR_DISPOSED, or
   * a DiffBIRError with another code; the next call works.
   */
  async restore(input: ImageInput, options: RestoreOptions = {}): Promise<RestoreResult> {
    checkInput(input);
    const resolved = resolveOptions(
      validateOptions(options, { scope: 'call', loaded: this.loaded }),
      ...this.model.layers,
    );
    const job = () =>
      restorePicture(this.model, input, resolved).catch((error) => {
        throw this.disposal && isAbort(error) && !resolved.signal?.aborted ? disposedMeanwhile(error) : error;
      });
    return this.queue.run(job, resolved);
  }

  /**
   * Restores pictures, each as if it were alone: the same seed, whatever came before it. The results come in the order of
   * the inputs. The next input is taken when the caller asks for a result, so that no more than `capacity` results are in
   * memory. A picture that fails does not stop the others: it comes with its error. When the caller leaves the loop,
   * what still runs is stopped.
   * Throws what concerns them all: InvalidOptionError, AbortError, DIFFBIR_DISPOSED.
   * @example
   * for await (const { input, result, error } of restorer.restoreAll(files)) {
   *   if (result) await result.toFile(`out/${path.basename(input)}`);
   *   else console.error(input, error);
   * }
   */
  async *restoreAll<T extends ImageInput>(
    inputs: Iterable<T> | AsyncIterable<T>,
    options: RestoreOptions = {},
  ): AsyncGenerator<BatchItem<T>, void> {
    checkInputs(inputs);
    const checked = validateOptions(options, { scope: 'call', loaded: this.loaded });
    const stop = new AbortController();
    const forward = () => stop.abort(checked.signal?.reason);
    if (checked.signal?.aborted) forward();
    checked.signal?.addEventListener('abort', forward, { once: true });
    const started: Promise<BatchItem<T>>[] = [];
    try {
      for await (const input of inputs) {
        const item = this.restoreItem(input, { ...checked, signal: stop.signal });
        item.catch(() => {}); // heard of when its turn comes, if the caller stays so long
        started.push(item);
        if (started.length >= this.model.admission.size) yield await (started.shift() as Promise<BatchItem<T>>);
      }
      for (const item of started) yield await item;
    } finally {
      checked.signal?.removeEventListener('abort', forward);
      stop.abort();
    }
  }

  /** How many calls wait and run. */
  counters(): { readonly queued: number; readonly running: number } {
    return { queued: this.queue.length, running: this.queue.running };
  }

  /**
   * Cancels what runs, refuses what waits, and frees the networks. May be called again. Calls made later reject with
   * DIFFBIR_DISPOSED.
   */
  dispose(): Promise<void> {
    this.disposal ??= this.free().catch((error) => {
      this.disposal = undefined; // a later call may have the memory for it that this one lacked
      throw error;
    });
    return this.disposal;
  }

  /** `await using`; on a Node version without the symbol this is a method that nobody calls. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  private async restoreItem<T extends ImageInput>(input: T, options: RestoreOptions): Promise<BatchItem<T>> {
    try {
      return { input, result: await this.restore(input, options), error: undefined };
    } catch (error) {
      if (!(error instanceof DiffBIRError) || options.signal?.aborted || error.code === 'DIFFBIR_DISPOSED') throw error;
      return { input, result: undefined, error };
    }
  }

  private async free(): Promise<void> {
    this.queue.close();
    await this.model.admission.dispose();
    await this.queue.settled();
  }
}

/** What became of one picture of `restoreAll`. */
export type BatchItem<T> =
  | { readonly input: T; readonly result: RestoreResult; readonly error: undefined }
  | { readonly input: T; readonly result: undefined; readonly error: DiffBIRError };

/** One picture is iterable too, if it is a path, bytes or a stream: that would be a batch of its letters or bytes. */
function checkInputs(inputs: unknown): void {
  const value = inputs as Partial<Iterable<unknown> & AsyncIterable<unknown>> | null | undefined;
  const iterates =
    typeof value?.[Symbol.iterator] === 'function' || typeof value?.[Symbol.asyncIterator] === 'function';
  if (!iterates || isInput(inputs)) throw expected('an iterable of inputs', 'inputs', inputs);
}

function isAbort(error: unknown): boolean {
  return error instanceof DiffBIRError && error.code === 'DIFFBIR_ABORTED';
}

function disposedMeanwhile(cause: unknown): DiffBIRError {
  return new DiffBIRError('DIFFBIR_DISPOSED', 'The Restorer was disposed while this picture was restored', { cause });
}
