// The end of a process or a worker in the middle of a run is quick, with the right exit code and nothing on stderr.
import { describe, expect, test } from 'vitest';
import { runFixture } from './fixture';

const clean = { code: 0, signal: null, stderr: '' };

describe('a process', () => {
  test.each([
    'process.exit',
    'process.exit while loading',
    'process.exit while a worker runs',
    'a job from an exit listener',
  ])('ends at once by %s', async (way) => {
    expect(await runFixture('exit', [way])).toEqual({ ...clean, code: 7, stdout: '' });
  });

  test.each(['uncaught exception', 'unhandled rejection'])('ends as usual by an %s', async (way) => {
    const { code, signal, stderr } = await runFixture('exit', [way]);
    expect({ code, signal }).toEqual({ code: 1, signal: null });
    expect(stderr).toContain('Error: thrown by the fixture');
    expect(stderr).not.toMatch(/terminate called|napi|FATAL|onnxruntime/i);
  });

  test.skipIf(process.platform === 'win32').each(['SIGINT', 'SIGTERM'] as const)('ends by %s', async (signal) => {
    const ended = await runFixture('exit', ['a signal'], { whenRunning: (pid) => process.kill(pid, signal) });
    expect(ended).toEqual({ ...clean, code: null, signal, stdout: 'running\n' });
  });
});

describe('workers', () => {
  const exitCodes = async (way: string, count: number, end: 'terminate' | 'wait') => {
    const { stdout, ...ended } = await runFixture('workers', [way, String(count), end]);
    expect(ended).toEqual(clean);
    return JSON.parse(stdout);
  };

  test('eight at once load the addon, restore, and leave their models behind', async () => {
    expect(await exitCodes('finish and leave the model', 8, 'wait')).toEqual(Array(8).fill(0));
  });

  test.each(['run', 'run on two models at once', 'run and loop forever in the progress callback', 'load'])(
    'terminate() in: %s',
    async (way) => {
      expect(await exitCodes(way, 3, 'terminate')).toEqual([1, 1, 1]);
    },
  );

  test('share the networks of a model, which go with the last of them', async () => {
    const ended = await runFixture('sharing');
    expect(ended).toEqual({ ...clean, stdout: '[6,6,64,0]\n' });
  });

  test('process.exit() in a worker ends that worker alone', async () => {
    expect(await exitCodes('run and exit', 2, 'wait')).toEqual([5, 5]);
  });
});
