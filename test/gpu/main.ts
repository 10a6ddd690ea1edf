/**
 * `npm run test:gpu [-- --device cuda:N] [--group TEXT] [--only TEXT] [--limit SECONDS] [--json FILE]`: everything that needs
 * a GPU to be known: kernels, networks and pictures on the device against the processor and against the reference's recordings,
 * and jobs that end early. Prints a table; goes on after a failure. Exit code 1 when a check failed, 77 where there is no GPU.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { cards } from '../../bench/gpu/cards';
import { beginOn, OPTIONS } from '../../bench/gpu/command';
import { type Answer, NO_TIME, runGroup } from '../../bench/gpu/worker';
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

const { begin, deadline } = await beginOn(values.device, values.limit);
const names = cards().map(({ index, name, computeCapability }) => `GPU ${index}: ${name}, ${computeCapability}`);
const head = [await setup(), ...names].join('\n');
console.error(head);

interface Row extends Outcome {
  readonly group: string;
  readonly name: string;
  readonly seconds: number;
}
const rows: Row[] = [];
for (const group of GROUPS.filter((name) => name.includes(values.group))) {
  if (performance.now() > deadline) {
    add({ group, name: 'all', seconds: 0, status: 'skip', note: NO_TIME });
    continue;
  }
  const onAnswer = ({ result, error, ...rest }: Answer<Outcome>) => add({ ...rest, ...(result ?? failed(error)) });
  const { device, only } = values;
  await runGroup<Outcome>(path.join(import.meta.dirname, 'child.ts'), group, { device, only }, { deadline, onAnswer });
}

const count = (status: Outcome['status']) => rows.filter((row) => row.status === status).length;
console.log(`\n${head}\n`);
// Failures last: a terminal shows the end.
for (const status of ['pass', 'skip', 'FAIL']) {
  for (const row of rows) if (row.status === status) console.log(line(row));
}
const seconds = ((performance.now() - begin) / 1000).toFixed(0);
console.log(`\n${count('pass')} passed, ${count('FAIL')} failed, ${count('skip')} skipped in ${seconds} s`);
if (values.json) writeFileSync(values.json, `${JSON.stringify({ head, rows }, null, 2)}\n`);
process.exitCode = count('FAIL') > 0 ? 1 : 0;

/** Said as they come, too, whatever happens later. */
function add(row: Row): void {
  rows.push(row);
  console.error(line(row));
}

function line({ status, group, name, measured = '', allowed = '', seconds, note = '' }: Row): string {
  const cells = [status, `${group}: ${name}`.padEnd(64), measured.padStart(10), allowed.padEnd(11)];
  return `${cells.join('  ')}  ${seconds.toFixed(1).padStart(5)} s  ${note}`.trimEnd();
}

function failed(error = 'it gave no answer'): Outcome {
  return { status: error === NO_TIME ? 'skip' : 'FAIL', note: error };
}
