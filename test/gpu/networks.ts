/** Networks of every type on the device: against float32 on the processor, where their nodes run, and as CUDA graphs. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Item } from '../../bench/gpu/serve';
import type { NativeTensor, Precision } from '../../src/native/binding';
import type { ExecutionSpec } from '../../src/native/devices';
import { loadBinding } from '../../src/native/loadBinding';
import type { NativeNetwork, NetworkInputs } from '../../src/native/primitives';
import { type GraphCase, graphCases, relativeError, sd21Widths, type Tensors } from '../native/graphCases';
import { inOwnForm } from './onDevice';
import { atMost, type Outcome, verdict } from './outcome';
import { type Assignment, leftToProcessor, onProcessor } from './processor';

/** Root mean square of the difference as a share of the output's. TF32 would be at 1e-3. */
const FLOAT32 = 1e-4;
/** Recorded runs are the same kernels; in float16 some of them add in another order at each run. */
const RECORDED = 1e-5;
/** Outputs that stay on the device. */
const KEPT = 1000;
const THREADS = 2;

/** Three times what float16 did to them where the processor rounded as a GPU does (docs/decisions/0026-gpu-graphs.md). */
const FLOAT16: Readonly<Record<string, number>> = {
  'embedded controlnet': 2.7e-3,
  'embedded unet': 2.4e-3,
  'embedded encoder': 1.4e-3,
  'embedded decoder': 2.2e-3,
  'recorded controlnet': 4.5e-3,
  'recorded unet': 3.6e-3,
  'recorded encoder': 1.5e-2,
  'recorded decoder': 6.9e-3,
  'text encoder': 3.6e-3,
  SwinIR: 1.8e-3,
  SCUNet: 8.4e-4,
  RRDBNet: 1.2e-3,
};
/** Of those that 0026 does not name. */
const OTHERS = 3e-3;

const { primitives } = loadBinding();

export async function networkItems(execution: ExecutionSpec, precision: Precision): Promise<Item<Outcome>[]> {
  return (await cases()).flatMap(([name, { spec, inputs, run }]) => {
    let opened: NativeNetwork | undefined;
    const network = () => {
      opened ??= primitives.createNetwork({ ...spec, precision }, THREADS, [], undefined, execution);
      return opened;
    };
    const tolerance = toleranceOf(name, precision);
    const onDevice = () => network().run(inputs) as Tensors;
    return [
      { name, run: () => atMost(relativeError(onDevice(), run()), tolerance) },
      { name: `${name}: twice`, run: () => atMost(relativeError(onDevice(), onDevice()), tolerance) },
      { name: `${name}: nodes`, run: () => nodesOf(network().assignment()) },
    ];
  });
}

/** Several inputs one after the other, as graphs and not. */
export async function recordedItems(execution: ExecutionSpec, precision: Precision): Promise<Item<Outcome>[]> {
  return (await cases()).map(([name, { spec, inputs }]) => ({
    name,
    run() {
      const given = [1, 0.5, 1, -0.7, 0.5].map((factor) => scaled(inputs, factor));
      const open = (cudaGraphs: boolean) =>
        primitives.createNetwork({ ...spec, precision }, THREADS, [], undefined, { ...execution, cudaGraphs });
      const plain = open(false).runAll(given, 0) as Tensors[];
      const network = open(true);
      const runs = [...network.runAll(given, 0), ...network.runAll(given, KEPT)] as Tensors[];
      const errors = runs.map((got, i) => relativeError(got, plain[i % given.length] as Tensors));
      const worst = errors.reduce((most, error) => (error > most || Number.isNaN(error) ? error : most), 0);
      const prepared = network.preparedRuns();
      if (prepared !== 1) return verdict(false, `${prepared} sets of sizes are recorded instead of 1`);
      return atMost(worst, precision === 'float32' ? RECORDED : toleranceOf(name, precision), `${runs.length} runs`);
    },
  }));
}

/** run() stays what the processor makes of them. */
async function cases(): Promise<[string, GraphCase][]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'diffbir-gpu-'));
  const all: [string, GraphCase][] = [...(await graphCases(folder)), ['SD 2.1 widths', await sd21Widths(folder)]];
  return all.map(([name, network]) => [name, { ...network, spec: inOwnForm(network.spec) }]);
}

const toleranceOf = (name: string, precision: Precision) =>
  precision === 'float32' ? FLOAT32 : (FLOAT16[name] ?? OTHERS);

function nodesOf(assignment: Assignment) {
  const nodes = (provider: string) =>
    assignment.find((entry) => entry.provider === `${provider}ExecutionProvider`)?.nodes ?? 0;
  const left = onProcessor(assignment).map(([type, count]) => `${count} ${type}`);
  const count = nodes('CUDA') + nodes('Tensorrt');
  const note = `${count} nodes on the GPU, on the processor ${left.join(', ') || 'none'}`;
  return verdict(count > 0 && leftToProcessor(assignment).length === 0, note);
}

/** The same sizes with other numbers; what stands for a place or a factor stays. */
function scaled(inputs: NetworkInputs, factor: number): NetworkInputs {
  const entries = Object.entries(inputs).map(([name, value]) => {
    if (!('shape' in value) || /^t$|strength/.test(name)) return [name, value] as const;
    const { shape, data } = value as NativeTensor;
    return [name, { shape, data: data.map((number) => factor * number) }] as const;
  });
  return Object.fromEntries(entries);
}
