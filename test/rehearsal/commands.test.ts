/** `npm run bench:gpu` on a GPU that is rehearsed: its times mean nothing, but there is one for all that it has. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import type { Result } from '../../bench/gpu/report';
import { packageRoot } from '../../src/packageRoot';
import { isBuilt, variables } from './hook';

it.skipIf(!isBuilt)('bench:gpu measures everything on a GPU that is rehearsed', () => {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'diffbir-rehearsal-')), 'times.json');
  const main = path.join(packageRoot(), 'bench', 'gpu', 'main.ts');
  const { status, stdout } = spawnSync(process.execPath, ['--import', 'tsx', main, '--quick', '--json', file], {
    cwd: packageRoot(),
    env: { ...process.env, ...variables },
    encoding: 'utf8',
  });
  expect({ status, stdout }).toEqual({ status: 0, stdout: expect.stringMatching(/s altogether\n$/) });
  const { results } = JSON.parse(readFileSync(file, 'utf8')) as { results: Result[] };
  expect(new Set(results.map(({ group }) => group)).size).toBe(10);
  expect(results.filter(({ measured }) => !((measured?.best ?? 0) > 0))).toEqual([]);
});
