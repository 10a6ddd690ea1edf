/** Jobs that end early or fail on the device, and what is left behind. */
import { setTimeout as sleep } from 'node:timers/promises';
import { freeBytes } from '../../bench/gpu/cards';
import { createRestorer } from '../../bench/gpu/restorers';
import type { Item } from '../../bench/gpu/serve';
import { DiffBIRError } from '../../src/errors';
import type { ExecutionSpec } from '../../src/native/devices';
import type { RestoreOptions } from '../../src/options/RestoreOptions';
import type { RestoreResult } from '../../src/restoreResult';
import type { Restorer } from '../../src/restorer';
import { type Outcome, verdict } from './outcome';
import { CALL, compared, HEIGHT, testPicture, WIDTH } from './pictures';

const MIB = 2 ** 20;
const SAME = 50;
/** What the driver and its pools may keep. */
const SLACK = 128 * MIB;
const SETTLE_MS = 500;
/** Enough for the networks on the small picture, and not on the large one as a whole. */
const LITTLE = 192 * MIB;
const LARGE = 2048;
const HUGE = 4096;
const HUGE_MS = 40_000;

export function robustnessItems({ device: index }: ExecutionSpec, device: string): Item<Outcome>[] {
  const options = { device, precision: 'float32' } as RestoreOptions;
  const small = (restorer: Restorer, call: RestoreOptions = {}) =>
    restorer.restore(testPicture(WIDTH, HEIGHT), { ...CALL, ...call });

  return [
    {
      name: 'a job after one that was aborted',
      async run() {
        await using restorer = await createRestorer(options);
        const want = await small(restorer);
        const reason = await codeOf(abortedAt(2, (call) => small(restorer, { ...call, steps: 500 })));
        const outcome = compared(await small(restorer), want, SAME);
        return reason === 'DIFFBIR_ABORTED' ? outcome : verdict(false, `the aborted job gave ${reason}`);
      },
    },
    {
      name: 'jobs side by side',
      async run() {
        await using restorer = await createRestorer({ ...options, concurrency: 2 });
        const want = await small(restorer);
        const pictures = await Promise.all([1, 2, 3, 4].map(() => small(restorer)));
        const outcomes = pictures.map((picture) => compared(picture, want, SAME));
        return outcomes.find(({ status }) => status === 'FAIL') ?? (outcomes[0] as Outcome);
      },
    },
    {
      name: 'memory after dispose()',
      async run() {
        const freeWith = async (cudaGraphs: boolean) => {
          const restorer = await createRestorer(options, { cudaGraphs });
          await small(restorer);
          const bytes = freeBytes(index);
          await restorer.dispose();
          await sleep(SETTLE_MS);
          return bytes;
        };
        await freeWith(false); // CUDA and its libraries stay loaded
        const before = freeBytes(index);
        const during = Math.min(await freeWith(false), await freeWith(true));
        const left = before - freeBytes(index);
        const status = left <= SLACK && during < before ? 'pass' : 'FAIL';
        const note = `a loaded model has ${inMib(before - during)}`;
        return { status, measured: inMib(left), allowed: `<= ${inMib(SLACK)}`, note };
      },
    },
    {
      name: 'jobs after one with too little memory',
      async run() {
        await using restorer = await createRestorer(options, { memoryLimit: LITTLE });
        await using free = await createRestorer(options);
        const want = await small(free);
        const picture = testPicture(LARGE, LARGE);
        const reason = await codeOf(restorer.restore(picture, { ...CALL, steps: 1, tiling: WHOLE }));
        const outcomes = [await small(restorer), await small(free)].map((got) => compared(got, want, SAME));
        const worst = outcomes.find(({ status }) => status === 'FAIL') ?? (outcomes[0] as Outcome);
        const status = reason === 'DIFFBIR_OUT_OF_MEMORY' ? worst.status : 'FAIL';
        return { ...worst, status, note: `the large one: ${reason}; the next ones: ${worst.note}` };
      },
    },
    {
      name: `a job after one of ${HUGE} x ${HUGE}`,
      async run() {
        await using restorer = await createRestorer(options);
        const want = await small(restorer);
        const begin = performance.now();
        const signal = AbortSignal.timeout(HUGE_MS);
        const reason = await codeOf(restorer.restore(testPicture(HUGE, HUGE), { ...CALL, steps: 1, signal }));
        const seconds = ((performance.now() - begin) / 1000).toFixed(1);
        const outcome = compared(await small(restorer), want, SAME);
        return { ...outcome, note: `the huge one: ${reason} after ${seconds} s; the next one: ${outcome.note}` };
      },
    },
  ];
}

/** No stage is cut up. */
const WHOLE = { cleaner: LARGE, encoder: LARGE, decoder: LARGE, diffusion: LARGE };

function abortedAt(step: number, start: (call: RestoreOptions) => Promise<RestoreResult>): Promise<RestoreResult> {
  const abort = new AbortController();
  const onProgress = (progress: { stage: string; step: number }) => {
    if (progress.stage === 'sample' && progress.step >= step) abort.abort();
  };
  return start({ signal: abort.signal, onProgress });
}

/** What became of a job: 'a picture', or the code of its error. Rejects with what has none. */
async function codeOf(job: Promise<RestoreResult>): Promise<string> {
  try {
    await job;
    return 'a picture';
  } catch (error) {
    if (error instanceof DiffBIRError) return error.code;
    throw error;
  }
}

function inMib(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}
