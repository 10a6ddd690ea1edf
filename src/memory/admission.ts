import { DiffBIRError } from '../errors';
import { abortError, disposed } from '../jobQueue';
import type { NativeModel } from '../native/binding';
import type { Timed } from '../timeLimit';

/** What a picture takes of a device's memory while it is restored, as it was planned. */
export interface Demand {
  /** Bytes of the picture and of the work of the networks. */
  readonly work: number;
  /** Bytes that all pictures together and the copied weights may take. */
  readonly budget: number;
  /**
   * Pictures of one form have the same networks; `any` where those that differ are not run. Undefined for one that opens
   * its networks by stages, since they do not fit beside it all at once.
   */
  readonly form: string | undefined;
}

/** A model of its own for one picture. They share their networks (native/pipeline/network_store.h). */
interface Place {
  readonly native: NativeModel;
  running: Demand | undefined;
  /** Of the networks that it has open, as far as we know. */
  form: string | undefined;
}

/** Where a picture runs. */
interface Entered {
  readonly place: Place;
  readonly floor: Floor;
}

interface Waiting {
  readonly demand: Demand;
  enter(entered: Entered): void;
  refuse(reason: unknown): void;
}

/**
 * Lets pictures in as far as memory allows: those that run at once on a device, with the copied weights that they need, never
 * take more than the smallest of their budgets. Each is planned as if it were alone, so that what runs beside it does not
 * change its tiles. It runs on the device that has least to do of those that have room; one that fits beside the others on
 * none waits until it does, and those behind it wait too, so that many small ones do not keep a large one out. A picture
 * alone is always let in.
 */
export class Admission {
  private readonly floors: readonly Floor[];
  private readonly waiting: Waiting[] = [];
  private closed = false;

  /**
   * @param natives for each device as many as pictures may run at once there, of one spec
   * @param copied bytes of the weights that one form of the networks copies
   * @param form of the networks that the models have open
   */
  constructor(natives: readonly (readonly NativeModel[])[], copied: number, form: Demand['form']) {
    this.floors = natives.map((own) => new Floor(own, copied, form));
  }

  /** How many pictures may run at once. */
  get size(): number {
    return this.floors.reduce((sum, { places }) => sum + places.length, 0);
  }

  /**
   * Waits until the picture fits, and calls `work` with a model that is its own until the promise settles.
   * Rejects with AbortError when the signal fires while it waits, DIFFBIR_DISPOSED after `dispose`.
   */
  async run<T>(demand: Demand, { signal, paused }: Timed, work: (native: NativeModel) => Promise<T>): Promise<T> {
    const { place, floor } = await paused(() => this.enter(demand, signal));
    try {
      await floor.closeOtherForms();
      const result = await work(place.native);
      floor.worked();
      return result;
    } catch (error) {
      if (isOfDevice(error)) floor.failed();
      throw error;
    } finally {
      place.running = undefined;
      this.letIn();
    }
  }

  /** Cancels what runs, refuses what waits, and frees the networks. */
  async dispose(): Promise<void> {
    this.closed = true;
    for (const entry of this.waiting.splice(0)) entry.refuse(disposed());
    await Promise.all(this.floors.flatMap(({ places }) => places.map(({ native }) => native.dispose())));
  }

  private enter(demand: Demand, signal: AbortSignal | undefined): Promise<Entered> {
    if (this.closed) return Promise.reject(disposed());
    if (signal?.aborted) return Promise.reject(abortError(signal));
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.waiting.splice(this.waiting.indexOf(entry), 1);
        reject(abortError(signal as AbortSignal));
        this.letIn();
      };
      const entry: Waiting = {
        demand,
        enter: (entered) => {
          signal?.removeEventListener('abort', leave);
          resolve(entered);
        },
        refuse: (reason) => {
          signal?.removeEventListener('abort', leave);
          reject(reason);
        },
      };
      signal?.addEventListener('abort', leave, { once: true });
      this.waiting.push(entry);
      this.letIn();
    });
  }

  /** Lets in those that have waited longest, as long as they fit. */
  private letIn(): void {
    for (let next = this.waiting[0]; next; next = this.waiting[0]) {
      const entered = this.take(next.demand);
      if (!entered) return;
      this.waiting.shift();
      next.enter(entered);
    }
  }

  private take(demand: Demand): Entered | undefined {
    const rested = this.floors.filter(({ rest }) => rest === 0);
    const floors = [...(rested.length > 0 ? rested : this.floors)];
    for (const floor of floors.sort((a, b) => a.running.length - b.running.length)) {
      const place = floor.take(demand);
      if (!place) continue;
      for (const other of this.floors) if (other !== floor) other.rest = Math.max(0, other.rest - 1);
      return { place, floor };
    }
    return undefined;
  }
}

/** Whether an error may be the device's, and not the picture's. */
function isOfDevice(error: unknown): boolean {
  return error instanceof DiffBIRError && DEVICE_ERRORS.has(error.code);
}

const DEVICE_ERRORS: ReadonlySet<string> = new Set(['DIFFBIR_RUNTIME_FAILED', 'DIFFBIR_NO_DEVICE', 'DIFFBIR_INTERNAL']);
/** Each failure more, a device rests for so many times as many pictures of the others. */
const BACKOFF = 4;

/** A device, and the models that are open there. */
class Floor {
  readonly places: readonly Place[];
  /**
   * Pictures that the others take before it is tried again: one that fails at once is always the one with least to do, and
   * would take all that wait.
   */
  rest = 0;
  private failures = 0;

  constructor(
    natives: readonly NativeModel[],
    private readonly copied: number,
    form: Demand['form'],
  ) {
    this.places = natives.map((native) => ({ native, running: undefined, form }));
  }

  get running(): readonly Demand[] {
    return this.places.flatMap((place) => place.running ?? []);
  }

  /** A place for a picture, which runs there from now on; undefined if it does not fit now. */
  take(demand: Demand): Place | undefined {
    const idle = this.places.filter(({ running }) => !running);
    // One that has its networks open already, if there is one.
    const place = idle.find(({ form }) => form === demand.form) ?? idle[0];
    if (!place) return undefined;
    const form = demand.form === 'any' ? (place.form ?? 'none') : demand.form;
    if (!this.fits(demand, form)) return undefined;
    place.running = demand;
    place.form = form;
    return place;
  }

  worked(): void {
    this.failures = 0;
    this.rest = 0;
  }

  failed(): void {
    this.failures++;
    this.rest = BACKOFF ** this.failures;
  }

  /** Networks that nobody runs stay open only where they are those of somebody who does: then they take no memory. */
  async closeOtherForms(): Promise<void> {
    const forms = this.runningForms();
    const idle = this.places.filter(({ running, form }) => !running && form !== undefined && !forms.has(form));
    await Promise.all(
      idle.map((place) => {
        place.form = undefined;
        return place.native.closeNetworks();
      }),
    );
  }

  private fits(demand: Demand, form: Demand['form']): boolean {
    const { running } = this;
    if (running.length === 0) return true;
    const forms = this.runningForms().add(form);
    if (forms.has(undefined)) return false;
    const all = [...running, demand];
    const bytes = all.reduce((sum, { work }) => sum + work, this.copied * forms.size);
    return bytes <= Math.min(...all.map(({ budget }) => budget));
  }

  private runningForms(): Set<Demand['form']> {
    return new Set(this.places.filter(({ running }) => running).map(({ form }) => form));
  }
}
