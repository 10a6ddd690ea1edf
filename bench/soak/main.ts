/**
 * `npm run soak [-- --jobs N] [--seed N] [--out FILE]`: many restorations with the embedded model, of mixed sizes, formats
 * and options, several at once, some aborted, some of what is no picture. Prints what the process has in memory, plots it
 * into docs/results/soak.svg, and fails where it grows by more than 1 MiB for 100 of them after the first 200. Linux.
 * It is run with a small young generation of V8, which would else grow by 16 MiB at some time or other, and stay so.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { linePlot } from '../plot';
import { row } from '../table';
import { type Sample, slope, soak } from './soak';

const WARM_UP = 200;
const MOST_GROWTH = 1; // MiB for 100 jobs

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: '1000' },
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
// Decoders keep threads for a while: their number goes up and down by a few.
for (const [what, allowed] of [
  ['files', 0],
  ['threads', 8],
] as const) {
  const [before, after] = [Math.max(...warm.slice(0, 10).map((s) => s[what])), (warm.at(-1) as Sample)[what]];
  if (after <= before + allowed) continue;
  console.error(`${what} went from ${before} to ${after}`);
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
