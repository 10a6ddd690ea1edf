/** Several pictures at once, limits, and the callers who share a Restorer. */
import { getEventListeners } from 'node:events';
import { Readable } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import { QueueFullError, TimeLimitError } from '../../src/errors';
import { planFaces } from '../../src/faces/restoreFaces';
import { loadModel } from '../../src/loadModel';
import { planPicture } from '../../src/memory/planPicture';
import type { RestoreOptions } from '../../src/options/RestoreOptions';
import { resolveOptions } from '../../src/options/resolve';
import { validateOptions } from '../../src/options/validate';
import type { RestoreProgress } from '../../src/options/values';
import { Restorer } from '../../src/restorer';
import { FACES, fakeFace, fakeNative, fakeRestorer, modelFolder } from './fakes';

const MIB = 2 ** 20;
const gray = (level: number, side = 4) =>
  ({ data: new Uint8Array(side * side * 3).fill(level), width: side, height: side, channels: 3 }) as const;
const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

describe('concurrency', () => {
  it('is one by default, and as many as asked for', async () => {
    for (const [concurrency, atOnce] of [
      [undefined, 1],
      [3, 3],
    ]) {
      const fake = fakeNative();
      const restorer = await fakeRestorer(fake, { concurrency });
      const results = await Promise.all([1, 2, 3, 4, 5].map((level) => restorer.restore(gray(level))));
      expect(results.map(({ data }) => data[0])).toEqual([1, 2, 3, 4, 5]);
      expect([fake.specs.length, fake.atOnce]).toEqual([atOnce, atOnce]);
    }
  });

  it('each call has its own progress, which never falls', async () => {
    const restorer = await fakeRestorer(fakeNative(), { concurrency: 2, steps: 5 });
    const seen: RestoreProgress[][] = [[], []];
    await Promise.all(seen.map((list) => restorer.restore(gray(1), { onProgress: (each) => void list.push(each) })));
    for (const list of seen) {
      const fractions = list.map(({ fraction }) => fraction);
      expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
      expect(fractions.at(-1)).toBeCloseTo(1);
      expect(list.filter(({ stage }) => stage === 'sample')).toHaveLength(5);
    }
  });

  it('an abort stops one of several and lets the others be', async () => {
    const fake = fakeNative();
    const restorer = await fakeRestorer(fake, { concurrency: 3 });
    const controller = new AbortController();
    const [a, b, c] = [undefined, controller.signal, undefined].map((signal) => restorer.restore(gray(1), { signal }));
    setTimeout(() => controller.abort(), 10);
    await expect(b).rejects.toMatchObject({ code: 'DIFFBIR_ABORTED' });
    await Promise.all([a, c]);
    expect(fake.cancelled).toBe(1);
  });

  it('dispose() while several run ends them all, and waits for them', async () => {
    const fake = fakeNative();
    fake.pace = 5;
    const restorer = await fakeRestorer(fake, { concurrency: 2 });
    const outcomes = Promise.allSettled([1, 2, 3, 4].map((level) => restorer.restore(gray(level))));
    await turn();
    expect(restorer.counters()).toEqual({ queued: 2, running: 2 });
    await restorer.dispose();
    expect([fake.running.size, fake.disposed, restorer.counters().running]).toEqual([0, 2, 0]);
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'DIFFBIR_DISPOSED' } });
    }
  });

  it('models that were made are freed when a later one fails', async () => {
    const fake = fakeNative();
    const { loadBinding } = fake.internals;
    let made = 0;
    const internals = {
      ...fake.internals,
      loadBinding: () => ({
        ...loadBinding(),
        createModel: (...args: Parameters<ReturnType<typeof loadBinding>['createModel']>) => {
          if (++made === 3) throw new Error('no memory');
          return loadBinding().createModel(...args);
        },
      }),
    };
    const options = validateOptions({ model: modelFolder(), concurrency: 3 });
    await expect(loadModel(options, internals)).rejects.toThrow('no memory');
    expect(fake.disposed).toBe(2);
  });

  it('restoreAll() keeps as many pictures running, in order, and stops them when its caller leaves', async () => {
    const fake = fakeNative();
    const restorer = await fakeRestorer(fake, { concurrency: 2 });
    const taken: number[] = [];
    function* inputs() {
      for (let level = 1; level <= 5; level++) {
        taken.push(level);
        yield gray(level);
      }
    }
    const levels: unknown[] = [];
    for await (const { result } of restorer.restoreAll(inputs())) {
      levels.push(result?.data[0]);
      expect(taken.length).toBeLessThanOrEqual(levels.length + 1);
    }
    expect([levels, fake.atOnce]).toEqual([[1, 2, 3, 4, 5], 2]);

    fake.pace = 5;
    let seen = 0;
    for await (const _ of restorer.restoreAll(inputs())) if (++seen === 2) break; // the third runs
    await turn();
    expect(restorer.counters()).toEqual({ queued: 0, running: 0 });
  });
});

describe('memory', () => {
  /** A Restorer of a model with known bytes for each pixel, 100 MiB of copies, and what a picture needs. */
  async function sized(options: RestoreOptions = {}, manifest = { ...FACES, minShortEdge: 64 }) {
    const fake = fakeNative();
    const shape = [100 * 2 ** 18, 1, 1, 1];
    const tensors = [{ name: 'w', shape, dtype: 'float16' as const, strides: [], offset: 0, end: 0 }];
    const rooms = { ...fake.internals, readCheckpoint: async (file: string) => ({ file, fileSize: 0, tensors }) };
    const model = await loadModel(validateOptions({ model: modelFolder(manifest), concurrency: 3, ...options }), rooms);
    const resolved = resolveOptions(...model.layers);
    const { work } = planPicture({ width: 128, height: 128 }, 2, model, resolved);
    return { fake, model, restorer: new Restorer(model), needed: Math.ceil(work / MIB), copied: model.copied / MIB };
  }
  const three = (restorer: Restorer, options: (i: number) => RestoreOptions) =>
    Promise.all([1, 2, 3].map((level, i) => restorer.restore(gray(level, 128), options(i))));

  it('lets no more pictures run at once than fit, weights included, and tiles none of them for that', async () => {
    const { fake, restorer, needed, copied } = await sized();
    const atOnce = async (memoryBudget: number) => {
      fake.atOnce = 0;
      await three(restorer, () => ({ memoryBudget }));
      return fake.atOnce;
    };
    expect(await atOnce(copied + 3 * needed)).toBe(3);
    expect(await atOnce(copied + 3 * needed - 2)).toBe(2);
    expect(await atOnce(copied + 2 * needed - 2)).toBe(1);
    const tiles = new Set(fake.jobs.map(({ tiling, keepNetworks }) => JSON.stringify([tiling, keepNetworks])));
    expect(tiles.size).toBe(1);
  });

  it('where the weights do not fit beside a picture it is alone, and no network is open beside it', async () => {
    const { fake, restorer, copied } = await sized();
    await three(restorer, () => ({ memoryBudget: copied }));
    expect([fake.atOnce, fake.closed]).toEqual([1, 2]);
    expect(fake.jobs.every(({ keepNetworks }) => !keepNetworks)).toBe(true);
  });

  it('other networks for reuse count once more', async () => {
    const { fake, restorer, needed, copied } = await sized();
    const speeds = ['quality', 'fast', 'quality'] as const;
    await three(restorer, (i) => ({ memoryBudget: copied + 3 * needed, speed: speeds[i] }));
    expect(fake.atOnce).toBe(1);
    await three(restorer, (i) => ({ memoryBudget: 2 * copied + 4 * needed, speed: speeds[i] }));
    expect(fake.atOnce).toBe(3);
  });

  it('but not for stage 1, which has none of them', async () => {
    const { fake, restorer, needed, copied } = await sized();
    const calls = [{ stage: 1, speed: 'fast' }, { stage: 2 }, { stage: 1, speed: 'balanced' }] as const;
    await three(restorer, (i) => ({ memoryBudget: copied + 3 * needed, ...calls[i] }));
    expect([fake.atOnce, fake.closed]).toEqual([3, 0]);
  });

  it('faces are planned for', async () => {
    const { fake, model, restorer, needed, copied } = await sized({ task: 'unaligned_face', maxFaces: 10 });
    fake.faces = [fakeFace(7)];
    const options = resolveOptions(...model.layers);
    const faces = planFaces({ width: 128, height: 128 }, 2, needed * MIB, model, options) / MIB;
    expect(faces).toBeGreaterThan(10 * needed);
    await three(restorer, () => ({ memoryBudget: Math.ceil(copied + 3 * faces) }));
    expect([fake.atOnce, fake.pastes.length]).toEqual([3, 3]);
    fake.atOnce = 0;
    await three(restorer, () => ({ memoryBudget: Math.floor(copied + 3 * faces) - 1 }));
    expect(fake.atOnce).toBe(2);
  });

  it('an abort while it waits for memory is heard at once', async () => {
    const { fake, restorer, needed, copied } = await sized();
    fake.pace = 20;
    const memoryBudget = copied + needed;
    const first = restorer.restore(gray(1, 128), { memoryBudget });
    const controller = new AbortController();
    const second = restorer.restore(gray(2, 128), { memoryBudget, signal: controller.signal });
    await turn();
    expect([fake.jobs.length, restorer.counters().running]).toEqual([1, 2]);
    controller.abort();
    await expect(second).rejects.toMatchObject({ code: 'DIFFBIR_ABORTED' });
    expect(fake.running.size).toBe(1);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    await first;
  });
});

describe('queueLimit, priority and caller', () => {
  it('refuse and order calls', async () => {
    const fake = fakeNative();
    const restorer = await fakeRestorer(fake, { queueLimit: 4 });
    const restore = (level: number, options: RestoreOptions) => restorer.restore(gray(level), options);
    const all = [
      restore(1, { caller: 'a' }),
      restore(2, { caller: 'a' }),
      restore(3, { caller: 'a' }),
      restore(4, { caller: 'b' }),
      restore(5, { priority: 1 }),
    ];
    const error = await restore(6, { priority: 100 }).catch((reason) => reason);
    expect(error).toBeInstanceOf(QueueFullError);
    expect(error).toMatchObject({ code: 'DIFFBIR_QUEUE_FULL', status: 503 });
    await Promise.all(all);
    expect(fake.jobs.map(({ image }) => image.data[0])).toEqual([1, 5, 2, 4, 3]);
  });

  it('by default a thousand may wait, and `false` is no limit', async () => {
    for (const [queueLimit, refused] of [
      [undefined, 1],
      [true, 1],
      [false, 0],
    ] as const) {
      const fake = fakeNative();
      fake.pace = 1000;
      const restorer = await fakeRestorer(fakeNative(), { queueLimit });
      const all = Array.from({ length: 1002 }, () => restorer.restore(gray(1)));
      const outcomes = Promise.allSettled(all);
      await restorer.dispose();
      const full = (await outcomes).filter(
        (outcome) => outcome.status === 'rejected' && outcome.reason.code === 'DIFFBIR_QUEUE_FULL',
      );
      expect(full).toHaveLength(refused);
    }
  });

  it('are checked like other options', async () => {
    const restorer = await fakeRestorer(fakeNative());
    for (const [name, value] of Object.entries({
      priority: 101,
      caller: 5,
      timeLimit: 0,
      concurrency: 2,
      queueLimit: 3,
    })) {
      await expect(restorer.restore(gray(1), { [name]: value })).rejects.toMatchObject({ option: name });
    }
  });
});

describe('timeLimit', () => {
  const late = expect.objectContaining({ code: 'DIFFBIR_TIME_LIMIT', status: 504, seconds: 0.05 });

  it('stops the native run; the next call works', async () => {
    const fake = fakeNative();
    const restorer = await fakeRestorer(fake, { steps: 1000 });
    const error = await restorer.restore(gray(1), { timeLimit: 0.05 }).catch((reason) => reason);
    expect(error).toBeInstanceOf(TimeLimitError);
    expect(error).toEqual(late);
    expect((await restorer.restore(gray(9), { steps: 1 })).data[0]).toBe(9);
    expect([fake.cancelled, fake.running.size]).toEqual([1, 0]);
  });

  it.each([
    ['an input that never comes to its end', new Readable({ read() {} }), {}],
    ['a captioner that never answers', gray(1), { captioner: () => new Promise<string>(() => {}) }],
  ])('also of %s', async (_, input, options) => {
    const restorer = await fakeRestorer(fakeNative());
    await expect(restorer.restore(input, { timeLimit: 0.05, ...options })).rejects.toEqual(late);
    expect((await restorer.restore(gray(9))).data[0]).toBe(9);
  });

  it('does not count the time in which a call waits for its turn', async () => {
    const fake = fakeNative();
    const restorer = await fakeRestorer(fake, { steps: 60 });
    const [long, short] = [restorer.restore(gray(1)), restorer.restore(gray(2), { steps: 1, timeLimit: 0.05 })];
    expect((await long).data[0]).toBe(1);
    expect((await short).data[0]).toBe(2);
  });

  it('nor that in which it waits for memory', async () => {
    const fake = fakeNative();
    const restorer = await fakeRestorer(fake, { concurrency: 2, memoryBudget: 200, steps: 60 });
    const [long, short] = [restorer.restore(gray(1)), restorer.restore(gray(2), { steps: 1, timeLimit: 0.05 })];
    await turn();
    expect([restorer.counters().running, fake.jobs.length]).toEqual([2, 1]);
    expect((await long).data[0]).toBe(1);
    expect((await short).data[0]).toBe(2);
  });

  it('leaves no listener and no timer', async () => {
    const { signal } = new AbortController();
    const [set, cleared] = [vi.spyOn(globalThis, 'setTimeout'), vi.spyOn(globalThis, 'clearTimeout')];
    await (await fakeRestorer(fakeNative())).restore(gray(1), { signal, timeLimit: 1000 });
    const timers = set.mock.results.filter((_, i) => Number(set.mock.calls[i]?.[1]) > 900_000);
    expect(timers.length).toBeGreaterThan(0);
    for (const { value } of timers) expect(cleared).toHaveBeenCalledWith(value);
    vi.restoreAllMocks();
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  it('an abort is an AbortError, with its reason', async () => {
    const restorer = await fakeRestorer(fakeNative(), { steps: 1000, timeLimit: 100 });
    const running = restorer.restore(gray(1), { signal: AbortSignal.timeout(20) });
    await expect(running).rejects.toMatchObject({ code: 'DIFFBIR_ABORTED', cause: { name: 'TimeoutError' } });
  });
});
