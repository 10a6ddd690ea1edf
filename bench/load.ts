/**
 * `npm run bench:load [-- --model DIR] [--threads N] [--restorers N]`: loads a model in a fresh process, once or for several
 * Restorers, and prints, for each network, the time and the memory: what the process has to itself (anonymous) and what is
 * mapped from files, which the system can take back. Of the first also the peak, sampled every few milliseconds.
 */
import { parseArgs } from 'node:util';
import { Restorer } from '../src/restorer';
import { memoryOf, PeakMemory } from './memory';
import { row } from './table';

const { values } = parseArgs({
  options: { model: { type: 'string' }, threads: { type: 'string' }, restorers: { type: 'string', default: '1' } },
});

const peak = new PeakMemory('self');
let rows = 0;
let last = performance.now();

console.log(row('', 'seconds', 'anonymous', 'peak', 'mapped'));
print('before');
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
for (const restorer of restorers) {
  await restorer.dispose();
  print('disposed');
}
peak.stop();

/** A row for what was done since the last one. */
function print(name: string): void {
  const now = performance.now();
  const { anonymous, mapped } = memoryOf('self');
  const cells = [anonymous, peak.take().anonymous, mapped].map((mebibytes) => mebibytes.toFixed(0));
  console.log(row(name, rows++ === 0 ? '' : ((now - last) / 1000).toFixed(2), ...cells));
  last = now;
}
