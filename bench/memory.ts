import { readFileSync } from 'node:fs';

/** What a process has in memory, in MiB. */
export interface Memory {
  readonly resident: number;
  /** What it has to itself. */
  readonly anonymous: number;
  /** What is mapped from files, which the system can take back. */
  readonly mapped: number;
}

const NOTHING: Memory = { resident: 0, anonymous: 0, mapped: 0 };

/** From Linux's own accounts: other systems have no such split, and tell a process about itself alone. */
export function memoryOf(id: number | 'self'): Memory {
  let status: string;
  try {
    status = readFileSync(`/proc/${id}/status`, 'utf8');
  } catch {
    return { ...NOTHING, resident: id === 'self' ? process.memoryUsage.rss() / 2 ** 20 : 0 };
  }
  const of = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) / 1024;
  return { resident: of('VmRSS'), anonymous: of('RssAnon'), mapped: of('RssFile') };
}

/** The highest values that a process had, each by itself, as they were every `milliseconds`. */
export class PeakMemory {
  private highest = NOTHING;
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly id: number | 'self',
    milliseconds = 5,
  ) {
    this.timer = setInterval(() => this.sample(), milliseconds);
  }

  /** What was highest since the last call. */
  take(): Memory {
    this.sample();
    const { highest } = this;
    this.highest = NOTHING;
    return highest;
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private sample(): void {
    this.highest = highestOf(this.highest, memoryOf(this.id));
  }
}

export function highestOf(a: Memory, b: Memory): Memory {
  return {
    resident: Math.max(a.resident, b.resident),
    anonymous: Math.max(a.anonymous, b.anonymous),
    mapped: Math.max(a.mapped, b.mapped),
  };
}
