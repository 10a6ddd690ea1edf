// Restores one picture after the other, or a few at once, and notes what the process has after each round.
import { readdirSync } from 'node:fs';
import { restore } from '../../src/restore';
import { Restorer } from '../../src/restorer';
import { collectGarbage } from '../collectGarbage';
import { memoryOf } from '../memory';
import { seededRandom } from '../random';
import { type SoakJob, soakJob } from './jobs';

/** What the process has while nothing runs. Memory in MiB. */
export interface Sample {
  /** Jobs that are done. */
  readonly jobs: number;
  readonly resident: number;
  /** Of it what is no mapped file. */
  readonly anonymous: number;
  /** Of V8, and what its buffers hold. */
  readonly javascript: number;
  readonly files: number;
  readonly threads: number;
}

export interface SoakResult {
  readonly samples: readonly Sample[];
  /** How many jobs ended how: `restored`, or the code of an error. */
  readonly outcomes: Readonly<Record<string, number>>;
}

const MOST_AT_ONCE = 4;

/** Rejects where a job ends in another way than it should. */
export async function soak(jobs: number, seed: number, onSample?: (sample: Sample) => void): Promise<SoakResult> {
  const random = seededRandom(seed);
  const outcomes: Record<string, number> = {};
  const samples: Sample[] = [];
  await using restorer = await Restorer.create({ concurrency: 2 });
  for (let done = 0; done < jobs; ) {
    const count = Math.min(jobs - done, 1 + Math.floor(random() * MOST_AT_ONCE));
    const round: SoakJob[] = [];
    while (round.length < count) round.push(await soakJob(random));
    for (const outcome of await Promise.all(round.map((job) => outcomeOf(job, restorer)))) {
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
    done += count;
    const sample = await sampleAfter(done);
    samples.push(sample);
    onSample?.(sample);
  }
  return { samples, outcomes };
}

async function outcomeOf({ input, options, abortAfter, alone, isGood }: SoakJob, restorer: Restorer): Promise<string> {
  const signal = abortAfter === undefined ? undefined : AbortSignal.timeout(abortAfter);
  const asked = { ...options, signal };
  try {
    const result = await (alone ? restore(input, asked) : restorer.restore(input, asked));
    await result.toBuffer();
    if (!isGood) throw new Error('It restored what is no picture');
    return 'restored';
  } catch (error) {
    const { code } = error as { code?: string };
    const isExpected = code === 'DIFFBIR_ABORTED' ? signal?.aborted : code === 'DIFFBIR_INVALID_IMAGE' && !isGood;
    if (!isExpected) throw error;
    return code as string;
  }
}

async function sampleAfter(jobs: number): Promise<Sample> {
  await collectGarbage();
  const { heapTotal, external } = process.memoryUsage();
  return {
    jobs,
    ...memoryOf('self'),
    javascript: (heapTotal + external) / 2 ** 20,
    files: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
  };
}

/** What `y` grows by for one more `x`: the median over all pairs (Theil and Sen), which a few high values do not move. */
export function slope(x: readonly number[], y: readonly number[]): number {
  const slopes = x.flatMap((from, i) =>
    x.slice(i + 1).map((to, k) => ((y[i + 1 + k] as number) - (y[i] as number)) / (to - from)),
  );
  return slopes.sort((a, b) => a - b)[Math.floor(slopes.length / 2)] as number;
}
