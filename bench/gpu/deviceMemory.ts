import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { OwnProcess } from './childProcess';
import type { Sample } from './memoryWatch';

/** For CUDA to start in the process that looks. */
const START_MS = 20_000;
const WATCH = path.join(import.meta.dirname, 'memoryWatch.ts');

/**
 * How much of a GPU's memory is taken, looked at from outside the process that is measured; and not by the one that keeps the
 * time, which must not wait for a driver that is stuck.
 */
export class DeviceMemory {
  private lowest = Number.POSITIVE_INFINITY;
  private since = 0;

  private constructor(
    watch: OwnProcess<Sample>,
    private readonly before: number,
  ) {
    watch.onMessage(({ at, free }) => {
      if (at >= this.since) this.lowest = Math.min(this.lowest, free);
    });
  }

  /** Undefined where nobody can say. */
  static async watch(index: number, file = WATCH): Promise<DeviceMemory | undefined> {
    const watch = new OwnProcess<Sample>(file, [String(index)]);
    const first = new Promise<Sample>((resolve) => watch.onMessage(resolve));
    const sample = await Promise.race([first, watch.ended, sleep(START_MS)]);
    if (typeof sample === 'object') return new DeviceMemory(watch, sample.free);
    console.error(`Memory of the GPU is not measured: ${sample ?? `no answer in ${START_MS / 1000} s`}`);
    watch.end();
    return undefined;
  }

  /** Most bytes beyond those of the beginning since the last call; undefined where nobody said. */
  take(): number | undefined {
    const most = this.before - this.lowest;
    this.lowest = Number.POSITIVE_INFINITY;
    this.since = Date.now();
    return Number.isFinite(most) ? most : undefined;
  }
}
