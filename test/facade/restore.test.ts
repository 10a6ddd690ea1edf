import { getEventListeners } from 'node:events';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { AbortError, InvalidOptionError } from '../../src/errors';
import { loadModel } from '../../src/loadModel';
import { validateOptions } from '../../src/options/validate';
import type { RestoreProgress } from '../../src/options/values';
import { restoreWith } from '../../src/restore';
import { Restorer } from '../../src/restorer';
import { image, pixels } from '../image/pictures';
import { BOTH_STAGES, fakeNative, fakeRestorer, modelFolder, nativeError, STAGE1 } from './fakes';

const raw = { data: pixels(), width: 6, height: 4, channels: 3 as const };

describe('one restoration', () => {
  it('gives the pixels of native code, with alpha at the output size', async () => {
    const restorer = await fakeRestorer(fakeNative());
    const result = await restorer.restore({ ...raw, data: pixels(4), channels: 4 }, { upscale: 2.5 });
    expect([result.width, result.height, result.channels]).toEqual([15, 10, 4]);
    expect(result.data.length).toBe(15 * 10 * 4);
    expect([...result.data.subarray(0, 3)]).toEqual([...pixels(4).subarray(0, 3)]);
    expect(result.seed).toBe(231n);
    expect(result.times.map(({ stage }) => stage)).toEqual(['read', 'stage1']);
  });

  it('hands native code a job with every default filled in', async () => {
    const fake = fakeNative();
    const restorer = await fakeRestorer(fake, {
      model: modelFolder({ ...BOTH_STAGES, defaults: { steps: 7, cfgScale: 2 } }),
      strength: 0.5,
    });
    await restorer.restore(raw, { cfgScale: 3, seed: 5, guidance: { scale: 1 } });
    expect(fake.jobs[0]).toMatchObject({
      stage: 2,
      steps: 7,
      cfgScale: 3,
      strength: 0.5,
      seed: 5n,
      sampler: 'spaced',
      guidance: { loss: 'w_mse', space: 'latent', scale: 1, start: 1001, stop: -1, repeat: 1 },
      edm: { sChurn: 0, sTmin: 0, sTmax: 300, sNoise: 1, eta: 1, order: 1 },
      noise: [],
      trace: false,
    });
    expect(fake.jobs[0]?.positiveTokens.length).toBe(77);
  });

  it('hands the parameters of the edm_ samplers and the loss of guidance through', async () => {
    const fake = fakeNative();
    const edm = { sChurn: 5, sTmin: 0.1, sTmax: 80, sNoise: 1.05, eta: 0.5, order: 4 };
    const restorer = await fakeRestorer(fake, { sampler: 'edm_lms' });
    await restorer.restore(raw, { ...edm, guidance: { loss: 'mse' } });
    expect(fake.jobs[0]).toMatchObject({ sampler: 'edm_lms', edm, guidance: { loss: 'mse' } });
  });

  it('hands the interval of guidance through, and refuses one that is empty', async () => {
    const fake = fakeNative();
    const restorer = await fakeRestorer(fake, { cfgStop: 0.75 });
    await restorer.restore(raw, { cfgStart: 0.75 });
    expect(fake.jobs[0]).toMatchObject({ cfgStart: 0.75, cfgStop: 0.75 });
    await expect(restorer.restore(raw, { cfgStart: 0.8 })).rejects.toMatchObject({
      option: 'cfgStart',
      message: 'Expected at most the cfgStop of 0.75 for cfgStart but received 0.8: guidance would never be in force',
    });
  });

  it('hands on what speed says of reuse', async () => {
    const fake = fakeNative();
    const restorer = await fakeRestorer(fake, { speed: 'fast' });
    expect((await restorer.restore(raw)).warnings).toEqual([]);
    await restorer.restore(raw, { reuse: 'encoder', reuseInterval: 9 });
    await restorer.restore(raw, { parity: true });
    expect(fake.jobs.map(({ reuse, reuseInterval }) => [reuse, reuseInterval])).toEqual([
      ['deep', 4],
      ['encoder', 9],
      ['none', 4],
    ]);
  });

  it('features that do not fit the memory are not kept: the result says so, and its parameters do not claim them', async () => {
    const fake = fakeNative();
    const tensors = Object.entries({
      'input_blocks.0.0.weight': [40_000, 4, 3, 3],
      'input_blocks.1.0.out_layers.3.weight': [40_000, 40_000, 3, 3],
      'output_blocks.0.0.in_layers.2.weight': [40_000, 80_000, 3, 3],
    }).map(([name, shape]) => ({ name, shape, dtype: 'float32' as const, strides: [], offset: 0, end: 0 }));
    const internals = {
      ...fake.internals,
      readCheckpoint: async (file: string) => ({ file, fileSize: 0, tensors }),
    };
    const restorer = new Restorer(await loadModel(validateOptions({ model: modelFolder() }), internals));
    const result = await restorer.restore(raw, { speed: 'fast', memoryBudget: 3000 });
    expect(result.warnings).toEqual(['memoryBudget is too small to reuse features: every step computes all']);
    expect(fake.jobs[0]).toMatchObject({ reuse: 'none', tiling: { diffusion: { tile: expect.any(Number) } } });
    expect(result.parameters?.options).toMatchObject({ speed: 'fast', reuse: 'none' });
    const roomy = await restorer.restore(raw, { speed: 'fast', memoryBudget: 30_000 });
    expect(roomy.warnings).toEqual([]);
    expect(roomy.parameters?.options).toMatchObject({ reuse: 'deep', reuseInterval: 4 });
  });

  it('warns of a prompt that is cut, and tells the logger', async () => {
    const lines: string[] = [];
    const logger = {
      debug: (line: string) => void lines.push(line),
      info() {},
      warn: (line: string) => void lines.push(line),
      error() {},
    };
    const restorer = await fakeRestorer(fakeNative(), { logger });
    const { warnings } = await restorer.restore(raw, { prompt: 'word '.repeat(100) });
    expect(warnings).toEqual(['prompt is longer than 77 tokens: its end is not used']);
    expect(lines[0]).toBe(`the raw input: ${warnings[0]}`);
    expect(lines[1]).toMatch(/^the raw input: read \d+\.\d ms$/);
    expect((await restorer.restore(raw, { stage: 1, prompt: 'word '.repeat(100) })).warnings).toEqual([]);
  });

  it('a model without a text encoder reads no prompt and says so', async () => {
    const { textEncoder: _, ...networks } = BOTH_STAGES.networks;
    const fake = fakeNative();
    const restorer = await fakeRestorer(fake, { model: modelFolder({ ...BOTH_STAGES, networks }) });
    await restorer.restore(raw);
    expect(fake.specs[0]?.stage2?.textEncoder).toBeNull();
    expect(fake.jobs[0]).toMatchObject({ stage: 2, cfgScale: 1, positiveTokens: new Int32Array(77) });
    for (const [option, value] of [
      ['prompt', 'a cat'],
      ['negativePrompt', 'blur'],
      ['cfgScale', 4],
      ['captioner', async () => 'a cat'],
    ] as const)
      await expect(restorer.restore(raw, { [option]: value })).rejects.toMatchObject({
        option,
        message: expect.stringMatching(/the model fake has no text encoder/),
      });
    await restorer.restore(raw, { prompt: '', stage: 1 });
  });

  it('reports progress that never falls and ends at 1', async () => {
    const seen: RestoreProgress[] = [];
    const fake = fakeNative();
    await restoreWith(async () => fake.internals, raw, {
      model: modelFolder(),
      steps: 4,
      onProgress: (p) => void seen.push(p),
    });
    const fractions = seen.map(({ fraction }) => fraction);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(fractions.at(-1)).toBeCloseTo(1);
    expect(seen[0]).toMatchObject({ stage: 'load', step: 1, steps: 2 });
    expect(seen.filter(({ stage }) => stage === 'sample').map(({ step }) => step)).toEqual([1, 2, 3, 4]);
  });

  it('restore() frees its model, also after an error', async () => {
    const fake = fakeNative();
    await restoreWith(async () => fake.internals, raw, { model: modelFolder() });
    await expect(restoreWith(async () => fake.internals, Buffer.from('x'), { model: modelFolder() })).rejects.toThrow();
    expect([fake.specs.length, fake.disposed]).toEqual([2, 2]);
  });
});

describe('stages', () => {
  it('follow from the model', async () => {
    const fake = fakeNative();
    await (await fakeRestorer(fake, { model: modelFolder(STAGE1) })).restore(raw);
    await (await fakeRestorer(fake)).restore(raw);
    await (await fakeRestorer(fake, { stage: 1 })).restore(raw);
    expect(fake.jobs.map(({ stage }) => stage)).toEqual([1, 2, 1]);
    expect(fake.specs.map(({ stage2 }) => stage2 !== null)).toEqual([false, true, false]);
  });

  it('1 of a model without stage 1 is refused', async () => {
    const model = modelFolder({ ...BOTH_STAGES, networks: { ...BOTH_STAGES.networks, cleaner: 'none' } });
    const refused = { option: 'stage', message: expect.stringContaining('the model fake has no stage 1') };
    await expect(fakeRestorer(fakeNative(), { model, stage: 1 })).rejects.toMatchObject(refused);
    const restorer = await fakeRestorer(fakeNative(), { model });
    await expect(restorer.restore(raw, { stage: 1 })).rejects.toMatchObject(refused);
    expect((await restorer.restore(raw)).stage).toBe(2);
  });

  it('that are not there are refused', async () => {
    await expect(fakeRestorer(fakeNative(), { model: modelFolder(STAGE1), stage: 2 })).rejects.toMatchObject({
      option: 'stage',
    });
    const restorer = await fakeRestorer(fakeNative(), { stage: 1 });
    await expect(restorer.restore(raw, { stage: 2 })).rejects.toBeInstanceOf(InvalidOptionError);
    expect((await restorer.restore(raw)).stage).toBe(1);
  });
});

describe('refused at the door, before anything happens', () => {
  it.each([
    ['no input', undefined],
    ['a number', 5],
    ['an empty path', ''],
    ['a path with NUL', 'a\0b'],
    ['an object', {}],
    ['a URL of the web', new URL('https://example.org/a.png')],
  ])('%s', async (_, input) => {
    const fake = fakeNative();
    const error = await restoreWith(async () => fake.internals, input as string, {}).catch((reason) => reason);
    expect(error).toMatchObject({ code: 'DIFFBIR_INVALID_OPTION', option: 'input' });
    expect(fake.specs.length).toBe(0);
  });

  it('pictures that would grow beyond memory, and outputs without pixels', async () => {
    const fake = fakeNative();
    const restorer = await fakeRestorer(fake);
    const thin = await sharp({ create: { width: 1, height: 65_000, channels: 3, background: 'red' } })
      .png()
      .toBuffer();
    await expect(restorer.restore(thin)).rejects.toMatchObject({
      code: 'DIFFBIR_IMAGE_TOO_LARGE',
      message: expect.stringContaining('512 x 33280000'),
    });
    expect((await restorer.restore(thin, { stage: 1 })).height).toBe(65_000);
    await expect(restorer.restore(raw, { upscale: 64, limitWorkPixels: 512 * 512 })).rejects.toMatchObject({
      code: 'DIFFBIR_IMAGE_TOO_LARGE',
    });
    await expect(restorer.restore(raw, { upscale: 0.1 })).rejects.toMatchObject({ code: 'DIFFBIR_INVALID_IMAGE' });
    expect(fake.jobs.length).toBe(1);
    const small = await fakeRestorer(fake, { model: modelFolder({ ...BOTH_STAGES, minShortEdge: 1 }) });
    expect((await small.restore(thin)).height).toBe(65_000);
    expect((await restorer.restore({ ...raw, data: pixels().subarray(0, 3), width: 1, height: 1 })).width).toBe(1);
  });

  it('what is fixed at load time', async () => {
    await expect((await fakeRestorer(fakeNative())).restore(raw, { threads: 1 })).rejects.toMatchObject({
      option: 'threads',
    });
  });
});

describe('errors of native code', () => {
  it('have their class and the stack of the caller; the next call works', async () => {
    const fake = fakeNative();
    const restorer = await fakeRestorer(fake);
    fake.failure = nativeError('DIFFBIR_OUT_OF_MEMORY', 'no memory for the decoder');
    const error = await restorer.restore(raw).catch((reason) => reason);
    expect(error).toMatchObject({ code: 'DIFFBIR_OUT_OF_MEMORY', message: 'no memory for the decoder' });
    expect(error.stack).toContain('restorePicture');
    expect((await restorer.restore(raw)).width).toBe(6);
  });

  it('an error thrown by onProgress stops the work and comes back', async () => {
    const fake = fakeNative();
    const restorer = await fakeRestorer(fake);
    const own = new Error('enough');
    const onProgress = () => {
      throw own;
    };
    await expect(restorer.restore(raw, { onProgress })).rejects.toBe(own);
    expect(fake.cancelled).toBe(1);
    await expect(fakeRestorer(fake, { onProgress })).rejects.toBe(own);
  });
});

describe('abort', () => {
  const counting = () => {
    const controller = new AbortController();
    return {
      controller,
      signal: controller.signal,
      listeners: () => getEventListeners(controller.signal, 'abort').length,
    };
  };

  it('before the start rejects at once', async () => {
    const fake = fakeNative();
    const restorer = await fakeRestorer(fake);
    const reason = new Error('changed my mind');
    const error = await restorer.restore(raw, { signal: AbortSignal.abort(reason) }).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(AbortError);
    expect([error.name, error.cause]).toEqual(['AbortError', reason]);
    expect(fake.jobs.length).toBe(0);
    await expect(fakeRestorer(fake, { signal: AbortSignal.abort() })).rejects.toBeInstanceOf(AbortError);
    expect(fake.specs.length).toBe(1);
  });

  it('while loading, and in each stage', async () => {
    for (const stage of ['load', 'stage1', 'encode', 'sample', 'decode', 'finish']) {
      const { controller, signal, listeners } = counting();
      const fake = fakeNative();
      const onProgress = (progress: RestoreProgress) => {
        if (progress.stage === stage) controller.abort();
      };
      const options = { model: modelFolder(), steps: 3, signal, onProgress };
      await expect(
        restoreWith(async () => fake.internals, raw, options),
        stage,
      ).rejects.toBeInstanceOf(AbortError);
      expect([fake.cancelled, listeners()]).toEqual([1, 0]);
    }
  });

  it('in the queue leaves the others alone', async () => {
    const fake = fakeNative();
    const restorer = await fakeRestorer(fake);
    const { controller, signal, listeners } = counting();
    const first = restorer.restore(raw);
    const second = restorer.restore(raw, { signal });
    const third = restorer.restore(raw);
    await new Promise((resolve) => setImmediate(resolve));
    expect(restorer.counters()).toEqual({ queued: 2, running: 1 });
    controller.abort();
    controller.abort();
    await expect(second).rejects.toBeInstanceOf(AbortError);
    expect(restorer.counters()).toEqual({ queued: 1, running: 1 });
    await Promise.all([first, third]);
    expect([fake.jobs.length, listeners()]).toEqual([2, 0]);
    expect(restorer.counters()).toEqual({ queued: 0, running: 0 });
  });

  it('after the end changes nothing, and no listener stays', async () => {
    const { controller, signal, listeners } = counting();
    const result = await (await fakeRestorer(fakeNative())).restore(raw, { signal });
    expect(listeners()).toBe(0);
    controller.abort();
    expect((await result.toBuffer()).length).toBeGreaterThan(0);
  });
});

describe('dispose', () => {
  it('refuses later calls, and may be called twice', async () => {
    const fake = fakeNative();
    const restorer = await fakeRestorer(fake);
    await Promise.all([restorer.dispose(), restorer.dispose()]);
    await restorer.dispose();
    expect(fake.disposed).toBe(1);
    await expect(restorer.restore(raw)).rejects.toMatchObject({ code: 'DIFFBIR_DISPOSED' });
  });

  it('during a run rejects what runs and what waits', async () => {
    const restorer = await fakeRestorer(fakeNative());
    const [running, waiting] = [restorer.restore(raw), restorer.restore(raw)];
    const outcomes = Promise.allSettled([running, waiting]);
    await new Promise((resolve) => setTimeout(resolve, 10));
    await restorer.dispose();
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'DIFFBIR_DISPOSED' } });
    }
  });

  it('comes with await using', async () => {
    const fake = fakeNative();
    const restorer = await fakeRestorer(fake);
    await restorer[Symbol.asyncDispose]();
    expect(fake.disposed).toBe(1);
  });
});

describe('formats', () => {
  it('the result has the format of the input, png for raw pixels, or the one asked for', async () => {
    const restorer = await fakeRestorer(fakeNative());
    const format = async (bytes: Promise<Buffer>) => (await sharp(await bytes).metadata()).format;
    const fromWebp = await restorer.restore(await image().webp().toBuffer());
    expect(await format(fromWebp.toBuffer())).toBe('webp');
    expect(await format((await restorer.restore(raw)).toBuffer())).toBe('png');
    expect(await format((await restorer.restore(raw, { format: 'tiff' })).toBuffer())).toBe('tiff');
    expect(await format(fromWebp.toBuffer('jpeg'))).toBe('jpeg');
    expect(await format((await restorer.restore(await image().gif().toBuffer())).toBuffer())).toBe('png');
    await expect(fromWebp.toBuffer({ qualty: 3 } as object)).rejects.toThrow('Did you mean quality?');
  });
});
