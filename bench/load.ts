/**
 * `npm run bench:load [-- --model DIR] [--threads N] [--restorers N]`: loads a model in a fresh process, once or for several
 * Restorers, and prints, for each network, the time and the memory: what the process has to itself (anonymous) and what is
 * mapped from files, which the system can take back. Of the first also the peak, sampled every few milliseconds.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Restorer } from '../src/restorer';

const { values } = parseArgs({
  options: { model: { type: 'string' }, threads: { type: 'string' }, restorers: { type: 'string', default: '1' } },
});

interface Memory {
  readonly anonymous: number;
  readonly mapped: number;
}

let peak = 0;
let rows = 0;
let last = performance.now();

console.log(row('', 'seconds', 'anonymous', 'peak', 'mapped'));
print('before');
const sampler = setInterval(sample, 5);
const restorers: Restorer[] = [];
while (restorers.length < Number(values.restorers)) {
  const begin = performance.now();
  const restorer = await Restorer.create({
    model: values.model,
    threads: values.threads === undefined ? undefined : Number(values.threads),
    onProgress: ({ step, steps }) => print(`network ${step} of ${steps}`),
  });
  print('ready');
  console.log(`${restorer.modelName}: ${((performance.now() - begin) / 1000).toFixed(2)} s`);
  restorers.push(restorer);
}
clearInterval(sampler);
for (const restorer of restorers) {
  await restorer.dispose();
  print('disposed');
}

/** MiB, from Linux's own accounts; other systems have no such split. */
function memory(): Memory {
  const status = readFileSync('/proc/self/status', 'utf8');
  const of = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) / 1024;
  return { anonymous: of('RssAnon'), mapped: of('RssFile') };
}

function sample(): void {
  peak = Math.max(peak, memory().anonymous);
}

/** A row for what was done since the last one. */
function print(name: string): void {
  sample();
  const now = performance.now();
  const { anonymous, mapped } = memory();
  const cells = [anonymous, peak, mapped].map((mebibytes) => mebibytes.toFixed(0));
  console.log(row(name, rows++ === 0 ? '' : ((now - last) / 1000).toFixed(2), ...cells));
  [last, peak] = [now, 0];
}

function row(name: string, ...cells: readonly string[]): string {
  return name.padEnd(16) + cells.map((cell) => cell.padStart(11)).join('');
}
