/**
 * `npm run bench [-- --model DIR] [--size 512] [--runs 3] [--steps N]`: restores one picture several times and prints,
 * for each stage, the median time, its share and the highest resident memory seen in it. With `--full`: bench/full/main.ts.
 */
import { parseArgs } from 'node:util';
import { measurePicture } from './picture';
import { setup } from './setup';
import { percent, row } from './table';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    size: { type: 'string', default: '512' },
    runs: { type: 'string', default: '3' },
    steps: { type: 'string' },
    threads: { type: 'string' },
  },
});
const numberOf = (value: string | undefined) => (value === undefined ? undefined : Number(value));
const options = { model: values.model, threads: numberOf(values.threads), steps: numberOf(values.steps) };
const found = await measurePicture(options, Number(values.size), Number(values.runs));

console.log(await setup());
console.log(`${found.model}: ${values.size} x ${values.size}, median of ${values.runs} runs\n`);
console.log(row('stage', 'ms', 'share', 'peak MiB'));
for (const { name, seconds, peak } of found.stages) {
  const share = name === 'load' ? '' : percent(seconds / found.seconds);
  console.log(row(name, (1000 * seconds).toFixed(1), share, peak.resident.toFixed(0)));
}
console.log(row('total', (1000 * found.seconds).toFixed(1), percent(1), found.peak.resident.toFixed(0)));
