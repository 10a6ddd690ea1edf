// What else lives in the process: the garbage collector, and another ONNX Runtime.
import { copyFileSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { nativeFiles } from '../../src/native/loadBinding';
import { temporaryFolder } from '../facade/fakes';
import { runFixture } from './fixture';
import { CLEANER_FILE } from './model';

test.runIf(process.platform === 'linux').each(['idle', 'running'])(
  'a model that was dropped without dispose() while %s is freed',
  async (when) => {
    const ended = await runFixture('collect', [when, CLEANER_FILE], { nodeOptions: ['--expose-gc'] });
    expect(ended).toEqual({ code: 0, signal: null, stderr: '', stdout: '{"freed":true,"width":64}\n' });
  },
);

test.each([
  ['before', [42, 64, 42]],
  ['after', [64, 42, 64]],
])('onnxruntime-node loaded %s ours works, and so does ours', async (order, answers) => {
  const { code, stdout, stderr } = await runFixture('neighbour', [order]);
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `${JSON.stringify(answers)}\n`, stderr: '' });
});

test('processes that are started while a model runs, by fork() and by cluster, work by themselves', async () => {
  const ended = await runFixture('forked');
  expect(ended).toEqual({ code: 0, signal: null, stderr: '', stdout: '[[64,64],[0,0]]\n' });
});

test('two copies of the package in one process run side by side', async () => {
  const { addon, runtime } = nativeFiles();
  const folders = ['a', 'b'].map((name) => {
    const folder = path.join(temporaryFolder(), name);
    mkdirSync(folder);
    copyFileSync(addon, path.join(folder, 'diffbir.node'));
    copyFileSync(runtime, path.join(folder, 'runtime'));
    return folder;
  });
  const { stdout, ...ended } = await runFixture('copies', folders);
  expect(ended).toEqual({ code: 0, signal: null, stderr: '' });
  const answers = {
    counts: [
      [6, 6],
      [0, 6],
    ],
    same: true,
    width: 64,
  };
  expect(JSON.parse(stdout)).toEqual(answers);
});

test.runIf(process.platform === 'linux')('ONNX Runtime keeps and sends no account of its use', async () => {
  // Without what would have kept it from it anyway.
  const { CI: _, ORT_DISABLE_TELEMETRY: __, ORT_RUNNING_UNIT_TESTS: ___, XDG_CACHE_HOME: ____, ...rest } = process.env;
  const ended = await runFixture('telemetry', [], { env: { ...rest, HOME: temporaryFolder() } });
  expect(ended).toEqual({ code: 0, signal: null, stderr: '', stdout: '{"files":[],"mapped":[]}\n' });
});
