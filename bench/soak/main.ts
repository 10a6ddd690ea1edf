/**
 * `npm run soak [-- --jobs N] [--seed N] [--out FILE]`: many restorations with the embedded model, of mixed sizes, formats
 * and options, several at once, some aborted, some of what is no picture. Prints what the process has in memory, plots it
 * into docs/results/soak.svg, and fails where it grows by more than 1 MiB for 100 of them after the first 100. Linux.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { linePlot } from '../plot';
import { row } from '../table';
import { type Sample, slope, soak } from './soak';

const WARM_UP = 100;
const MOST_GROWTH = 1; // MiB for 100 jobs

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '500' },
    seed: { type: 'string', default: '1' },
    out: { type: 'string', default: 'docs/results/soak.svg' },
  },
});
const jobs = Number(values.jobs);
if (!(jobs > 2 * WARM_UP))
  throw new Error(`Expected more than ${2 * WARM_UP} for --jobs: growth is measured behind a warm-up`);

console.log(row('jobs', 'resident', 'anonymous', 'javascript', 'files', 'threads'));
let printed = 0;
const print = (sample: Sample) => {
  if (sample.jobs < printed + 25 && sample.jobs < jobs) return;
  printed = sample.jobs;
  const { resident, anonymous, javascript, files, threads } = sample;
  const memory = [resident, anonymous, javascript].map((mebibytes) => mebibytes.toFixed(1));
  console.log(row(String(sample.jobs), ...memory, String(files), String(threads)));
};
const begin = performance.now();
const { samples, outcomes } = await soak(jobs, Number(values.seed), print);
const minutes = (performance.now() - begin) / 60_000;

const warm = samples.filter((sample) => sample.jobs > WARM_UP);
const growth = (of: (sample: Sample) => number) =>
  100 *
  slope(
    warm.map((s) => s.jobs),
    warm.map(of),
  );
const resident = growth((sample) => sample.resident);
console.log(`${jobs} jobs in ${minutes.toFixed(1)} min: ${JSON.stringify(outcomes)}`);
console.log(`resident memory grows by ${resident.toFixed(2)} MiB for 100 jobs after the first ${WARM_UP}`);
console.log(`anonymous memory by ${growth((sample) => sample.anonymous).toFixed(2)} MiB`);

writeFileSync(values.out, plot(samples));
console.log(`plotted into ${values.out}`);
for (const of of ['files', 'threads'] as const) {
  // Decoders keep threads for a while, so that their number goes up and down.
  const [before, after] = [samples.slice(0, -warm.length), warm.slice(-10)].map((some) => some.map((one) => one[of]));
  const [most, least] = [Math.max(...(before as number[])), Math.min(...(after as number[]))];
  if (least <= most) continue;
  console.error(`${of} went from at most ${most} to at least ${least}`);
  process.exitCode = 1;
}
if (resident > MOST_GROWTH) {
  console.error(`more than ${MOST_GROWTH} MiB for 100 jobs`);
  process.exitCode = 1;
}

function plot(all: readonly Sample[]): string {
  const x = all.map((sample) => sample.jobs);
  const top = 100 * Math.ceil(Math.max(...all.map((sample) => sample.resident)) / 100);
  const curve = (title: string, colour: string, side: 'left' | 'right', y: readonly number[]) =>
    ({ title, colour, side, x, y, range: [0, top], digits: 0 }) as const;
  const labels = [0, 1, 2, 3, 4, 5].map((fifth) => ({ at: (fifth * jobs) / 5, text: String((fifth * jobs) / 5) }));
  const title = `restorations; ${resident.toFixed(2)} MiB for 100 of them after the first ${WARM_UP}`;
  return linePlot({ title, range: [0, jobs], labels }, [
    curve(
      'resident memory, MiB',
      '#0b6bcb',
      'left',
      all.map((sample) => sample.resident),
    ),
    curve(
      'of it JavaScript',
      '#c4442b',
      'right',
      all.map((sample) => sample.javascript),
    ),
  ]);
}
