import { readdirSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { inChild } from '../../bench/full/inChild';
import { inputsOf, random } from '../../bench/full/inputs';
import { type NetworkTask, profileNetwork } from '../../bench/full/networks';
import { networkTasks } from '../../bench/full/plan';
import { readCheckpoint } from '../../src/checkpoint/readCheckpoint';
import { internals } from '../../src/internals';
import { embeddedModel, type OpenModel, openModel } from '../../src/loadModel';
import type { NativeTensor, NetworkSpec } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import { temporaryFolder } from '../checkpoint/build';

const { primitives } = loadBinding();
const folder = temporaryFolder();
let model: OpenModel;
let tasks: NetworkTask[];

beforeAll(async () => {
  model = await openModel({ model: embeddedModel(), threads: 1 }, internals);
  tasks = networkTasks(model).map((task) => ({ ...task, side: 64 }));
});

const run = (network: NetworkSpec) =>
  primitives.createNetwork(network, 1, []).run(inputsOf(network, { side: 64, tokens: 1 }));

describe('what networks are run on', () => {
  it('fits every network of a model', () => {
    const shapes = tasks.flatMap(({ networks }) => networks.map((network) => run(network)));
    expect(shapes.slice(0, 3).map((outputs) => Object.values(outputs)[0]?.shape)).toEqual([
      [1, 3, 64, 64],
      [1, 32, 8, 8],
      [1, 3, 64, 64],
    ]);
  });

  it.each([
    ['swinir', 'swinir_a.ckpt', '', { num_heads: [4, 8] }, [1, 3, 64, 64]],
    ['clip_text', 'sd_b_zsnr_half.ckpt', 'cond_stage_model.model.', { heads: 2, layers: 3 }, [1, 77, 16]],
  ] as const)('fits a network that the embedded model lacks: %s', async (type, file, prefix, config, shape) => {
    const weights = await readCheckpoint(path.resolve(import.meta.dirname, '../golden/ckpt', file));
    const network = { type, weights, prefix, config };
    const inputs = inputsOf(network, { side: 64, tokens: 77 });
    const [output] = Object.values(primitives.createNetwork(network, 1, []).run(inputs));
    expect(output?.shape).toEqual(shape);
  });

  it('has the shapes of the ControlNet where the UNet takes its outputs', () => {
    const { controlnet, unet } = model.spec.stage2 as NonNullable<OpenModel['spec']['stage2']>;
    const inputs = inputsOf(unet, { side: 64, tokens: 1 });
    const given = run(controlnet);
    expect(Object.keys(given).length).toBe(10);
    for (const [name, { shape }] of Object.entries(given)) expect(inputs[name]).toMatchObject({ shape });
  });
});

describe('one layer', () => {
  it('is a product of matrices for a matrix', () => {
    const [x, weight] = [random([3, 5]), random([5, 2])];
    const { out } = primitives.createLayer(weight, 1).run({ x });
    const at = (row: number, column: number) =>
      [0, 1, 2, 3, 4].reduce((sum, k) => sum + at2(x, row, k) * at2(weight, k, column), 0);
    expect(out?.shape).toEqual([3, 2]);
    for (const row of [0, 1, 2]) {
      for (const column of [0, 1]) expect(at2(out as NativeTensor, row, column)).toBeCloseTo(at(row, column), 5);
    }
  });

  it('is a convolution that keeps the size for kernels', () => {
    // Moves a picture by one to the left and down: what comes from outside is 0.
    const weight = { shape: [1, 1, 3, 3], data: Float32Array.of(0, 0, 1, 0, 0, 0, 0, 0, 0) };
    const x = { shape: [1, 1, 2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) };
    const { out } = primitives.createLayer(weight, 1).run({ x });
    expect(out).toEqual({ shape: [1, 1, 2, 3], data: Float32Array.of(0, 0, 0, 2, 3, 0) });
  });

  it('gives the time of every run', () => {
    const seconds = primitives.createLayer(random([8, 8]), 1).timeRuns({ x: random([4, 8]) }, 3);
    expect(seconds.length).toBe(3);
    expect(Math.min(...seconds)).toBeGreaterThan(0);
  });

  it('refuses other weights', () => {
    expect(() => primitives.createLayer(random([2, 2, 2]), 1)).toThrow('a matrix or the kernels of a convolution');
  });
});

describe('measuring', () => {
  it('gives the operators of a network, and leaves no file', () => {
    const options = { threads: 1, runs: 1, prefix: path.join(folder, 'profile') };
    const { seconds, operators } = profileNetwork(primitives, tasks[1] as NetworkTask, options);
    expect(operators.map(({ type }) => type)).toEqual(expect.arrayContaining(['Conv', 'GroupNorm']));
    // Of 14 group normalisations in the embedded model's encoder.
    expect(operators.find(({ type }) => type === 'GroupNorm')?.calls).toBe(14);
    expect(operators.reduce((sum, operator) => sum + operator.seconds, 0)).toBeLessThanOrEqual(seconds);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('runs in a process of its own, whose memory is seen from here', async () => {
    const step = tasks.at(-1) as NetworkTask;
    const { result, peak } = await inChild('network', { network: step, threads: 1, runs: 2 });
    expect(result.runs.length).toBe(2);
    expect(Math.min(result.load, ...result.runs)).toBeGreaterThan(0);
    if (process.platform === 'linux') expect(peak.anonymous).toBeGreaterThan(20);
  });

  it('says what a process that fails was to measure', async () => {
    const network = { ...(tasks[0] as NetworkTask), networks: [{ ...model.spec.cleaner, prefix: 'nowhere.' }] };
    await expect(inChild('network', { network, threads: 1, runs: 1 })).rejects.toThrow(
      'The process that measured network ended with code 1',
    );
  });
});

function at2({ shape: [, width = 0], data }: NativeTensor, row: number, column: number): number {
  return data[row * width + column] as number;
}
