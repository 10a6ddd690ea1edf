import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';

/**
 * Processors that this process may use: those that the system gives it (os.availableParallelism()), or as many as its
 * CPU quota is worth, rounded up so that all of it is used. Node.js 20 does not look at the quota.
 * @param root where `proc` and `sys` are, for tests
 */
export function defaultThreads(available = availableParallelism(), root = '/'): number {
  return Math.max(1, Math.min(available, Math.ceil(cpuQuota(root))));
}

/** Processors' worth of time that the cgroups of this process have (Linux); Infinity where there is no limit. */
export function cpuQuota(root = '/'): number {
  const groups = readText(path.join(root, 'proc/self/cgroup')) ?? '';
  return Math.min(...groups.split('\n').map((line) => quotaOf(line, path.join(root, 'sys/fs/cgroup'))));
}

/** Of one line of /proc/self/cgroup: `hierarchy:controllers:path`, without controllers in version 2. */
function quotaOf(line: string, mount: string): number {
  const [, controllers, group] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
  if (controllers === undefined || group === undefined) return Number.POSITIVE_INFINITY;
  if (controllers === '') return lowest(mount, group, quotaOfVersion2);
  if (!controllers.split(',').includes('cpu')) return Number.POSITIVE_INFINITY;
  return Math.min(...[controllers, 'cpu'].map((name) => lowest(path.join(mount, name), group, quotaOfVersion1)));
}

/**
 * The lowest quota from a group up to the root: each bounds what is below it. In a container without a namespace of its
 * own the path is the host's and leads nowhere, but the mounted root is the container's.
 */
function lowest(mount: string, group: string, read: (folder: string) => number): number {
  const names = group.split('/').filter((name) => name !== '' && name !== '..');
  return Math.min(...[0, ...names].map((_, depth) => read(path.join(mount, ...names.slice(0, depth)))));
}

/** cpu.max: `QUOTA PERIOD` in microseconds, or `max PERIOD`. */
function quotaOfVersion2(folder: string): number {
  const [quota, period] = (readText(path.join(folder, 'cpu.max')) ?? '').trim().split(/\s+/);
  return ratio(quota, period);
}

/** Microseconds; a quota of -1 is none. */
function quotaOfVersion1(folder: string): number {
  return ratio(readText(path.join(folder, 'cpu.cfs_quota_us')), readText(path.join(folder, 'cpu.cfs_period_us')));
}

/** Infinity for anything that is no quota. */
function ratio(quota: string | undefined, period: string | undefined): number {
  const value = Number(quota) / Number(period);
  return value > 0 ? value : Number.POSITIVE_INFINITY;
}

/** Undefined where there is no such file, or it may not be read: then there is no limit that we could know of. */
function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
