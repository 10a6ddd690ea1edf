/** Networks as they are built for a GPU: ONNX Runtime has a kernel there for every node, and copies nothing between. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { executionOn } from '../../bench/gpu/restorers';
import type { NativeTensor } from '../../src/native/binding';
import type { ExecutionSpec } from '../../src/native/devices';
import type { NetworkInputs } from '../../src/native/primitives';
import { inOwnForm } from '../gpu/onDevice';
import { leftToProcessor } from '../gpu/processor';
import type { GraphCase } from '../native/graphCases';
import { CASES, isBuilt, Rehearsal, WITHOUT_OWN } from './hook';

const THREADS = 2;
/** Outputs that stay on the device. */
const KEPT = 1000;

/** The same pictures, and once more the same. */
function twice(inputs: NetworkInputs): NetworkInputs {
  const entries = Object.entries(inputs).map(([name, value]) => {
    if (!('shape' in value) || name === 'strength') return [name, value] as const;
    const { shape, data } = value as NativeTensor;
    const doubled = new Float32Array(2 * data.length);
    doubled.set(data);
    doubled.set(data, data.length);
    return [name, { shape: [2 * (shape[0] ?? 1), ...shape.slice(1)], data: doubled }] as const;
  });
  return Object.fromEntries(entries);
}

describe.skipIf(!isBuilt)('networks on a GPU that is rehearsed', () => {
  let rehearsal: Rehearsal;
  let execution: ExecutionSpec;
  let cases: ReadonlyMap<string, GraphCase>;

  beforeAll(async () => {
    rehearsal = new Rehearsal();
    rehearsal.begin();
    execution = await executionOn('cuda', { cudaGraphs: false });
    // Not before: they open the addon that is chosen then.
    const { graphCases, sd21Widths } = await import('../native/graphCases');
    const folder = mkdtempSync(path.join(tmpdir(), 'diffbir-rehearsal-'));
    cases = new Map([...(await graphCases(folder)), ['SD 2.1 widths', await sd21Widths(folder)]]);
  });

  const open = (name: string, precision: 'float32' | 'float16', cudaGraphs: boolean) => {
    const { spec, inputs } = cases.get(name) as GraphCase;
    const { createNetwork } = rehearsal.binding.primitives;
    const own = { ...inOwnForm(spec), precision };
    return { inputs, network: createNetwork(own, THREADS, [], undefined, { ...execution, cudaGraphs }) };
  };

  it('are all that test:gpu has', () => {
    expect([...cases.keys()]).toEqual(CASES);
  });

  describe.each(['float32', 'float16'] as const)('%s', (precision) => {
    it.each(CASES)('%s', (name) => {
      rehearsal.begin({ computes: true }); // on what nobody wrote, but where it would lie
      const { inputs, network } = open(name, precision, false);
      network.run(inputs);
      expect(leftToProcessor(network.assignment())).toEqual([]);
      const { counts, refused } = rehearsal.report();
      expect(refused).toEqual([]);
      if (precision === 'float32') expect(counts).not.toHaveProperty('products in TF32');
      const hasOwn = precision === 'float16' && !WITHOUT_OWN.includes(name);
      expect((counts['kernels that run'] ?? 0) > 0).toBe(hasOwn);
    });

    // ONNX Runtime records no network in which it copies between the processor and the GPU.
    it.each(CASES)('%s as a CUDA graph', (name) => {
      const { inputs, network } = open(name, precision, true);
      rehearsal.begin();
      network.runAll([inputs, inputs, inputs], KEPT);
      const { counts, refused } = rehearsal.report();
      expect(refused).toEqual([]);
      expect(network.preparedRuns()).toBe(1);
      expect(counts).toMatchObject({ recordings: 1 });
      expect(counts['graph launches']).toBeGreaterThan(0);
    });

    // Cleaners are never recorded: ONNX Runtime joins their maps by tables of the host.
    it.each(CASES.filter((name) => /unet|controlnet|widths/.test(name)))('%s as CUDA graphs of two sizes', (name) => {
      const { inputs, network } = open(name, precision, true);
      const other = twice(inputs);
      rehearsal.begin();
      // Outputs come home, through page-locked memory that recorded copies may have been of.
      for (const given of [inputs, other]) network.runAll([given, given, given], 0);
      network.runAll([inputs, other, inputs, other], 0);
      const { counts, refused } = rehearsal.report();
      expect(refused).toEqual([]);
      expect(network.preparedRuns()).toBe(2);
      expect(counts).toMatchObject({ recordings: 2 });
    });
  });
});
