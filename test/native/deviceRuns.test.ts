// How a session on a GPU is run, with the processor as its device: the same code, but for what CUDA does itself.
import { describe, expect, test } from 'vitest';
import type { NativeTensor } from '../../src/native/binding';
import type { ExecutionSpec } from '../../src/native/devices';
import { loadBinding } from '../../src/native/loadBinding';
import type { NativeNetwork } from '../../src/native/primitives';
import { type GraphCase, graphCases, type Tensors, wave } from './graphs';

const { primitives } = loadBinding();
const bound: ExecutionSpec = { provider: 'cpu', device: 0 };
const recorded: ExecutionSpec = { ...bound, cudaGraphs: true };
const cases = await graphCases();
const ALL = 1000;

const open = ({ spec }: GraphCase, execution?: ExecutionSpec): NativeNetwork =>
  primitives.createNetwork(spec, 1, [], undefined, execution);
const caseOf = (name: string) => cases.find(([found]) => found === name)?.[1] as GraphCase;
const controlnet = caseOf('embedded controlnet');
const decoder = caseOf('embedded decoder');

const latents = (count: number) =>
  Array.from({ length: count }, (_, i) => {
    const shape = (decoder.inputs.z as NativeTensor).shape;
    return { z: wave(shape, 0.1 + 0.07 * i) };
  });

test.each(cases)('%s: the same bits as without a device, at every run', (_, graph) => {
  const plain = open(graph).run(graph.inputs) as Tensors;
  const { inputs } = graph;
  expect(open(graph, bound).runAll([inputs, inputs], 0)).toEqual([plain, plain]);
  const network = open(graph, recorded);
  expect(network.runAll([inputs, inputs, inputs], 0)).toEqual([plain, plain, plain]);
  expect(network.preparedRuns()).toBe(1);
});

describe.each([
  ['bound', bound],
  ['recorded', recorded],
])('%s runs', (_, execution) => {
  test('leave outputs to the caller, on the device and in host memory', () => {
    const given = latents(4);
    const expected = given.map((inputs) => open(decoder).run(inputs));
    for (const kept of [0, ALL]) expect(open(decoder, execution).runAll(given, kept)).toEqual(expected);
    const some = { ...controlnet.inputs, x: wave((controlnet.inputs.x as NativeTensor).shape, 0.9) };
    const both = [controlnet.inputs, some, controlnet.inputs];
    const plain = both.map((inputs) => open(controlnet).run(inputs));
    for (const kept of [0, 2, ALL]) expect(open(controlnet, execution).runAll(both, kept)).toEqual(plain);
  });

  test('of other sizes in between', () => {
    const sizes = [
      [8, 5],
      [4, 4],
      [8, 5],
      [5, 8],
      [4, 4],
    ];
    const channels = (decoder.inputs.z as NativeTensor).shape[1] as number;
    const given = sizes.map((size, i) => ({ z: wave([1, channels, ...size], 0.2 + i) }));
    const network = open(decoder, execution);
    expect(network.runAll(given, 0)).toEqual(given.map((inputs) => open(decoder).run(inputs)));
    expect(network.preparedRuns()).toBe(execution.cudaGraphs ? 3 : 0);
  });

  test('stop when they are cancelled, and the next one is right', () => {
    const network = open(decoder, execution);
    const [inputs] = latents(1) as [{ z: NativeTensor }];
    const expected = open(decoder).run(inputs);
    expect(network.cancelRuns(inputs, 300)).toMatchObject({ code: 'DIFFBIR_ABORTED' });
    expect(network.runAll([inputs, inputs], 0)).toEqual([expected, expected]);
  });

  test('refuse other inputs than the network has', () => {
    const network = open(decoder, execution);
    expect(() => network.run({})).toThrow(/z/);
    const { shape } = decoder.inputs.z as NativeTensor;
    expect(() => network.run({ z: wave([1, (shape[1] as number) + 1, 4, 4], 1) })).toThrow(
      expect.objectContaining({ code: 'DIFFBIR_RUNTIME_FAILED', message: expect.stringMatching(/nvalid dimensions/) }),
    );
    const inputs = { z: wave(shape, 0.3) };
    expect(network.run(inputs)).toEqual(open(decoder).run(inputs));
  });
});

test('a few sets of sizes are recorded, and others run all the same', () => {
  const channels = (decoder.inputs.z as NativeTensor).shape[1] as number;
  const given = Array.from({ length: 10 }, (_, i) => ({ z: wave([1, channels, 2 + i, 3], 0.4) }));
  const network = open(decoder, recorded);
  expect(network.runAll([...given, ...given], 0)).toEqual(
    [...given, ...given].map((inputs) => open(decoder).run(inputs)),
  );
  expect(network.preparedRuns()).toBe(8);
});

test('large runs are not recorded', () => {
  const srvgg = caseOf('SRVGG');
  const network = open(srvgg, recorded);
  const [small, large] = [400, 1700]; // with a picture of twice the side, 10 and 173 MB
  network.timeRuns({ x: wave([1, 3, large, large], 0.5) }, 2);
  expect(network.preparedRuns()).toBe(0);
  network.timeRuns({ x: wave([1, 3, small, small], 0.5) }, 2);
  expect(network.preparedRuns()).toBe(1);
});

test('each node has a provider that runs it', () => {
  const nodes = Object.values(primitives.countNodes(controlnet.spec)).reduce((sum, count) => sum + count, 0);
  const [assigned, ...others] = open({ ...controlnet, spec: { ...controlnet.spec, optimizations: [] } }).assignment();
  expect(assigned?.provider).toBe('CPUExecutionProvider');
  expect(others).toEqual([]);
  expect(assigned?.nodes).toBeGreaterThan(100);
  expect(open(controlnet).assignment()[0]?.nodes).toBeLessThanOrEqual(nodes);
  const layer = primitives.createLayer({ shape: [2, 2], data: Float32Array.of(1, 0, 0, 1) }, 1);
  expect(() => layer.assignment()).toThrow(expect.objectContaining({ code: 'DIFFBIR_INTERNAL' }));
});
