import { expect, test } from 'vitest';
import { ownReports, reportsOf } from './reports';

const race = (write: string, read: string) => `==================
WARNING: ThreadSanitizer: data race (pid=7)
  Write of size 8 at 0x7b08000c4100 by thread T12:
${write}
  Previous read of size 8 at 0x7b08000c4100 by main thread:
${read}
  Location is heap block of size 72 at 0x7b08000c4100 allocated by main thread:
    #0 [/usr/lib/libtsan.so.2] operator new(unsigned long) tsan_new_delete.cpp:64
    #1 [/build/diffbir.node] diffbir::start() job.cpp:40

  Thread T12 (tid=9, running) created by main thread at:
    #0 [/usr/lib/libtsan.so.2] pthread_create tsan_interceptors_posix.cpp:1001
    #1 [/build/diffbir.node] diffbir::start() job.cpp:41

SUMMARY: ThreadSanitizer: data race
==================
`;
const leak = (module: string) => `Direct leak of 48 byte(s) in 2 object(s) allocated from:
    #0 [/usr/lib/libasan.so.8] operator new(unsigned long) asan_new_delete.cpp:95
    #1 [${module}] make() model.cpp:4
    #2 [/build/diffbir.node] diffbir::start() job.cpp:40
`;
const frames = (...modules: string[]) =>
  modules.map((module, i) => `    #${i} [${module}] name() file.cpp:${i}\n`).join('');

const ours = '/build/diffbir.node';
const node = process.execPath;
const deletion = '/usr/lib/libtsan.so.2';
const library = '/lib/libstdc++.so.6';

test.each([
  ['our code writes', race(frames(ours, node), frames(node)), 1],
  ['our code reads', race(frames(node), frames(ours)), 1],
  ['our code has it done', race(frames(deletion, library, ours), frames(node)), 1],
  ['Node.js frees, called by our code', race(frames(deletion, node, ours), frames(node)), 0],
  ['Node.js alone', race(frames(deletion, node), frames(node)), 0],
  ['our code has forgotten memory', `${'='.repeat(65)}\n==7==ERROR: LeakSanitizer\n\n${leak(ours)}`, 1],
  ['ONNX Runtime has, called by our code', leak('/build/libdiffbir-ort.so.1'), 1],
  ['Node.js has, called by our code', leak(node), 0],
  ['a thread that was never joined', race('', '').replace('data race', 'thread leak'), 1],
])('%s', (_, report, own) => {
  expect(reportsOf(report)).toHaveLength(1);
  expect(ownReports(report)).toHaveLength(own);
});

test('reports of one log are told apart', () => {
  const log = race(frames(node), frames(node)) + race(frames(ours), frames(node)) + leak(node) + leak(ours);
  expect(reportsOf(log)).toHaveLength(4);
  expect(ownReports(log)).toEqual([expect.stringContaining('data race'), leak(ours).trimEnd()]);
});
