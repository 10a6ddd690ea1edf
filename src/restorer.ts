import { DiffBIRError } from './errors';
import { checkInput } from './image/readInput';
import type { ImageInput } from './image/types';
import { JobQueue } from './jobQueue';
import { type LoadedModel, loadModel } from './loadModel';
import type { RestoreOptions } from './options/RestoreOptions';
import { resolveOptions } from './options/resolve';
import { validateOptions } from './options/validate';
import { restorePicture } from './restorePicture';
import type { RestoreResult } from './restoreResult';

/**
 * A loaded model: loading takes seconds and memory, so restore many pictures with one Restorer. Calls run one after
 * the other, in the order they were made, on native threads: the event loop stays free.
 * @example
 * await using restorer = await Restorer.create({ model: './my-model', stage: 1 });
 * for (const file of files) await (await restorer.restore(file)).toFile(`out/${path.basename(file)}`);
 */
export class Restorer {
  private readonly queue = new JobQueue();
  private running: Promise<unknown> = Promise.resolve();
  private disposal: Promise<void> | undefined;

  /** @internal */
  constructor(private readonly model: LoadedModel) {}

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

  /** Name of the model, from its manifest. */
  get modelName(): string {
    return this.model.name;
  }

  /**
   * Restores one picture. Options of this call go before those of `create`, and those before the model's own.
   * Rejects with InvalidOptionError, InvalidImageError, AbortError, DIFFBIR_DISPOSED, or a DiffBIRError with another
   * code; the next call works.
   */
  async restore(input: ImageInput, options: RestoreOptions = {}): Promise<RestoreResult> {
    checkInput(input);
    const resolved = resolveOptions(validateOptions(options, { scope: 'call' }), ...this.model.layers);
    return this.queue.run(() => {
      const job = restorePicture(this.model, input, resolved).catch((error) => {
        throw this.disposal && isAbort(error) && !resolved.signal?.aborted ? disposedMeanwhile(error) : error;
      });
      this.running = job;
      return job;
    }, resolved.signal);
  }

  /** How many calls wait and run. */
  counters(): { readonly queued: number; readonly running: number } {
    return { queued: this.queue.length, running: Number(this.queue.isRunning) };
  }

  /**
   * Cancels what runs, refuses what waits, and frees the networks. May be called again. Calls made later reject with
   * DIFFBIR_DISPOSED.
   */
  dispose(): Promise<void> {
    this.disposal ??= this.free();
    return this.disposal;
  }

  /** `await using`; on a Node version without the symbol this is a method that nobody calls. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  private async free(): Promise<void> {
    this.queue.close();
    await this.model.native.dispose();
    await this.running.catch(() => {});
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof DiffBIRError && error.code === 'DIFFBIR_ABORTED';
}

function disposedMeanwhile(cause: unknown): DiffBIRError {
  return new DiffBIRError('DIFFBIR_DISPOSED', 'The Restorer was disposed while this picture was restored', { cause });
}
