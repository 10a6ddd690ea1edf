import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import path from 'node:path';
import { pause } from './failures';
import type { Hub } from './hub';

/** Who holds a lock; its file has this as JSON. */
interface Holder {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
}

/**
 * Runs `work` while no other process runs under the same lock. Node.js has no `flock`: the lock is a file that is created
 * exclusively. One whose process is dead, or that has not been touched for `staleLockMs`, is taken over.
 * Rejects with AbortError while it waits, and with the error of the file system.
 */
export async function withLock<T>(
  hub: Hub,
  file: string,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  await mkdir(path.dirname(file), { recursive: true });
  const id = randomUUID();
  await acquire(hub, file, id, signal);
  // A sign of life; not a reason for the process to stay.
  const touch = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => {});
  }, hub.staleLockMs / 4).unref();
  try {
    return await work();
  } finally {
    clearInterval(touch);
    if ((await holderOf(file))?.id === id) await rm(file, { force: true });
  }
}

async function acquire(hub: Hub, file: string, id: string, signal: AbortSignal | undefined): Promise<void> {
  // Signs of life are compared with each other alone: the clocks of two machines may differ.
  let seen = { sign: '', since: performance.now() };
  for (let wait = 20; !(await create(file, id)); wait = Math.min(wait * 1.5, 500)) {
    const holder = await holderOf(file);
    const sign = `${holder?.id} ${(await stat(file).catch(() => undefined))?.mtimeMs}`;
    if (sign !== seen.sign) seen = { sign, since: performance.now() };
    if (isDead(holder) || performance.now() - seen.since > hub.staleLockMs) await takeAway(file, holder);
    else await pause(wait, signal);
  }
}

async function create(file: string, id: string): Promise<boolean> {
  const holder: Holder = { id, host: hostname(), pid: process.pid };
  try {
    const handle = await open(file, 'wx');
    await handle.writeFile(JSON.stringify(holder)).finally(() => handle.close());
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function holderOf(file: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch {
    // Gone by now, or not written yet.
    return undefined;
  }
}

function isDead(holder: Holder | undefined): boolean {
  if (holder?.host !== hostname() || !Number.isInteger(holder.pid)) return false;
  try {
    process.kill(holder.pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Others may have done the same meanwhile: what is moved away must still be the lock that was found stale. */
async function takeAway(file: string, stale: Holder | undefined): Promise<void> {
  const away = `${file}.${randomUUID()}`;
  try {
    await rename(file, away);
    const moved = await holderOf(away);
    if (moved?.id !== stale?.id) await link(away, file);
  } catch (error) {
    // Another was faster: the lock is gone, or a new one is there.
    if (!['ENOENT', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    await rm(away, { force: true });
  }
}
