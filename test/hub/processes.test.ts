/** Several processes on one cache, and what one of them leaves when it is killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Environment, Hub } from '../../src/hub/hub';
import { withLock } from '../../src/hub/lock';
import { pullWeights } from '../../src/hub/pullWeights';
import { temporaryFolder } from '../facade/fakes';
import { content, createFakeHub, environment, type FakeHub, impatient, sha256, weight } from './fakeHub';

const NAME = 'v9.pth';
const PULL = path.join(import.meta.dirname, 'pullProcess.ts');
let fake: FakeHub;
let env: Environment;
let hub: Hub;
let file: Buffer;
beforeEach(async () => {
  fake = await createFakeHub();
  env = environment(fake);
  hub = impatient(env);
  file = content(50_000);
  fake.files.set(`org/name/${NAME}`, file);
});
afterEach(() => fake.close());

const blobs = () => readdirSync(path.join(hub.cache, 'models--org--name', 'blobs'));
const locks = () => readdirSync(path.join(hub.cache, '.locks', 'models--org--name'));
const lockFile = () => path.join(hub.cache, '.locks', 'models--org--name', `${sha256(file)}.diffbir.lock`);

function start() {
  const child = spawn(process.execPath, ['--import', 'tsx', PULL, NAME], { env: { PATH: process.env.PATH, ...env } });
  let printed = '';
  child.stdout.on('data', (text) => {
    printed += text;
  });
  const ended = new Promise<Record<string, unknown>>((resolve) => {
    child.on('close', () => resolve(JSON.parse(printed || '{}')));
  });
  return { child, ended };
}

const received = (child: ChildProcess, bytes: number) =>
  new Promise<void>((resolve) => {
    child.stderr?.on('data', (text) => {
      if (
        String(text)
          .split('\n')
          .some((line) => Number(line) >= bytes)
      )
        resolve();
    });
  });

describe('processes on one cache', () => {
  it('four at once: one downloads, all have the file', async () => {
    fake.pace = 20;
    const results = await Promise.all([start(), start(), start(), start()].map(({ ended }) => ended));
    const blob = path.join(hub.cache, 'models--org--name', 'blobs', sha256(file));
    expect(results.map((result) => result.path)).toEqual([blob, blob, blob, blob]);
    expect(readFileSync(blob).equals(file)).toBe(true);
    expect(fake.ranges()).toEqual([undefined]);
    expect([blobs(), locks()]).toEqual([[sha256(file)], []]);
  });

  it('one that is killed leaves its part, and its lock does not hold up the next', async () => {
    fake.pace = 20;
    const { child, ended } = start();
    await received(child, 10_000);
    child.kill('SIGKILL');
    await ended;
    expect([blobs(), locks()]).toEqual([[`${sha256(file)}.diffbir.incomplete`], [`${sha256(file)}.diffbir.lock`]]);
    fake.pace = 0;
    const [pulled] = await pullWeights(hub, weight(NAME), {});
    expect(readFileSync(pulled?.path ?? '').equals(file)).toBe(true);
    expect(Number(/^bytes=(\d+)-$/.exec(fake.ranges().at(-1) ?? '')?.[1])).toBeGreaterThanOrEqual(10_000);
    expect([blobs(), locks()]).toEqual([[sha256(file)], []]);
  });
});

describe('a lock', () => {
  /** As another process holds it; `mtime` in seconds from now. */
  const hold = (holder: object, mtime = 0) => {
    mkdirSync(path.dirname(lockFile()), { recursive: true });
    writeFileSync(lockFile(), JSON.stringify({ id: 'other', host: hostname(), pid: process.pid, ...holder }));
    const time = new Date(Date.now() + mtime * 1000);
    utimesSync(lockFile(), time, time);
  };
  const pull = async (options = {}) => (await pullWeights(hub, weight(NAME), options))[0];

  it.each([
    ['this clock', 0],
    ['a clock that is a year ahead', 365 * 86_400],
    ['a clock that is a year behind', -365 * 86_400],
  ])('of a living process is waited for, with %s', async (_, mtime) => {
    hub = impatient(env, { staleLockMs: 60_000 });
    hold({}, mtime);
    const signal = AbortSignal.timeout(300);
    await expect(pull({ signal })).rejects.toMatchObject({ code: 'DIFFBIR_ABORTED' });
    expect(fake.ranges()).toEqual([]);
  });

  it.each([
    ['a dead process', { pid: 2 ** 22 + 1 }, 60_000, 0],
    ['another machine that gives no sign of life', { host: 'elsewhere' }, 300, 300],
    ['a process whose number another one has now', { pid: process.pid }, 300, 300],
  ])('of %s is taken over', async (_, holder, staleLockMs, atLeast) => {
    hub = impatient(env, { staleLockMs });
    hold(holder, 365 * 86_400);
    const begin = performance.now();
    expect(await pull()).toMatchObject({ isNew: true });
    expect(performance.now() - begin).toBeGreaterThanOrEqual(atLeast);
    expect(performance.now() - begin).toBeLessThan(5000);
    expect(locks()).toEqual([]);
  });

  it('with nothing in it, of a process that died at once, is taken over', async () => {
    hub = impatient(env, { staleLockMs: 200 });
    mkdirSync(path.dirname(lockFile()), { recursive: true });
    writeFileSync(lockFile(), '');
    expect(await pull()).toMatchObject({ isNew: true });
  });

  it('lets one in at a time, and stays alive as long as the work', async () => {
    const own = path.join(temporaryFolder(), 'a.lock');
    const patient = impatient(env, { staleLockMs: 200 });
    let inside = 0;
    const work = async () => {
      expect(++inside).toBe(1);
      await new Promise((done) => setTimeout(done, 500));
      inside--;
    };
    await Promise.all([1, 2, 3].map(() => withLock(patient, own, undefined, work)));
    expect(readdirSync(path.dirname(own))).toEqual([]);
  });

  it('is let go when the work fails', async () => {
    const own = path.join(temporaryFolder(), 'a.lock');
    const patient = impatient(env, { staleLockMs: 60_000 });
    await expect(withLock(patient, own, undefined, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await withLock(patient, own, undefined, async () => 'yes')).toBe('yes');
  });
});
