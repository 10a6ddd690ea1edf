import path from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { inspect } from '../../src/index';
import { sampleSeed } from '../../src/samples';
import { image, pixels } from '../image/pictures';
import { fakeNative, fakeRestorer, modelFolder, STAGE1, temporaryFolder } from './fakes';

const raw = { data: pixels(), width: 6, height: 4, channels: 3 as const };

describe('samples', () => {
  it('have the seeds seed, seed + 1, ...: each as if it were made alone', async () => {
    const fake = fakeNative();
    const restorer = await fakeRestorer(fake);
    const result = await restorer.restore(raw, { seed: 7, samples: 3, steps: 2 });
    expect(result.samples.map(({ seed }) => seed)).toEqual([7n, 8n, 9n]);
    expect(result.samples[0]).toBe(result);
    const jobs = new Map(fake.jobs.map((job) => [job.seed, job]));
    for (const seed of [7, 8, 9]) {
      await restorer.restore(raw, { seed, steps: 2 });
      expect(fake.jobs.at(-1)).toEqual(jobs.get(BigInt(seed)));
    }
    expect(fake.jobs.length).toBe(6);
  });

  it('each say how they were made', async () => {
    const restorer = await fakeRestorer(fakeNative());
    const { samples } = await restorer.restore(raw, { seed: 2n ** 64n - 1n, samples: 2 });
    const seeds = [];
    for (const sample of samples) seeds.push((await inspect(await sample.toBuffer())).parameters?.options.seed);
    expect(seeds).toEqual([2n ** 64n - 1n, 0]);
    expect(sampleSeed(2n ** 64n - 1n, 3)).toBe(2n);
  });

  it('are written one by one, with the alpha and metadata of the input', async () => {
    const restorer = await fakeRestorer(fakeNative());
    const { samples } = await restorer.restore(await image(4).withIccProfile('p3').png().toBuffer(), { samples: 2 });
    for (const [k, sample] of samples.entries()) {
      const file = path.join(temporaryFolder(), `${k}.png`);
      await sample.toFile(file);
      const { hasAlpha, icc } = await sharp(file).metadata();
      expect([hasAlpha, icc !== undefined]).toEqual([true, true]);
    }
  });

  it('share the progress of one call', async () => {
    const fractions: number[] = [];
    const restorer = await fakeRestorer(fakeNative());
    const onProgress = ({ fraction }: { fraction: number }) => void fractions.push(fraction);
    await restorer.restore(raw, { samples: 3, steps: 2, onProgress });
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(fractions.filter((fraction) => fraction > 0.999).length).toBe(1);
    expect(fractions.some((fraction) => Math.abs(fraction - 1 / 3) < 1e-9)).toBe(true);
  });

  it('stop with the signal', async () => {
    const fake = fakeNative();
    const controller = new AbortController();
    const onProgress = ({ fraction }: { fraction: number }) => {
      if (fraction > 0.4) controller.abort();
    };
    const restorer = await fakeRestorer(fake);
    const running = restorer.restore(raw, { samples: 4, steps: 2, onProgress, signal: controller.signal });
    await expect(running).rejects.toMatchObject({ code: 'DIFFBIR_ABORTED' });
    expect(fake.jobs.length).toBe(2);
  });

  it('that would all be one picture are refused', async () => {
    const stage1 = await fakeRestorer(fakeNative(), { model: modelFolder(STAGE1) });
    const refused = { code: 'DIFFBIR_INVALID_OPTION', option: 'samples' };
    await expect(stage1.restore(raw, { samples: 2 })).rejects.toMatchObject(refused);
    const both = await fakeRestorer(fakeNative());
    await expect(both.restore(raw, { samples: 2, stage: 1 })).rejects.toMatchObject(refused);
    await expect(
      both.restore(raw, { samples: 2, noise: [{ shape: [1], data: new Float32Array(1) }] }),
    ).rejects.toMatchObject(refused);
    expect((await stage1.restore(raw)).samples.length).toBe(1);
  });
});

describe('restoreAll', () => {
  const inputs = async () => [raw, Buffer.from('<html>'), await image().png().toBuffer()];

  it('restores pictures that differ, in order; one that fails does not stop the others', async () => {
    const restorer = await fakeRestorer(fakeNative());
    const items = [];
    for await (const item of restorer.restoreAll(await inputs(), { upscale: 2 })) items.push(item);
    expect(items.map(({ result }) => result?.width)).toEqual([12, undefined, 12]);
    expect(items[1]?.error).toMatchObject({ code: 'DIFFBIR_INVALID_IMAGE' });
    expect(items[0]?.input).toBe(raw);
  });

  it('gives each picture what it gets alone, in any order', async () => {
    const fake = fakeNative();
    const restorer = await fakeRestorer(fake, { seed: 5 });
    const [a, , b] = await inputs();
    const run = async (batch: unknown[]) => {
      fake.jobs.length = 0;
      for await (const { error } of restorer.restoreAll(batch as Buffer[])) expect(error).toBeUndefined();
      return [...fake.jobs];
    };
    const [forward, backward, alone] = [await run([a, b]), await run([b, a]), await run([b])];
    expect(backward).toEqual([...forward].reverse());
    expect(alone).toEqual([forward[1]]);
    expect(forward.map(({ seed }) => seed)).toEqual([5n, 5n]);
  });

  it('takes the next input only when it is asked for', async () => {
    const restorer = await fakeRestorer(fakeNative());
    let taken = 0;
    async function* endless() {
      for (;;) {
        taken++;
        yield raw;
      }
    }
    for await (const { result } of restorer.restoreAll(endless())) {
      if (result && taken === 2) break;
    }
    expect(taken).toBe(2);
  });

  it('throws what concerns all pictures', async () => {
    const restorer = await fakeRestorer(fakeNative());
    const first = (batch: unknown, options = {}) => restorer.restoreAll(batch as never, options).next();
    await expect(first([raw], { steps: 0 })).rejects.toMatchObject({ option: 'steps' });
    for (const one of ['a.png', Buffer.from('x'), 5, undefined, null, {}]) {
      await expect(first(one)).rejects.toMatchObject({ option: 'inputs' });
    }
    await expect(first([raw], { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'DIFFBIR_ABORTED' });
    expect((await first(['none.png'])).value).toMatchObject({ error: { code: 'DIFFBIR_INVALID_IMAGE' } });
    await restorer.dispose();
    await expect(first([raw])).rejects.toMatchObject({ code: 'DIFFBIR_DISPOSED' });
  });
});
