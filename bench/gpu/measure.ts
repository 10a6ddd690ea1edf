/** What is measured, in the child's process. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import type { Precision } from '../../src/native/binding';
import type { ExecutionSpec } from '../../src/native/devices';
import { loadBinding } from '../../src/native/loadBinding';
import { inputsOf } from '../full/inputs';
import { type Profile, profileOf } from '../full/profile';
import { median } from '../statistics';
import { testPicture } from '../testPicture';
import { batched, type NetworkPlan, type PicturePlan } from './plan';
import type { createRestorer } from './restorers';

export interface Measured {
  /** Floating-point operations of one run. */
  readonly tflop: number;
  /** Seconds. */
  readonly load: number;
  /** The first run, which loads kernels and chooses among them; of a picture the first of its size. */
  readonly first: number;
  readonly best: number;
  readonly median: number;
  readonly runs: number;
  /** Of the best run. */
  readonly stages?: Readonly<Record<string, number>>;
  readonly profile?: Profile;
}

/** Runs go on until there are so many, or they took so long; two in any case. */
export interface Patience {
  readonly runs: number;
  readonly seconds: number;
}

const LEAST_RUNS = 2;
const { primitives } = loadBinding();

/** Inputs and outputs stay on the device. */
export function measureNetwork(
  { spec, batch, gflop, ...size }: NetworkPlan,
  precision: Precision,
  execution: ExecutionSpec,
  patience: Patience,
): Measured {
  const begin = performance.now();
  const network = primitives.createNetwork({ ...spec, precision }, availableParallelism(), [], undefined, execution);
  const load = (performance.now() - begin) / 1000;
  const inputs = batched(inputsOf(spec, size), batch);
  // One to load kernels and choose among them, with CUDA graphs one to record.
  const [first = 0] = network.timeRuns(inputs, 3);
  return { tflop: gflop / 1000, load, first, ...timed(patience, () => network.timeRuns(inputs, 1)[0] as number) };
}

export async function measurePicture(
  { side, call, tflop }: PicturePlan,
  restorer: Awaited<ReturnType<typeof createRestorer>>,
  load: number,
  patience: Patience,
): Promise<Measured> {
  const picture = testPicture(side);
  let [best, stages] = [Number.POSITIVE_INFINITY, {}];
  const run = async () => {
    const begin = performance.now();
    const { times } = await restorer.restore(picture, call);
    const seconds = (performance.now() - begin) / 1000;
    if (seconds < best) {
      best = seconds;
      stages = Object.fromEntries(times.map(({ stage, milliseconds }) => [stage, milliseconds / 1000]));
    }
    return seconds;
  };
  const first = await run();
  best = Number.POSITIVE_INFINITY;
  const seconds: number[] = [];
  while (isWanted(seconds, patience)) seconds.push(await run());
  return { tflop, load, first, ...inNumbers(seconds), stages };
}

/** The operators of a network, as ONNX Runtime sees them: on a GPU the time to start them, unless it waits for each. */
export function profileNetwork(
  { spec, batch, gflop, ...size }: NetworkPlan,
  precision: Precision,
  execution: ExecutionSpec,
): Measured {
  const folder = mkdtempSync(path.join(tmpdir(), 'diffbir-profile-'));
  try {
    const prefix = path.join(folder, 'ort');
    const begin = performance.now();
    const network = primitives.createNetwork({ ...spec, precision }, availableParallelism(), [], prefix, execution);
    const load = (performance.now() - begin) / 1000;
    const [first = 0, ...seconds] = network.timeRuns(batched(inputsOf(spec, size), batch), 6);
    const profile = profileOf(readFileSync(network.endProfiling(), 'utf8'));
    return { tflop: gflop / 1000, load, first, ...inNumbers(seconds), profile };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function timed(patience: Patience, run: () => number) {
  const seconds: number[] = [];
  while (isWanted(seconds, patience)) seconds.push(run());
  return inNumbers(seconds);
}

function isWanted(seconds: readonly number[], patience: Patience): boolean {
  const taken = seconds.reduce((total, one) => total + one, 0);
  return seconds.length < LEAST_RUNS || (seconds.length < patience.runs && taken < patience.seconds);
}

function inNumbers(seconds: readonly number[]) {
  return { best: Math.min(...seconds), median: median(seconds), runs: seconds.length };
}
