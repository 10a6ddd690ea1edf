import { describe, expect, it } from 'vitest';
import type { Captioner } from '../../src/options/values';
import { pixels } from '../image/pictures';
import { fakeNative, fakeRestorer } from './fakes';

const raw = { data: pixels(4), width: 6, height: 4, channels: 4 as const };

/** The prompt that a captioner's answer gives. */
async function promptOf(answer: string, prompt = 'sharp') {
  const restorer = await fakeRestorer(fakeNative());
  return (await restorer.restore(raw, { captioner: () => answer, prompt })).parameters?.options.prompt;
}

describe('captioner', () => {
  it('goes before the prompt, in what the network reads and in what is recorded', async () => {
    const fake = fakeNative();
    const restorer = await fakeRestorer(fake, { captioner: async () => ' a cat\n', prompt: 'sharp' });
    const result = await restorer.restore(raw);
    expect(result.parameters?.options.prompt).toBe('a cat, sharp');
    // The fake tokeniser fills the tokens with the prompt's length.
    expect(fake.jobs[0]?.positiveTokens[0]).toBe('a cat, sharp'.length);
    expect(await promptOf('a cat', '')).toBe('a cat');
    expect(await promptOf('')).toBe('sharp');
  });

  it('sees the picture as it came, once for all samples, and cannot change it', async () => {
    const fake = fakeNative();
    const seen: Parameters<Captioner>[0][] = [];
    const captioner: Captioner = (image) => {
      seen.push({ ...image, data: image.data.slice() });
      image.data.fill(0);
      return 'a cat';
    };
    await (await fakeRestorer(fake)).restore(raw, { captioner, samples: 3, upscale: 2 });
    expect(seen.length).toBe(1);
    expect(seen[0]).toMatchObject({ width: 6, height: 4, channels: 3 });
    expect([...(seen[0]?.data.subarray(0, 6) ?? [])]).toEqual([
      ...pixels(4).subarray(0, 3),
      ...pixels(4).subarray(4, 7),
    ]);
    expect(fake.jobs.map(({ image, positiveTokens }) => [image.data[1], positiveTokens[0]])).toEqual(
      new Array(3).fill([pixels(4)[1], fake.jobs[0]?.positiveTokens[0]]),
    );
  });

  it('is not asked in stage 1', async () => {
    const captioner = () => {
      throw new Error('asked');
    };
    expect((await (await fakeRestorer(fakeNative())).restore(raw, { captioner, stage: 1 })).stage).toBe(1);
  });

  it('stops the restoration with its own error', async () => {
    const fake = fakeNative();
    const restorer = await fakeRestorer(fake);
    const own = new Error('no network');
    for (const captioner of [
      () => {
        throw own;
      },
      () => Promise.reject(own),
    ]) {
      await expect(restorer.restore(raw, { captioner })).rejects.toBe(own);
    }
    expect(fake.jobs.length).toBe(0);
  });

  it.each([
    ['nothing', undefined],
    ['a number', 5],
    ['a list', [{ generated_text: 'a cat' }]],
    ['a text with NUL', 'a\0b'],
    ['too much', 'x'.repeat(10_001)],
    ['more than fits with the prompt', 'x'.repeat(9_990)],
  ])('that answers %s is refused', async (_, answer) => {
    const restorer = await fakeRestorer(fakeNative());
    const captioner = () => answer as string;
    await expect(restorer.restore(raw, { captioner })).rejects.toMatchObject({
      code: 'DIFFBIR_INVALID_OPTION',
      option: 'captioner',
    });
  });

  it('that never answers is left when the signal fires', async () => {
    const restorer = await fakeRestorer(fakeNative());
    const controller = new AbortController();
    const captioner = () => new Promise<string>(() => setTimeout(() => controller.abort(), 10));
    const running = restorer.restore(raw, { captioner, signal: controller.signal });
    await expect(running).rejects.toMatchObject({ code: 'DIFFBIR_ABORTED' });
    expect((await restorer.restore(raw)).width).toBe(6);
  });

  it('must be a function', async () => {
    const restorer = await fakeRestorer(fakeNative());
    await expect(restorer.restore(raw, { captioner: 'llava' as never })).rejects.toMatchObject({ option: 'captioner' });
  });
});
