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
/** Too little for the networks on the picture that is meant. */
const LITTLE = 48 * MIB;
const LARGE = 4096;
const LARGE_SECONDS = 40;

export function robustnessItems({ device: index }: ExecutionSpec, device: string): Item<Outcome>[] {
  const options = { device, precision: 'float32' } as RestoreOptions;
  const small = (restorer: Restorer, call: RestoreOptions = {}) =>
    restorer.restore(testPicture(WIDTH, HEIGHT), { ...CALL, ...call });
  const free = () => freeBytes(index);

  return [
    {
      name: 'a job after one that was aborted',
      async run() {
        const restorer = await createRestorer(options);
        const want = await small(restorer);
        const reason = await codeOf(abortedAt(2, (call) => small(restorer, { ...call, steps: 500 })));
        const outcome = compared(await small(restorer), want, SAME);
        return reason === 'DIFFBIR_ABORTED' ? outcome : verdict(false, `the aborted job gave ${reason}`);
      },
    },
    {
      name: 'jobs side by side',
      async run() {
        const restorer = await createRestorer({ ...options, concurrency: 2 });
        const want = await small(restorer);
        const pictures = await Promise.all([1, 2, 3, 4].map(() => small(restorer)));
        const outcomes = pictures.map((picture) => compared(picture, want, SAME));
        return outcomes.find(({ status }) => status === 'FAIL') ?? (outcomes[0] as Outcome);
      },
    },
    {
      name: 'memory after dispose()',
      async run() {
        const once = async (cudaGraphs: boolean) => {
          const restorer = await createRestorer(options, { cudaGraphs });
          await small(restorer);
          const used = free();
          await restorer.dispose();
          await sleep(500);
          return used;
        };
        await once(false); // CUDA and its libraries stay loaded
        const before = free();
        const during = Math.min(await once(false), await once(true));
        const left = before - free();
        const mib = (bytes: number) => `${Math.round(bytes / MIB)} MiB`;
        const note = `a loaded model has ${mib(before - during)}`;
        const status = left <= SLACK && during < before ? 'pass' : 'FAIL';
        return { status, measured: `${mib(left)} kept`, allowed: `<= ${mib(SLACK)}`, note };
      },
    },
    {
      name: 'too little memory for a picture',
      async run() {
        const restorer = await createRestorer(options, { memoryLimit: LITTLE });
        const large = restorer.restore(testPicture(1024, 1024), { ...CALL, steps: 1, tiling: WHOLE });
        const reason = await codeOf(large);
        const outcome = await nextJob(small, options);
        return { ...outcome, note: `the large one: ${reason}; the next one: ${outcome.note}` };
      },
    },
    {
      name: `${LARGE} x ${LARGE} at once`,
      async run() {
        const restorer = await createRestorer(options);
        const signal = AbortSignal.timeout(1000 * LARGE_SECONDS);
        const begin = performance.now();
        const large = restorer.restore(testPicture(LARGE, LARGE), { ...CALL, steps: 1, signal });
        const reason = await codeOf(large);
        const seconds = ((performance.now() - begin) / 1000).toFixed(1);
        await small(restorer);
        return verdict(true, `${reason} after ${seconds} s; the next one works`);
      },
    },
  ];
}

/** Larger than any picture of ours: no stage is cut up. */
const WHOLE = { cleaner: 16384, encoder: 16384, decoder: 16384, diffusion: 16384 };

async function nextJob(small: (restorer: Restorer) => Promise<RestoreResult>, options: RestoreOptions) {
  const restorer = await createRestorer(options);
  return compared(await small(restorer), await small(await createRestorer({ ...options, device: 'cpu' })), SAME);
}

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
