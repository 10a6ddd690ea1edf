/** CPU quotas of cgroups, read from files as Linux shows them. */

import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { cpuQuota, defaultThreads } from '../../src/cpuQuota';
import { OPTIONS } from '../../src/options/table';
import { temporaryFolder } from '../facade/fakes';

/** A folder that stands for `/`, with these files. */
function root(files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  return folder;
}

const quota = (files: Readonly<Record<string, string>>) => cpuQuota(root(files));
const V1 = '5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/docker/abc\n';

describe('cpuQuota', () => {
  it.each([
    ['version 2, in a container', { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/cpu.max': '150000 100000\n' }, 1.5],
    ['version 2 without a limit', { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/cpu.max': 'max 100000\n' }, Infinity],
    ['version 2 of a machine, whose root has no such file', { 'proc/self/cgroup': '0::/\n' }, Infinity],
    [
      'version 2: the lowest on the way up',
      {
        'proc/self/cgroup': '0::/user.slice/app.service\n',
        'sys/fs/cgroup/user.slice/cpu.max': '200000 100000\n',
        'sys/fs/cgroup/user.slice/app.service/cpu.max': '400000 100000\n',
      },
      2,
    ],
    [
      "version 2, the host's path in a container: the mounted root counts",
      { 'proc/self/cgroup': '0::/system.slice/docker-abc.scope\n', 'sys/fs/cgroup/cpu.max': '50000 100000\n' },
      0.5,
    ],
    [
      'version 1',
      {
        'proc/self/cgroup': V1,
        'sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us': '300000\n',
        'sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us': '100000\n',
      },
      3,
    ],
    [
      'version 1, mounted by the name of one controller',
      {
        'proc/self/cgroup': V1,
        'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '25000\n',
        'sys/fs/cgroup/cpu/cpu.cfs_period_us': '50000\n',
      },
      0.5,
    ],
    [
      'version 1 without a limit',
      {
        'proc/self/cgroup': V1,
        'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '-1\n',
        'sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
      },
      Infinity,
    ],
    [
      'cpuset and cpuacct are not cpu',
      {
        'proc/self/cgroup': '3:cpuset:/\n2:cpuacct:/\n',
        'sys/fs/cgroup/cpu/cpu.cfs_quota_us': '100000\n',
        'sys/fs/cgroup/cpu/cpu.cfs_period_us': '100000\n',
      },
      Infinity,
    ],
    ['nonsense', { 'proc/self/cgroup': 'no\n::\n0::/\n', 'sys/fs/cgroup/cpu.max': 'many of them\n' }, Infinity],
    ['a period of 0', { 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/cpu.max': '0 0\n' }, Infinity],
    ['no cgroups: another system', {}, Infinity],
  ])('%s', (_, files, expected) => {
    expect(quota(files)).toBe(expected);
  });
});

describe('threads', () => {
  it.each([
    [8, '150000 100000', 2],
    [8, '200000 100000', 2],
    [8, '10000 100000', 1],
    [2, '800000 100000', 2],
    [8, 'max 100000', 8],
  ])('%i processors and a quota of %s: %i', (available, max, threads) => {
    const folder = root({ 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/cpu.max': max });
    expect(defaultThreads(available, folder)).toBe(threads);
  });

  it('are those of this machine by default', () => {
    expect(OPTIONS.threads.default).toBe(defaultThreads());
    expect(OPTIONS.threads.default).toBeLessThanOrEqual(cpus().length);
  });
});
