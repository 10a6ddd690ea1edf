import { freeBytes } from './cards';

/** Often enough for a picture of a few hundred milliseconds. */
const SAMPLE_MS = 20;

/** How much of a GPU's memory is taken, looked at from outside the process that is measured. */
export class DeviceMemory {
  private readonly before: number;
  private lowest: number;
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly index: number) {
    this.before = freeBytes(this.index);
    this.lowest = this.before;
    this.timer = setInterval(() => {
      this.lowest = Math.min(this.lowest, freeBytes(this.index));
    }, SAMPLE_MS);
  }

  /** Most bytes beyond those of the beginning since the last call. */
  take(): number {
    const most = this.before - Math.min(this.lowest, freeBytes(this.index));
    this.lowest = Number.POSITIVE_INFINITY;
    return most;
  }

  stop(): void {
    clearInterval(this.timer);
  }
}
