/** Which of the calls that wait goes first, and how many may. */
import { describe, expect, it } from 'vitest';
import { QueueFullError } from '../../src/errors';
import { JobQueue, type Turn } from '../../src/jobQueue';

/** A queue, and jobs that run until they are told to end. */
function setup(concurrency = 1, limit = Number.POSITIVE_INFINITY) {
  const queue = new JobQueue(concurrency, limit);
  const started: string[] = [];
  const ends = new Map<string, () => void>();
  const add = (name: string, turn: Partial<Turn> = {}) => {
    const job = () =>
      new Promise<string>((resolve) => {
        started.push(name);
        ends.set(name, () => resolve(name));
      });
    return queue.run(job, { priority: 0, caller: '', ...turn });
  };
  /** Ends what runs, one after the other, until nothing does. */
  const drain = async () => {
    while (ends.size > 0) {
      const [name, end] = [...ends][0] as [string, () => void];
      ends.delete(name);
      end();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return started;
  };
  return { queue, started, add, drain };
}

describe('JobQueue', () => {
  it('starts as many as may run at once, and the next when one ends', async () => {
    const { queue, started, add, drain } = setup(2);
    const all = ['a', 'b', 'c', 'd'].map((name) => add(name));
    expect([started, queue.running, queue.length]).toEqual([['a', 'b'], 2, 2]);
    expect(await drain()).toEqual(['a', 'b', 'c', 'd']);
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd']);
    expect([queue.running, queue.length]).toEqual([0, 0]);
  });

  it('the higher priority goes first, then who came first', async () => {
    const { add, drain } = setup();
    add('running');
    for (const [name, priority] of [
      ['low', -1],
      ['a', 0],
      ['high', 5],
      ['b', 0],
      ['high 2', 5],
    ] as const) {
      add(name, { priority });
    }
    expect(await drain()).toEqual(['running', 'high', 'high 2', 'a', 'b', 'low']);
  });

  it('callers of one priority take turns', async () => {
    const { add, drain } = setup();
    add('running', { caller: 'many' });
    for (let i = 1; i <= 3; i++) add(`many ${i}`, { caller: 'many' });
    add('one 1', { caller: 'one' });
    add('two 1', { caller: 'two' });
    add('two 2', { caller: 'two' });
    expect(await drain()).toEqual(['running', 'many 1', 'one 1', 'two 1', 'many 2', 'two 2', 'many 3']);
  });

  it('turns are of a priority: a caller who waits in two of them has a turn in each', async () => {
    const { add, drain } = setup();
    add('running');
    add('a high 1', { caller: 'a', priority: 1 });
    add('a high 2', { caller: 'a', priority: 1 });
    add('b high', { caller: 'b', priority: 1 });
    add('b', { caller: 'b' });
    add('a', { caller: 'a' });
    expect(await drain()).toEqual(['running', 'a high 1', 'b high', 'a high 2', 'b', 'a']);
  });

  it('refuses one more than may wait, and takes one again when there is room', async () => {
    const { queue, add, drain } = setup(1, 2);
    add('running');
    add('a');
    const controller = new AbortController();
    const b = add('b', { signal: controller.signal });
    const error = await add('c', { priority: 100 }).catch((reason) => reason);
    expect(error).toBeInstanceOf(QueueFullError);
    expect(error).toMatchObject({ code: 'DIFFBIR_QUEUE_FULL', status: 503, queued: 2 });
    expect(queue.length).toBe(2);
    controller.abort();
    await expect(b).rejects.toMatchObject({ code: 'DIFFBIR_ABORTED' });
    add('d');
    expect(await drain()).toEqual(['running', 'a', 'd']);
  });

  it('a limit of 0 takes what can start at once', async () => {
    const { add, drain } = setup(1, 0);
    add('a');
    await expect(add('b')).rejects.toBeInstanceOf(QueueFullError);
    await drain();
    add('c');
    expect(await drain()).toEqual(['a', 'c']);
  });

  it('an abort in the queue is heard at once, and leaves the turns of the others as they were', async () => {
    const { add, drain } = setup();
    add('running');
    add('a 1', { caller: 'a' });
    const controller = new AbortController();
    const gone = add('b 1', { caller: 'b', signal: controller.signal });
    add('a 2', { caller: 'a' });
    add('b 2', { caller: 'b' });
    controller.abort('why');
    await expect(gone).rejects.toMatchObject({ code: 'DIFFBIR_ABORTED', cause: 'why' });
    expect(await drain()).toEqual(['running', 'a 1', 'b 2', 'a 2']);
  });

  it('a job that fails makes room for the next', async () => {
    const queue = new JobQueue(1, 10);
    const turn = { priority: 0, caller: '' };
    const failing = queue.run(() => Promise.reject(new Error('mine')), turn);
    const next = queue.run(async () => 5, turn);
    await expect(failing).rejects.toThrow('mine');
    expect(await next).toBe(5);
  });

  it('close() refuses all that wait, of every priority and caller, and lets what runs end', async () => {
    const { queue, add, drain, started } = setup();
    const running = add('running');
    const waiting = [add('a'), add('b', { caller: 'b' }), add('c', { priority: 3 })];
    queue.close();
    for (const each of [...waiting, add('later')]) {
      await expect(each).rejects.toMatchObject({ code: 'DIFFBIR_DISPOSED' });
    }
    const settled = queue.settled().then(() => 'settled');
    expect(await Promise.race([settled, new Promise((resolve) => setTimeout(resolve, 20))])).toBeUndefined();
    await drain();
    expect([await running, await settled, started]).toEqual(['running', 'settled', ['running']]);
  });
});
