// What else lives in the process: the garbage collector, and another ONNX Runtime.
import { expect, test } from 'vitest';
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
