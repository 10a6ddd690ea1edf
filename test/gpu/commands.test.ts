// The two commands that need a GPU, where there is none; and that test:gpu sees what is wrong, with the processor in the GPU's place.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { loadBinding } from '../../src/native/loadBinding';
import { temporaryFolder } from '../checkpoint/build';

const ROOT = path.resolve(import.meta.dirname, '../..');
const hasGpu = (loadBinding().devices?.().devices.length ?? 0) > 0;

const folder = temporaryFolder();

const argsOf = (name: string, words: string[]) => [
  '--import',
  'tsx',
  path.join(ROOT, name, 'gpu', 'main.ts'),
  ...words,
];

function command(name: string, ...words: string[]) {
  const { status, stdout } = spawnSync(process.execPath, argsOf(name, words), { cwd: ROOT, encoding: 'utf8' });
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

test.each(['test', 'bench'])('%s:gpu has no success with a name that nothing has', (name) => {
  expect(command(name, '--device', 'cpu', '--group', 'networks, float16', '--only', 'nothing').status).toBe(1);
});

test('bench:gpu measures', () => {
  const file = path.join(folder, 'done.json');
  const words = ['--group', 'networks, float16, CUDA graphs', '--only', '1 x 1', '--quick', '--json', file];
  const networks = command('bench', '--device', 'cpu', ...words);
  expect(networks.stdout).toMatch(/^UNet, 1 x 1, float16, CUDA graphs +[\d.]+ +[\d.]+ +2 /m);
  expect(networks.status).toBe(0);
  const { results, left } = JSON.parse(readFileSync(file, 'utf8'));
  expect(results).toMatchObject([{ name: 'UNet, 1 x 1' }, { name: 'ControlNet, 1 x 1', measured: { runs: 2 } }]);
  expect(left).toEqual([]);
});

test('bench:gpu goes on after an error', () => {
  // On the processor float16 is none of a picture's precisions.
  const pictures = command('bench', '--device', 'cpu', '--group', 'small pictures, float16, CUDA graphs');
  expect(pictures.stdout.match(/^512 x 512, \d+ steps, .*: FAILED: DIFFBIR_INVALID_OPTION: .+$/gm)).toHaveLength(2);
  expect(pictures.status).toBe(1);
});

test('bench:gpu that is interrupted says what it left out', async () => {
  const file = path.join(folder, 'interrupted.json');
  const words = ['--device', 'cpu', '--group', 'small pictures, float32', '--json', file];
  const bench = spawn(process.execPath, argsOf('bench', words), { cwd: ROOT });
  const said = text(bench.stdout);
  await once(bench.stderr, 'data');
  bench.kill('SIGTERM');
  const [status] = await once(bench, 'exit');
  expect(await said).toMatch(/Left out, since SIGTERM came:\nsmall pictures, float32, CUDA: /);
  expect(status).toBe(1);
  expect(JSON.parse(readFileSync(file, 'utf8')).left.length).toBeGreaterThan(0);
});
