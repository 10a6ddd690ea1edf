import { writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { shownEstimate } from '../../src/cli/estimate';
import { estimateWith, measure, openOn } from '../../src/estimate';
import { type EstimateOptions, estimate, inspectModel } from '../../src/index';
import { internals as rooms } from '../../src/internals';
import { embeddedModel } from '../../src/loadModel';
import { GPU_RESERVE } from '../../src/memory/gpu';
import { loadBinding } from '../../src/native/loadBinding';
import type { RestoreOptions } from '../../src/options/RestoreOptions';
import { resolveOptions } from '../../src/options/resolve';
import { validateOptions } from '../../src/options/validate';
import { runFake } from '../cli/runFake';
import { onGpus } from '../device/gpus';
import { fakeNative, temporaryFolder } from '../facade/fakes';

const folder = temporaryFolder();
const size = { width: 128, height: 96 };
const stagesOf = async (options: EstimateOptions, of: Parameters<typeof estimate>[0] = size) =>
  Object.fromEntries((await estimate(of, options)).stages.map((one) => [one.stage, one]));

describe('estimate()', () => {
  it('says what a picture becomes, from its header or its size', async () => {
    const file = path.join(folder, 'a.png');
    writeFileSync(
      file,
      await sharp({ create: { width: 300, height: 200, channels: 3, background: 'red' } })
        .png()
        .toBuffer(),
    );
    const found = await estimate(file, { upscale: 1.5, steps: 4, threads: 1 });
    expect(found).toMatchObject({
      model: 'tiny',
      stage: 2,
      input: { width: 300, height: 200 },
      output: { width: 450, height: 300 },
      work: { width: 448 + 64, height: 320 },
      speed: { threads: 1 },
    });
    const bySize = await estimate({ width: 300, height: 200 }, { upscale: 1.5, steps: 4 });
    expect(bySize.stages.map(({ flop }) => flop)).toEqual(found.stages.map(({ flop }) => flop));
    expect(found.seconds).toBeCloseTo(found.stages.reduce((sum, { seconds = 0 }) => sum + seconds, 0));
  });

  it('counts steps, prompts, samples and gradients', async () => {
    const base = await stagesOf({ steps: 10, sampler: 'spaced' });
    expect(base.sample).toMatchObject({ tiles: 1, passes: 10 });
    const heun = await stagesOf({ steps: 10, sampler: 'edm_heun' });
    expect(heun.sample?.flop).toBeCloseTo(1.9 * (base.sample?.flop ?? 0), 0);
    const cfg = await stagesOf({ steps: 10, sampler: 'spaced', cfgScale: 2 });
    expect(cfg.sample?.passes).toBe(20);
    const interval = await stagesOf({ steps: 10, sampler: 'spaced', cfgScale: 2, cfgStart: 0.1, cfgStop: 0.6 });
    expect(interval.sample?.passes).toBe(15);
    const whole = base.sample?.flop ?? 0;
    const reused = await stagesOf({ steps: 10, sampler: 'spaced', speed: 'fast' });
    expect(reused.sample?.flop).toBeGreaterThan(0.3 * whole); // 3 of 10 are due
    expect(reused.sample?.flop).toBeLessThan(0.6 * whole);
    const samples = await stagesOf({ steps: 10, sampler: 'spaced', samples: 3 });
    expect(samples.decode?.flop).toBe(3 * (base.decode?.flop ?? 0));
    const guided = await stagesOf({ steps: 10, sampler: 'spaced', guidance: { space: 'rgb', scale: 1, repeat: 2 } });
    expect((guided.sample?.flop ?? 0) - (base.sample?.flop ?? 0)).toBeCloseTo(60 * (base.decode?.flop ?? 0), -3);
    expect(Object.keys(await stagesOf({ stage: 1 }))).toEqual(['stage1']);
  });

  it('knows what 8 bits save: memory everywhere, time of stage 2 where the processor has kernels for them', async () => {
    const float32 = await estimate(size, {});
    const int8 = await estimate(size, { precision: 'int8' });
    expect(int8.memory.copied).toBeLessThan(float32.memory.copied / 2);
    const rate = ({ stages, speed }: typeof int8, name: string) => {
      const stage = stages.find((one) => one.stage === name);
      return (stage?.flop ?? 0) / (stage?.seconds ?? 1) / (speed?.gflops ?? 1);
    };
    const gain = (name: string) => rate(int8, name) / rate(float32, name);
    expect(gain('stage1')).toBeCloseTo(1);
    for (const name of ['encode', 'sample', 'decode']) {
      expect(gain(name)).toBeCloseTo({ avx512: 2.6, avx2: 1.2, portable: 0.25 }[loadBinding().int8Kernels]);
    }
  });

  it('counts the tiles that a restoration uses, and needs no more memory than the budget', async () => {
    const large = { width: 1600, height: 1200 };
    const whole = await estimate(large, { steps: 2, memoryBudget: 8000 });
    expect(whole.stages.map(({ tiles }) => tiles)).toEqual([1, 1, 1, 1]);
    const tiled = await estimate(large, { steps: 2, memoryBudget: 200 });
    expect(tiled.tiling.cleaner).toBeGreaterThan(0);
    expect(tiled.stages.every(({ tiles }) => tiles > 1)).toBe(true);
    expect(tiled.memory.work).toBeLessThanOrEqual(200 * 2 ** 20);
    expect(tiled.memory.work).toBeLessThan(whole.memory.work);
    // Tiles overlap: more is computed than for the picture whole.
    for (const [i, { flop }] of tiled.stages.entries()) expect(flop).toBeGreaterThan(whole.stages[i]?.flop as number);
    await expect(estimate(large, { memoryBudget: 20 })).rejects.toMatchObject({ option: 'memoryBudget' });
  });

  it('refuses what a restoration refuses', async () => {
    await expect(estimate(size, { step: 3 } as EstimateOptions)).rejects.toMatchObject({ option: 'step' });
    await expect(estimate({ width: 0, height: 4 })).rejects.toMatchObject({ option: 'width' });
    const limitWorkPixels = 2 ** 19;
    const large = estimate({ width: 1024, height: 1024 }, { limitWorkPixels });
    await expect(large).rejects.toMatchObject({ code: 'DIFFBIR_IMAGE_TOO_LARGE' });
    const signal = AbortSignal.abort();
    await expect(estimate(size, { signal })).rejects.toMatchObject({ code: 'DIFFBIR_ABORTED' });
  });
});

describe('on a GPU', () => {
  const estimateOn = async (options: RestoreOptions = {}) => {
    const { internals } = onGpus({ ...fakeNative(), internals: rooms }, { free: [24_000] });
    const model = await openOn(validateOptions(options), internals);
    return estimateWith(model, size, resolveOptions(...model.layers), await measure(model, internals, {}));
  };

  it('says memory of the GPU, in 16 bits, and no time', async () => {
    const [gpu, float32, cpu] = [await estimateOn(), await estimateOn({ precision: 'float32' }), await estimate(size)];
    expect(gpu.device).toMatchObject({ provider: 'cuda', index: 0 });
    expect(cpu.device.provider).toBe('cpu');
    expect([gpu.speed, gpu.seconds, gpu.stages[0]?.seconds]).toEqual([undefined, undefined, undefined]);
    expect(gpu.stages.map(({ flop }) => flop)).toEqual(cpu.stages.map(({ flop }) => flop));
    expect(gpu.memory).toMatchObject({ mapped: 0, copied: 2 * 9_594_177, base: GPU_RESERVE });
    expect(float32.memory.copied).toBe(4 * 9_594_177);
    expect(gpu.memory.peak).toBe(gpu.memory.copied + gpu.memory.work + gpu.memory.base);
    const printed = shownEstimate(gpu);
    expect(printed).toMatch(
      /memory of cuda:0 at most about \d+ MiB: 19 MiB weights, \d+ MiB work, 768 MiB libraries\n/,
    );
    expect(printed).toMatch(/no estimate of time/);
    expect(printed).not.toMatch(/NaN|undefined|together/);
  });

  it('is asked for by --device, which is an error where there is none', async () => {
    for (const words of [
      ['estimate', '128x96'],
      ['inspect', 'model', embeddedModel()],
    ]) {
      const { code, stderr } = await runFake(fakeNative(), ...words, '--device', 'cuda');
      expect([code, stderr]).toEqual([1, expect.stringContaining("The device 'cuda' cannot be used")]);
    }
  });
});

describe('inspectModel()', () => {
  it('lists the networks of a model', async () => {
    const found = await inspectModel(embeddedModel());
    expect(found).toMatchObject({ name: 'tiny', license: 'Apache-2.0', task: 'sr', tasks: ['sr', 'denoise', 'face'] });
    expect(found.networks.map(({ role, type }) => [role, type])).toEqual([
      ['cleaner', 'scunet'],
      ['vae', 'vae'],
      ['unet', 'unet'],
      ['controlnet', 'controlnet'],
    ]);
    expect(found.parameters).toBe(9_594_177);
    expect(found.bytes).toBe(2 * 9_594_177);
    expect(found.at512.work).toEqual({ width: 512, height: 512 });
    // float16 becomes float32 in memory.
    expect(found.at512.memory).toMatchObject({ mapped: 0, copied: 4 * 9_594_177 });
  });

  it('rejects a folder without a model', async () => {
    await expect(inspectModel(folder)).rejects.toMatchObject({ code: 'DIFFBIR_MODEL_NOT_FOUND' });
  });
});

describe('the command line', () => {
  const run = (...words: string[]) => runFake(fakeNative(), ...words);

  it('estimate prints text, and with --json what estimate() gives', async () => {
    const { code, stdout } = await run('estimate', '128x96', '--steps', '3', '--threads', '1');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^tiny, stage 2: 128 x 96 to 128 x 96\n/);
    expect(stdout).toMatch(/\n {2}sample +whole +3 +\d+/);
    expect(stdout).toMatch(/an estimate at \d+ GFLOP\/s with 1 threads\n$/);
    const json = JSON.parse((await run('estimate', '128x96', '--steps', '3', '--json')).stdout);
    expect(json).toMatchObject({ input: size, stages: [{ stage: 'stage1' }, {}, { passes: 3 }, {}] });
    expect(await run('estimate', '0x5')).toMatchObject({ code: 2, stderr: expect.stringContaining('width') });
  });

  it('inspect model prints a model; inspect DIR says so where it finds no pictures', async () => {
    const { code, stdout } = await run('inspect', 'model', embeddedModel());
    expect(code).toBe(0);
    expect(stdout).toMatch(/\n {2}unet +unet +float16 +3,552,496 +7\.1 MB +unet\.safetensors\n/);
    for (const words of [
      ['--json', 'model', embeddedModel()],
      ['model', embeddedModel(), '--json'],
    ]) {
      expect(JSON.parse((await run('inspect', ...words)).stdout)).toMatchObject({
        name: 'tiny',
        parameters: 9_594_177,
      });
    }
    expect(await run('inspect', embeddedModel())).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`inspect model ${embeddedModel()}`),
    });
    expect(await run('inspect', 'model', folder)).toMatchObject({ code: 1, stdout: '' });
  });
});
