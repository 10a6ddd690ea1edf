import { readFileSync, rmSync } from 'node:fs';
import type { NetworkSpec } from '../../src/native/binding';
import type { Primitives } from '../../src/native/primitives';
import { type InputSize, inputsOf } from './inputs';
import { type Profile, profileOf } from './profile';

/** Networks of a model that are run one after the other, `passes` times in one run. */
export interface NetworkTask extends InputSize {
  readonly name: string;
  readonly networks: readonly NetworkSpec[];
  readonly passes: number;
  /** Of one run. */
  readonly gflop: number;
}

export interface NetworkTimes {
  /** From the table of tensors to a network that is ready. */
  readonly load: number;
  /** Seconds of each run but the first, which reads the file. */
  readonly runs: readonly number[];
}

/** Loads the networks and runs them once, and then `runs` times. `onLoaded` is called between the two. */
export async function measureNetworks(
  primitives: Primitives,
  { networks, passes, ...size }: NetworkTask,
  { threads, runs }: { threads: number; runs: number },
  onLoaded: () => Promise<void>,
): Promise<NetworkTimes> {
  const begin = performance.now();
  const built = networks.map((network) => primitives.createNetwork(network, threads, []));
  const load = (performance.now() - begin) / 1000;
  const inputs = networks.map((network) => inputsOf(network, size));
  await onLoaded();

  const run = () => {
    let seconds = 0;
    for (let pass = 0; pass < passes; pass++) {
      for (const [i, network] of built.entries()) seconds += network.timeRuns(inputs[i] ?? {}, 1)[0] as number;
    }
    return seconds;
  };
  run();
  return { load, runs: Array.from({ length: runs }, run) };
}

/** The operators of one network. `prefix`: of the file that ONNX Runtime writes, which is deleted. */
export function profileNetwork(
  primitives: Primitives,
  { networks: [spec], ...size }: NetworkTask,
  { threads, runs, prefix }: { threads: number; runs: number; prefix: string },
): Profile {
  if (!spec) throw new Error(`Expected a network in ${size.name}`);
  const network = primitives.createNetwork(spec, threads, [], prefix);
  network.timeRuns(inputsOf(spec, size), 1 + runs);
  const file = network.endProfiling();
  try {
    return profileOf(readFileSync(file, 'utf8'));
  } finally {
    rmSync(file);
  }
}
