// A Restorer of the embedded model: stopped at every stage, by its caller and by time, and used for several at once.
import path from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { type RestoreOptions, Restorer, restore } from '../../src/index';
import { loadBinding } from '../../src/native/loadBinding';

const SAMPLE = path.resolve(import.meta.dirname, '../../examples/sample/degraded.jpg');
const open = () => loadBinding().primitives.openNetworks();

/** A part of the sample photograph. */
async function part(left: number, width: number, height = 64) {
  return sharp(SAMPLE).extract({ left, top: 20, width, height }).png().toBuffer();
}

describe('abort', () => {
  test.each(['load', 'stage1', 'encode', 'sample', 'decode', 'finish'])(
    'in the stage %s: AbortError, and nothing stays open',
    async (stage) => {
      const controller = new AbortController();
      const onProgress: RestoreOptions['onProgress'] = (progress) => {
        if (progress.stage === stage) controller.abort('why');
      };
      const running = restore(await part(0, 64), { steps: 3, signal: controller.signal, onProgress });
      await expect(running).rejects.toMatchObject({ code: 'DIFFBIR_ABORTED', cause: 'why' });
      expect(open()).toBe(0);
    },
  );

  test('in each stage of one Restorer, several at once: the others and the next call work', async () => {
    await using restorer = await Restorer.create({ steps: 3, concurrency: 2 });
    const input = await part(0, 64);
    const { data } = await restorer.restore(input);
    for (const stage of ['stage1', 'encode', 'sample', 'decode']) {
      const controller = new AbortController();
      const onProgress: RestoreOptions['onProgress'] = (progress) => {
        if (progress.stage === stage) controller.abort();
      };
      const stopped = restorer.restore(input, { signal: controller.signal, onProgress });
      const other = restorer.restore(input);
      await expect(stopped, stage).rejects.toMatchObject({ code: 'DIFFBIR_ABORTED' });
      expect((await other).data).toEqual(data);
    }
  });
});

test('timeLimit stops a run in the middle, and the next call works', async () => {
  await using restorer = await Restorer.create();
  const begin = performance.now();
  await expect(restorer.restore(SAMPLE, { upscale: 4, steps: 1000, timeLimit: 0.5 })).rejects.toMatchObject({
    code: 'DIFFBIR_TIME_LIMIT',
  });
  expect(performance.now() - begin).toBeLessThan(5000);
  expect((await restorer.restore(await part(0, 64), { steps: 1 })).width).toBe(64);
});

describe('several at once', () => {
  const jobs = [
    { left: 0, width: 90 },
    { left: 100, width: 64 },
    { left: 150, width: 130 },
    { left: 300, width: 71 },
  ];
  const all = async (restorer: Restorer, options: RestoreOptions = {}) =>
    Promise.all(
      jobs.map(async ({ left, width }, i) => {
        const speed = i % 2 ? 'fast' : 'quality';
        return (await restorer.restore(await part(left, width), { seed: i, speed, ...options })).data;
      }),
    );

  test('give the pictures that come one by one, on one set of networks', async () => {
    const expected = await (async () => {
      await using one = await Restorer.create({ steps: 4 });
      return await all(one);
    })();
    await using restorer = await Restorer.create({ steps: 4, concurrency: 3 });
    expect(open()).toBe(5);
    for (let round = 0; round < 3; round++) expect(await all(restorer)).toEqual(expected);
    // In little memory: one by one, on tiles that were planned without a look at the others.
    await using small = await Restorer.create({ steps: 4, memoryBudget: 150 });
    expect(await all(restorer, { memoryBudget: 150 })).toEqual(await all(small));
  });

  test('a picture beside which the weights do not fit leaves no network open, in no model', async () => {
    await using restorer = await Restorer.create({ steps: 2, concurrency: 3 });
    const input = await part(0, 64);
    const { data } = await restorer.restore(input);
    expect(open()).toBe(5);
    expect((await restorer.restore(input, { memoryBudget: 40 })).data).toEqual(data);
    expect(open()).toBe(0);
    expect((await restorer.restore(input)).data).toEqual(data);
  });

  test('dispose() in the middle ends all of them, and frees the networks', async () => {
    const restorer = await Restorer.create({ steps: 500, concurrency: 3 });
    const outcomes = Promise.allSettled(
      jobs.map(({ left }) => part(left, 64).then((input) => restorer.restore(input))),
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    await restorer.dispose();
    expect(open()).toBe(0);
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'DIFFBIR_DISPOSED' } });
    }
  });
});
