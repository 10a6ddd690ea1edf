// What bench:gpu and test:gpu are made of, without a GPU.
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { inputsOf } from '../../bench/full/inputs';
import { peakOf } from '../../bench/gpu/peaks';
import { batched, networkPlans, picturePlan } from '../../bench/gpu/plan';
import { rowOf } from '../../bench/gpu/report';
import { type Answer, NO_TIME, runGroup } from '../../bench/gpu/worker';
import { internals } from '../../src/internals';
import { embeddedModel, openModel } from '../../src/loadModel';
import type { NativeTensor, NetworkInputs } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import { goldenSpec } from '../lifecycle/model';

const FIXTURE = path.join(import.meta.dirname, 'fixtures', 'items.ts');

async function answersOf(group: string, { seconds = 60, patience = 60, only = '' } = {}): Promise<Answer<number>[]> {
  const answers: Answer<number>[] = [];
  const deadline = performance.now() + 1000 * seconds;
  const onAnswer = (answer: Answer<number>) => answers.push(answer);
  await runGroup<number>(FIXTURE, group, { device: 'cpu', only }, { deadline, patience, onAnswer });
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

  const errorsAtEnd = async (limits: { seconds?: number; patience?: number }) =>
    (await answersOf('slow', { ...limits, only: 's' })).slice(-2).map(({ name, error }) => [name, error]);

  test('that hang cost no other', async () => {
    expect(await errorsAtEnd({ patience: 3 })).toEqual([
      ['hangs', 'it took more than 3 s'],
      ['last', undefined],
    ]);
  });

  test('for which no time is left are named', async () => {
    expect(await errorsAtEnd({ seconds: 6 })).toEqual([
      ['hangs', NO_TIME],
      ['last', NO_TIME],
    ]);
  });

  test('that cannot be made are an answer, too', async () => {
    expect(await answersOf('broken')).toMatchObject([{ name: 'start', error: 'the process ended with exit code 1' }]);
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
      const inputs = inputsOf(network, { side: 64, tokens: 1 }, primitives);
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
  const measured = { tflop: 50, load: 1, best: 0.1, median: 0.2, runs: 3 };
  const cells = rowOf(
    { group: 'networks, float16, CUDA', name: 'UNet', measured, error: undefined, bytes: 2 ** 30 },
    1000,
  );
  expect(cells.split(/ {2,}/)).toEqual([
    'UNet, float16, CUDA',
    '0.1000',
    '0.2000',
    '3',
    '50.00',
    '500.0',
    '50.0 %',
    '1024',
    '1.0',
  ]);
});
