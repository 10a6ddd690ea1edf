// Jobs of one model: their order, progress, cancellation, and the end of the model under them.
import { AsyncLocalStorage } from 'node:async_hooks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NativeModel, NativeProgress } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import { ENDLESS, goldenSpec, jobOf } from './model';

const binding = loadBinding();
const spec = await goldenSpec({ stage: 2 });
const load = () => binding.createModel(spec, () => {}).promise;
const ignore = () => {};
const endless = jobOf({ stage: 2, steps: ENDLESS });
const short = jobOf({ stage: 1 });

const aborted = expect.objectContaining({ code: 'DIFFBIR_ABORTED' });
const disposed = expect.objectContaining({ code: 'DIFFBIR_DISPOSED' });

/** Starts a job that would last for minutes, and waits until its sampler runs. */
async function startEndless(model: NativeModel) {
  let task: ReturnType<NativeModel['restore']> | undefined;
  await new Promise<void>((resolve) => {
    task = model.restore(endless, ({ stage }) => stage === 'sample' && resolve());
  });
  return task as ReturnType<NativeModel['restore']>;
}

describe('one model', () => {
  let model: NativeModel;
  beforeAll(async () => {
    model = await load();
  });
  afterAll(() => model.dispose());

  test('reports every step before the promise settles, and settles once', async () => {
    const seen: NativeProgress[] = [];
    const { image, times } = await model.restore(jobOf({ stage: 2, steps: 3 }), (progress) => seen.push(progress))
      .promise;
    expect(image.data).toHaveLength(64 * 64 * 3);
    expect(seen.filter(({ stage }) => stage === 'sample')).toEqual(
      [1, 2, 3].map((step) => ({ stage: 'sample', step, steps: 3 })),
    );
    expect(seen.at(-1)?.stage).toBe('finish');
    expect(times.map(({ stage }) => stage)).toEqual(['stage1', 'encode', 'sample', 'decode', 'finish']);
  });

  test('runs jobs in the order they were started', async () => {
    const order: string[] = [];
    const run = (name: string) => model.restore(short, ignore).promise.then(() => order.push(name));
    await Promise.all(['a', 'b', 'c', 'd'].map(run));
    expect(order).toEqual(['a', 'b', 'c', 'd']);
  });

  test('leaves the event loop free', async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 5);
    const begin = performance.now();
    await model.restore(jobOf({ stage: 1, size: 512 }), ignore).promise;
    clearInterval(timer);
    // At half the rate of an idle loop at least, on a machine whose cores are all taken.
    expect(turns).toBeGreaterThan((performance.now() - begin) / 5 / 2);
  });

  test('copies the pixels at the call, and gives the result away', async () => {
    const job = jobOf({ stage: 1 });
    const untouched = (await model.restore(job, ignore).promise).image.data;
    const task = model.restore(job, ignore);
    job.image.data.fill(255);
    const { data } = (await task.promise).image;
    expect(data).toEqual(untouched);
    const moved = structuredClone(data, { transfer: [data.buffer as ArrayBuffer] });
    expect(moved).toEqual(untouched);
    expect(data).toHaveLength(0);
  });

  test('calls back in the async context of the call, also behind a queue', async () => {
    const context = new AsyncLocalStorage<string>();
    const seen = new Set<unknown>();
    const run = (name: string) =>
      context.run(name, () => model.restore(short, () => seen.add(`${name} ${context.getStore()}`)).promise);
    await Promise.all(['a', 'b'].map(run));
    expect([...seen]).toEqual(['a a', 'b b']);
  });

  test('abort before the job has begun', async () => {
    const task = model.restore(endless, ignore);
    task.cancel();
    await expect(task.promise).rejects.toEqual(aborted);
  });

  test('abort while it runs, twice, and again when it is over', async () => {
    const task = await startEndless(model);
    const begin = performance.now();
    task.cancel();
    task.cancel();
    await expect(task.promise).rejects.toEqual(aborted);
    expect(performance.now() - begin).toBeLessThan(1000);
    task.cancel();
    await model.restore(short, ignore).promise;
  });

  test('abort in the queue rejects at once and lets the others be', async () => {
    const running = await startEndless(model);
    const [first, second] = [model.restore(short, ignore), model.restore(short, ignore)];
    first.cancel();
    await expect(first.promise).rejects.toEqual(aborted);
    running.cancel();
    await expect(running.promise).rejects.toEqual(aborted);
    expect((await second.promise).image.width).toBe(64);
  });

  test('abort after the end changes nothing', async () => {
    const task = model.restore(short, ignore);
    const result = await task.promise;
    task.cancel();
    expect(await task.promise).toBe(result);
  });

  test.each([[new TypeError('mine')], ['a string'], [undefined]])(
    'a progress callback that throws %s stops the job, and the promise rejects with it',
    async (thrown) => {
      let calls = 0;
      const task = model.restore(endless, () => {
        calls++;
        throw thrown;
      });
      const caught = await task.promise.then(
        () => 'resolved',
        (error) => [error],
      );
      expect(caught).toEqual([thrown]);
      expect(calls).toBe(1);
      await model.restore(short, ignore).promise;
    },
  );

  test('a malformed job throws at the call and starts nothing', async () => {
    const broken = { ...short, image: { ...short.image, data: new Uint8Array(5) } };
    expect(() => model.restore(broken, ignore)).toThrow(expect.objectContaining({ code: 'DIFFBIR_INTERNAL' }));
    expect(() => model.restore(short, 5 as never)).toThrow(expect.objectContaining({ code: 'DIFFBIR_INTERNAL' }));
    await model.restore(short, ignore).promise;
  });

  test('a job that fails leaves the model usable', async () => {
    const unknown = model.restore({ ...jobOf({ stage: 2 }), sampler: 'no such sampler' }, ignore);
    await expect(unknown.promise).rejects.toEqual(expect.objectContaining({ code: 'DIFFBIR_INVALID_OPTION' }));
    await model.restore(short, ignore).promise;
  });
});

describe('loading', () => {
  test('reports progress, and can be aborted', async () => {
    const seen: NativeProgress[] = [];
    const task = binding.createModel(spec, (progress) => {
      seen.push(progress);
      task.cancel();
    });
    await expect(task.promise).rejects.toEqual(aborted);
    expect(seen[0]).toMatchObject({ stage: 'load', step: 1 });
  });

  test('models run side by side', async () => {
    const [busy, free] = await Promise.all([load(), load()]);
    const running = await startEndless(busy);
    await free.restore(short, ignore).promise;
    running.cancel();
    await expect(running.promise).rejects.toEqual(aborted);
    await Promise.all([busy.dispose(), free.dispose()]);
  });
});

describe('closeNetworks', () => {
  test('comes behind the jobs that were started; the next one opens its networks again', async () => {
    const open = () => binding.primitives.openNetworks();
    const before = open();
    const model = await load();
    expect(open()).toBe(before + 6);
    const running = model.restore(jobOf({ stage: 2 }), ignore);
    await model.closeNetworks();
    expect(open()).toBe(before);
    const { image } = await running.promise;
    expect((await model.restore(jobOf({ stage: 2 }), ignore).promise).image.data).toEqual(image.data);
    await model.dispose();
    await expect(model.closeNetworks()).rejects.toEqual(disposed);
  });
});

describe('dispose', () => {
  test('during a run cancels it, rejects what waits, and can be repeated', async () => {
    const model = await load();
    const running = await startEndless(model);
    const waiting = model.restore(short, ignore);
    const settled = Promise.allSettled([running.promise, waiting.promise]);
    const ends = [model.dispose(), model.dispose()];
    const late = model.restore(short, ignore);
    await expect(late.promise).rejects.toEqual(disposed);
    expect(await settled).toEqual([
      { status: 'rejected', reason: aborted },
      { status: 'rejected', reason: disposed },
    ]);
    expect(await Promise.all(ends)).toEqual([undefined, undefined]);
    await model.dispose();
  });

  test('when idle; later calls reject and never throw', async () => {
    const model = await load();
    await model.restore(short, ignore).promise;
    await model.dispose();
    await expect(model.restore(short, ignore).promise).rejects.toEqual(disposed);
  });
});
