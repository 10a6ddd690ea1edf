/**
 * `npm run bench [-- --model DIR] [--size 512] [--runs 3] [--steps N]`: restores one picture several times and prints,
 * for each stage, the median time, its share and the highest resident memory seen in it.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import type { RestoreOptions } from '../src/options/RestoreOptions';
import type { RestoreResult } from '../src/restoreResult';
import { Restorer } from '../src/restorer';
import { versions } from '../src/versions';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    size: { type: 'string', default: '512' },
    runs: { type: 'string', default: '3' },
    steps: { type: 'string' },
    threads: { type: 'string' },
  },
});
const size = Number(values.size);
const options: RestoreOptions = {
  model: values.model,
  threads: values.threads === undefined ? undefined : Number(values.threads),
  steps: values.steps === undefined ? undefined : Number(values.steps),
};

/** Highest resident memory by stage: sampled while native threads work and the event loop is free. */
const peaks = new Map<string, number>();
let stage = 'load';
const sampler = setInterval(sampleMemory, 5);
function sampleMemory(): void {
  peaks.set(stage, Math.max(peaks.get(stage) ?? 0, process.memoryUsage.rss()));
}

const begin = performance.now();
const restorer = await Restorer.create(options);
const load = performance.now() - begin;
sampleMemory();

const results: RestoreResult[] = [];
for (let run = 0; run < Number(values.runs); run++) {
  stage = 'read';
  // A progress message says that a step is done: what follows belongs to the same stage or the next one.
  results.push(
    await restorer.restore(testPicture(), {
      onProgress: (progress) => {
        sampleMemory();
        stage = progress.stage;
      },
    }),
  );
  sampleMemory();
}
clearInterval(sampler);
await restorer.dispose();

const names = results[0]?.times.map((time) => time.stage) ?? [];
const times = names.map((name) => [name, median(results.map((result) => timeOf(result, name)))] as const);
const total = times.reduce((sum, [, milliseconds]) => sum + milliseconds, 0);

const { diffbir, onnxruntime } = await versions();
console.log(
  `diffbir ${diffbir}, ONNX Runtime ${onnxruntime}, Node.js ${process.version}, ${cpus().length} x ${cpus()[0]?.model}`,
);
console.log(`${restorer.modelName}: ${size} x ${size}, median of ${results.length} runs\n`);
console.log(row('stage', 'ms', 'share', 'peak MiB'));
console.log(row('load', load.toFixed(0), '', mebibytes(peaks.get('load'))));
for (const [name, milliseconds] of times) {
  console.log(
    row(name, milliseconds.toFixed(1), `${((100 * milliseconds) / total).toFixed(1)} %`, mebibytes(peaks.get(name))),
  );
}
console.log(row('total', total.toFixed(1), '100.0 %', mebibytes(process.resourceUsage().maxRSS * 1024)));

/** Smooth colours with some texture; the content does not change the time. */
function testPicture() {
  const data = Uint8Array.from({ length: size * size * 3 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % size, Math.floor(i / 3 / size)];
    return (x * 255) / size / 2 + (y * 127) / size + ((x * 7 + y * 13 + i) % 5);
  });
  return { data, width: size, height: size, channels: 3 as const };
}

function timeOf(result: RestoreResult, name: string): number {
  return result.times.filter((time) => time.stage === name).reduce((sum, { milliseconds }) => sum + milliseconds, 0);
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

function mebibytes(bytes: number | undefined): string {
  return bytes === undefined ? '' : (bytes / 2 ** 20).toFixed(0);
}

function row(name: string, ...cells: readonly string[]): string {
  return name.padEnd(8) + cells.map((cell) => cell.padStart(10)).join('');
}
