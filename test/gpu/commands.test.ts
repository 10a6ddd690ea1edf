// The two commands that need a GPU, where there is none; and that test:gpu sees what is wrong, with the processor in the GPU's place.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { expect, test } from 'vitest';
import { loadBinding } from '../../src/native/loadBinding';

const ROOT = path.resolve(import.meta.dirname, '../..');
const hasGpu = (loadBinding().devices?.().devices.length ?? 0) > 0;

function command(name: string, ...words: string[]) {
  const args = ['--import', 'tsx', path.join(ROOT, name, 'gpu', 'main.ts'), ...words];
  const { status, stdout } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  return { status, stdout };
}

test.each(['test', 'bench'])('%s:gpu says why there is no GPU', { skip: hasGpu }, (name) => {
  expect(command(name)).toEqual({ status: 77, stdout: expect.stringMatching(/^no CUDA device: .+\n$/) });
});

test('test:gpu passes what is right', () => {
  const { status, stdout } = command('test', '--device', 'cpu', '--group', 'CUDA graphs, float32', '--only', 'decoder');
  expect(stdout).toMatch(/2 passed, 0 failed, 0 skipped/);
  expect(status).toBe(0);
});

test('test:gpu fails where nodes are not on a GPU, and goes on', () => {
  const { status, stdout } = command('test', '--device', 'cpu', '--group', 'networks, float32', '--only', 'SRVGG');
  expect(stdout).toMatch(/^FAIL .* SRVGG: nodes .* 0 nodes on the GPU, on the processor .*\d Conv/m);
  expect(stdout).toMatch(/2 passed, 1 failed, 0 skipped/);
  expect(status).toBe(1);
});
