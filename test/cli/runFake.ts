import { runCli } from '../../src/cli/runCli';
import { type FakeNative, fakeRestorer } from '../facade/fakes';

/** Runs a command line on a native binding of JavaScript, and collects what it prints. */
export async function runFake(fake: FakeNative, ...argv: readonly string[]) {
  const printed = { stdout: '', stderr: '' };
  const write = (stream: 'stdout' | 'stderr') => (text: string) => {
    printed[stream] += text;
  };
  const code = await runCli({
    argv,
    terminal: { stdout: { write: write('stdout') }, stderr: { write: write('stderr'), isTTY: false }, env: {} },
    signal: new AbortController().signal,
    createRestorer: (options) => fakeRestorer(fake, options),
  });
  return { code, ...printed };
}
