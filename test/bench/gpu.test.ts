// What bench:gpu and test:gpu are made of, without a GPU.
import { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { inputsOf } from '../../bench/full/inputs';
import { DeviceMemory } from '../../bench/gpu/deviceMemory';
import { peakOf } from '../../bench/gpu/peaks';
import { batched, networkPlans, picturePlan } from '../../bench/gpu/plan';
import { rowOf } from '../../bench/gpu/report';
import { SavedJson } from '../../bench/gpu/savedJson';
import { type Answer, runGroup } from '../../bench/gpu/worker';
import { internals } from '../../src/internals';
import { embeddedModel, openModel } from '../../src/loadModel';
import type { NativeTensor } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import type { NetworkInputs } from '../../src/native/primitives';
import { temporaryFolder } from '../checkpoint/build';
import { goldenSpec } from '../lifecycle/model';

const [FIXTURE, WATCH] = ['items.ts', 'watch.ts'].map((file) => path.join(import.meta.dirname, 'fixtures', file)) as [
  string,
  string,
];
const NO_TIME = 'no time was left';

afterEach(() => {
  vi.restoreAllMocks();
});

async function answersOf(group: string, { patience = 60, only = '', overAt = '' } = {}): Promise<Answer<number>[]> {
  const answers: Answer<number>[] = [];
  const over = new AbortController();
  const onBegin = (name: string) => name === overAt && over.abort(NO_TIME);
  const onAnswer = (answer: Answer<number>) => answers.push(answer);
  const hooks = { over: over.signal, patience, onBegin, onAnswer };
  await runGroup<number>(FIXTURE, group, { device: 'cpu', only }, hooks);
  return answers;
}

describe('items in a process of their own', () => {
  test('are all done, whatever one of them does', async () => {
    const answers = await answersOf('quick');
    expect(answers.map(({ name, error }) => [name, error])).toEqual([
      ['first', undefined],
      ['throws', 'DIFFBIR_OUT_OF_MEMORY: It is too large'],
      ['after an error', undefined],
      ['crashes', 'the process ended with SIGSEGV'],
      ['after a crash', undefined],
      ['last', undefined],
    ]);
    const [first, , afterError, , afterCrash, last] = answers.map(({ result }) => result);
    expect(new Set([first, afterError, afterCrash, process.pid]).size).toBe(4);
    expect(last).toBe(2);
  });

  test('of some names alone', async () => {
    expect((await answersOf('quick', { only: 'first' })).map(({ name }) => name)).toEqual(['first']);
  });

  const errorsAtEnd = async (limits: { overAt?: string; patience?: number }) =>
    (await answersOf('slow', { ...limits, only: 's' })).slice(-2).map(({ name, error }) => [name, error]);

  test('that hang cost no other', async () => {
    expect(await errorsAtEnd({ patience: 2 })).toEqual([
      ['hangs', 'it took more than 2 s; the process ended with exit code 3'],
      ['last', undefined],
    ]);
  });

  test('that do not even end when they are asked to are killed', async () => {
    expect(await answersOf('stopped', { patience: 2 })).toMatchObject([
      { name: 'stops', error: 'it took more than 2 s; the process ended with SIGKILL' },
    ]);
  });

  test('that cannot be killed are given up', async () => {
    vi.spyOn(ChildProcess.prototype, 'kill').mockReturnValue(true);
    expect(await answersOf('hanging', { patience: 2 })).toMatchObject([
      { name: 'hangs', error: 'it took more than 2 s; the process does not end, even killed' },
    ]);
  });

  test('are not all that has to end well', async () => {
    expect(await answersOf('crashing')).toMatchObject([
      { name: 'last', result: 2 },
      { name: 'end', error: 'the process ended with SIGSEGV' },
    ]);
  });

  test('are not waited for by what they have started', async () => {
    const begin = performance.now();
    expect(await answersOf('leaving')).toMatchObject([{ name: 'leaves', error: 'the process ended with SIGKILL' }]);
    expect(performance.now() - begin).toBeLessThan(10_000);
  });

  test('for which no time is left are named', async () => {
    expect(await errorsAtEnd({ overAt: 'hangs' })).toEqual([
      ['hangs', NO_TIME],
      ['last', NO_TIME],
    ]);
  });

  test('that cannot be made are an answer, too', async () => {
    expect(await answersOf('broken')).toMatchObject([{ name: 'start', error: 'There are no items' }]);
  });
});

describe('what is measured', async () => {
  const model = await openModel({ model: embeddedModel() }, internals);

  test('a picture is its networks, each as often as it is run', () => {
    const gflops = new Map(networkPlans(model).map(({ name, gflop }) => [name, gflop]));
    const of = (name: string) => (gflops.get(name) as number) / 1000;
    const step = of('UNet, 1 x 1') + of('ControlNet, 1 x 1');
    const rest = of('VAE encoder') + of('VAE decoder') + of('cleaner (scunet)');
    expect(of('UNet, 8 x 2')).toBeCloseTo(16 * of('UNet, 1 x 1'));
    expect(of('VAE decoder at 1024')).toBeGreaterThan(4 * of('VAE decoder'));
    expect(picturePlan(model, { side: 512, steps: 10 }).tflop).toBeCloseTo(10 * step + rest);
    const tiled = (steps: number) => picturePlan(model, { side: 1024, steps, isTiled: true });
    expect(tiled(3).name).toContain('9 tiles');
    expect(tiled(3).tflop - tiled(2).tflop).toBeCloseTo(9 * step);
  });

  test('a batch is the same picture several times, and its prompt for each', () => {
    const x = { shape: [1, 2], data: Float32Array.of(3, 4) };
    const context = { shape: [1, 1], data: Float32Array.of(5) };
    const strength = { shape: [1], data: Float32Array.of(1) };
    expect(batched({ x, context, strength }, [2, 2])).toEqual({
      x: { shape: [2, 2], data: Float32Array.of(3, 4, 3, 4) },
      context: { shape: [4, 1], data: Float32Array.of(5, 5, 5, 5) },
      strength,
    });
  });

  test('a cleaner takes a batch', async () => {
    const { spec } = await openModel({ model: embeddedModel() }, internals);
    const { primitives } = loadBinding();
    for (const network of [spec.cleaner, (await goldenSpec({ stage: 1 })).cleaner]) {
      const inputs = inputsOf(network, { side: 64, tokens: 1 });
      const run = (given: NetworkInputs) => primitives.createNetwork(network, 2, []).run(given).out as NativeTensor;
      const [alone, together] = [run(inputs), run(batched(inputs, [3, 1]))];
      expect(together.shape).toEqual([3, ...alone.shape.slice(1)]);
      const last = together.data.subarray(2 * alone.data.length);
      expect(last.every((value, i) => Math.abs(value - (alone.data[i] as number)) < 1e-4)).toBe(true);
    }
  });
});

test.each([
  ['NVIDIA H100 80GB HBM3', 989],
  ['NVIDIA H100 PCIe', 756],
  ['NVIDIA H200', 989],
  ['NVIDIA A100-SXM4-80GB', 312],
  ['NVIDIA L40S', 362],
  ['NVIDIA GeForce RTX 4090', 165],
  ['Tesla T4', 65],
  ['NVIDIA T400', undefined],
])('the peak of %s is %s TFLOP/s', (card, peak) => {
  expect(peakOf(card)).toBe(peak);
});

test('a share of the peak is that of the best run', () => {
  const measured = { tflop: 50, load: 8.54, first: 5, best: 0.1, median: 0.2, runs: 3 };
  const cells = rowOf(
    { group: 'networks, float16, CUDA', name: 'UNet', measured, error: undefined, bytes: 2 ** 30 },
    1000,
  );
  expect(cells.split(/ {2,}/)).toEqual([
    'UNet, float16, CUDA',
    '100.00',
    '200.00',
    '3',
    '50.00',
    '500.0',
    '50.0 %',
    '1024',
    '5.0',
    '8.5',
  ]);
});

test('an error of several lines is one line of the table', () => {
  const error = `CUDA failure 700:\n  ${'x'.repeat(1000)}`;
  const result = { group: 'networks, float16, CUDA', name: 'UNet', measured: undefined, bytes: undefined, error };
  expect(rowOf(result, 1000)).toMatch(/^UNet, float16, CUDA: FAILED: CUDA failure 700: x{200,400}$/);
});

test('memory is the most that was taken since it was asked for', async () => {
  const memory = (await DeviceMemory.watch(0, WATCH)) as DeviceMemory;
  await sleep(1000);
  expect(memory.take()).toBe(600);
  await sleep(300);
  expect(memory.take()).toBe(300);
  expect(memory.take()).toBe(undefined);
});

describe('results as they come', () => {
  const folder = temporaryFolder();

  test('are in the file that was named', () => {
    const file = path.join(folder, 'new', 'gpu.json');
    const json = new SavedJson(file);
    json.save({ rows: [1] });
    json.save({ rows: [1, 2] });
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ rows: [1, 2] });
  });

  test('are printed where it cannot be written', () => {
    const [error, log] = [vi.spyOn(console, 'error'), vi.spyOn(console, 'log')].map((spy) => spy.mockReturnValue());
    const json = new SavedJson('/dev/null/gpu.json');
    json.save({ rows: [1] });
    json.save({ rows: [1, 2] });
    json.end();
    expect(error).toHaveBeenCalledTimes(1);
    expect(log).toHaveBeenCalledWith(expect.stringContaining('{"rows":[1,2]}'));
  });
});
