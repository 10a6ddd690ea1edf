/**
 * `npm run test:gpu [-- --device cuda:N] [--group TEXT] [--only TEXT] [--limit SECONDS] [--json FILE]`: everything that needs
 * a GPU to be known: kernels, networks and pictures on the device against the processor and against the reference's recordings,
 * and jobs that end early. Prints a table; goes on after a failure. Exit code 1 when a check failed, 77 where there is no GPU.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { cards } from '../../bench/gpu/cards';
import { beginOn, groupsWith, OPTIONS } from '../../bench/gpu/command';
import { SavedJson } from '../../bench/gpu/savedJson';
import { ALL, type Answer, runGroup } from '../../bench/gpu/worker';
import { setup } from '../../bench/setup';
import type { Outcome } from './outcome';

/** The most telling first: the time may not be enough for all. */
const GROUPS = [
  ...['kernels', 'networks, float32', 'golden', 'pictures', 'networks, float16', 'robustness'],
  ...['CUDA graphs, float32', 'CUDA graphs, float16', 'random numbers'],
];

const { values } = parseArgs({
  options: { ...OPTIONS, only: { type: 'string', default: '' } },
});

const over = await beginOn(values.device, values.limit);
const groups = groupsWith(values.group, GROUPS);
const names = cards().map(({ index, name, computeCapability }) => `GPU ${index}: ${name}, ${computeCapability}`);
const head = [await setup(), ...names].join('\n');
console.error(head);

interface Row extends Outcome {
  readonly group: string;
  readonly name: string;
  readonly seconds: number;
}
const rows: Row[] = [];
const json = new SavedJson(values.json);
for (const group of groups) {
  if (over.aborted) {
    add({ group, name: ALL, seconds: 0, error: over.reason, isLeftOut: true });
    continue;
  }
  const { device, only } = values;
  await runGroup<Outcome>(path.join(import.meta.dirname, 'child.ts'), group, { device, only }, { over, onAnswer: add });
}

const count = (status: Outcome['status']) => rows.filter((row) => row.status === status).length;
console.log(`\n${head}\n`);
// Failures last: a terminal shows the end.
for (const status of ['pass', 'skip', 'FAIL']) {
  for (const row of rows) if (row.status === status) console.log(line(row));
}
json.end();
const seconds = (performance.now() / 1000).toFixed(0);
console.log(`\n${count('pass')} passed, ${count('FAIL')} failed, ${count('skip')} skipped in ${seconds} s`);
// Not by itself: a child that its driver keeps must not keep this process.
process.exit(rows.length === 0 || count('FAIL') > 0 ? 1 : 0);

/** Said and saved as they come, whatever happens later. */
function add({ group, name, seconds, result, error = 'it gave no answer', isLeftOut }: Answer<Outcome>): void {
  const row: Row = { group, name, seconds, ...(result ?? { status: isLeftOut ? 'skip' : 'FAIL', note: error }) };
  rows.push(row);
  console.error(line(row));
  json.save({ head, rows });
}

function line({ status, group, name, measured = '', allowed = '', seconds, note = '' }: Row): string {
  const cells = [status, `${group}: ${name}`.padEnd(64), measured.padStart(10), allowed.padEnd(11)];
  return `${cells.join('  ')}  ${seconds.toFixed(1).padStart(5)} s  ${note}`.trimEnd();
}
