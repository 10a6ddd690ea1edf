/** The BullMQ example against a real Redis: its worker and its producer as processes, its queue from here. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Job, type Queue, QueueEvents } from 'bullmq';
import { Redis } from 'ioredis';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../facade/fakes';
import { gray, QUICK, SMALL } from './pictures';
import { type Program, start, until } from './program';
import { HAS_REDIS, type RedisServer, startRedis } from './redis';

/** Takes a minute or more with `middle.png`, and tells soon that it runs. */
const SLOW = { steps: 1000 };

// Where CI is set a missing Redis fails the tests.
const isSkipped = !HAS_REDIS && !process.env.CI;
if (isSkipped) console.warn('The BullMQ example is not tested: there is no redis-server in PATH');

describe.skipIf(isSkipped)('examples/bullmq', () => {
  const pictures = temporaryFolder();
  const file = (key: string) => path.join(pictures, key);
  let redis: RedisServer;
  let queue: Queue;
  let events: QueueEvents;
  let worker: Program;
  let cancel: (queue: Queue, id: string) => Promise<void>;

  const environment = (): NodeJS.ProcessEnv => ({ REDIS_URL: redis.url, PICTURES: pictures, LOCK: '2000' });
  const startWorker = async (env: NodeJS.ProcessEnv = {}) => {
    worker = start('bullmq/worker.mjs', [], { ...environment(), ...env });
    await worker.prints(/waiting for jobs/);
  };
  const add = (input: string, output: string, options: object): Promise<Job> =>
    queue.add('restore', { input, output, options });
  const running = (job: Job) => until(async () => ((await fresh(job)).progress as number) > 0);
  const fresh = async ({ id }: Job) => (await queue.getJob(String(id))) as Job;
  const state = (job: Job) => queue.getJobState(String(job.id));

  beforeAll(async () => {
    redis = await startRedis();
    process.env.REDIS_URL = redis.url;
    process.env.BACKOFF = '300';
    const example = path.join(import.meta.dirname, '..', '..', 'examples', 'bullmq', 'queue.mjs');
    const { openQueue, connection, ...rest } = await import(pathToFileURL(example).href);
    cancel = rest.cancel;
    queue = openQueue();
    events = new QueueEvents(queue.name, { connection });
    writeFileSync(file('small.png'), SMALL);
    writeFileSync(file('middle.png'), await gray(256));
    writeFileSync(file('none.jpg'), 'no picture');
    await startWorker();
  });

  afterAll(async () => {
    await worker?.stop();
    await Promise.all([queue?.close(), events?.close()]);
    await redis?.stop();
  });

  it('restores what the producer sends: paths in Redis, pictures in the folder, progress on the way', async () => {
    const producer = start('bullmq/producer.mjs', ['small.png', 'new.webp', '{ "upscale": 2 }'], environment());
    expect(await producer.ended).toEqual({ code: 0, signal: null });
    const percents = [...producer.printed().matchAll(/^(\d+) %$/gm)].map(([, percent]) => Number(percent));
    expect(percents.length).toBeGreaterThan(5);
    expect(percents).toEqual([...percents].sort((a, b) => a - b));
    expect(await sharp(file('new.webp')).metadata()).toMatchObject({ format: 'webp', width: 64, height: 64 });
    const [job] = (await queue.getCompleted()) as [Job];
    expect(job.returnvalue).toEqual({ output: 'new.webp', width: 64, height: 64, warnings: [] });
    expect(JSON.stringify(job.asJSON()).length).toBeLessThan(1000);
  });

  it.each([
    ['a picture that is none', 'none.jpg', 'DIFFBIR_INVALID_IMAGE'],
    ['a picture that is not there', 'missing.jpg', 'DIFFBIR_INVALID_IMAGE'],
    ['a path out of the folder', '../small.png', 'not inside'],
    ['an absolute path out of it', '/etc/hostname', 'DIFFBIR_INVALID_IMAGE'],
    ['an option that is none', 'small.png', 'DIFFBIR_INVALID_OPTION'],
  ])('does not try again what cannot work: %s', async (name, input, reason) => {
    const job = await add(input, 'never.png', name.includes('option') ? { stesp: 1 } : QUICK);
    await expect(job.waitUntilFinished(events)).rejects.toThrow(reason);
    expect((await fresh(job)).attemptsMade).toBe(1);
    expect(existsSync(file('never.png'))).toBe(false);
  });

  it('does not write out of the folder', async () => {
    const job = await add('small.png', '../never.png', QUICK);
    await expect(job.waitUntilFinished(events)).rejects.toThrow('not inside');
    expect(existsSync(file('../never.png'))).toBe(false);
  });

  it('tries again what may pass', async () => {
    const job = await add('small.png', 'later/new.png', QUICK);
    await worker.prints(new RegExp(`^${job.id} failed .*later`, 'm'));
    mkdirSync(file('later'));
    await job.waitUntilFinished(events);
    expect((await fresh(job)).attemptsMade).toBeGreaterThan(1);
    expect(existsSync(file('later/new.png'))).toBe(true);
  });

  it('cancels what waits and what runs, and takes the next', async () => {
    const slow = await add('middle.png', 'cancelled.png', SLOW);
    const waiting = await add('small.png', 'cancelled.png', QUICK);
    const next = await add('small.png', 'next.png', QUICK);
    await running(slow);
    await cancel(queue, String(waiting.id));
    expect(await state(waiting)).toBe('unknown');
    await cancel(queue, String(slow.id));
    await expect(slow.waitUntilFinished(events)).rejects.toThrow('DIFFBIR_ABORTED');
    await next.waitUntilFinished(events, 20_000);
    expect((await fresh(slow)).attemptsMade).toBe(1);
    expect(existsSync(file('cancelled.png'))).toBe(false);
  });

  it('Ctrl-C of the producer cancels its job', async () => {
    const producer = start('bullmq/producer.mjs', ['middle.png', 'cancelled.png', JSON.stringify(SLOW)], environment());
    await producer.prints(/^\d+ %$/m);
    producer.child.kill('SIGINT');
    expect(await producer.ended).toEqual({ code: 1, signal: null });
    expect(producer.printed()).toContain('DIFFBIR_ABORTED');
  });

  it('stops the work on a job that it has lost', async () => {
    const slow = await add('middle.png', 'lost.png', SLOW);
    await running(slow);
    const client = new Redis(redis.url);
    expect(await client.del(`bull:${queue.name}:${slow.id}:lock`)).toBe(1);
    await client.quit();
    // This worker takes one job at a time: the same one again, once it has let it go.
    await until(async () => (await fresh(slow)).attemptsStarted === 2);
    await running(slow);
    await cancel(queue, String(slow.id));
    await until(async () => (await state(slow)) === 'failed');
  });

  it('SIGTERM: finishes what runs, leaves what waits, ends', async () => {
    const [first, second] = [await add('middle.png', 'first.png', {}), await add('small.png', 'second.png', QUICK)];
    await running(first);
    worker.child.kill('SIGTERM');
    expect(await worker.ended).toEqual({ code: 0, signal: null });
    expect([await state(first), await state(second)]).toEqual(['completed', 'waiting']);
    expect(existsSync(file('first.png'))).toBe(true);
    await queue.remove(String(second.id));
  });

  it('SIGTERM: gives back what takes longer than the grace period, at no cost of attempts', async () => {
    await startWorker({ GRACE: '0' });
    const slow = await add('middle.png', 'given-back.png', SLOW);
    await running(slow);
    worker.child.kill('SIGTERM');
    expect(await worker.ended).toEqual({ code: 0, signal: null });
    expect([await state(slow), (await fresh(slow)).attemptsMade]).toEqual(['waiting', 0]);
    await queue.remove(String(slow.id));
  });

  it('another worker finishes the job of one that was killed', async () => {
    await startWorker();
    const job = await add('middle.png', 'taken-over.png', {});
    await running(job);
    await worker.stop();
    await startWorker();
    await job.waitUntilFinished(events);
    expect((await fresh(job)).attemptsStarted).toBe(2);
    expect(existsSync(file('taken-over.png'))).toBe(true);
  });
});
