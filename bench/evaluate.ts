/**
 * `npm run evaluate [-- --photos DIR] [--model DIR] [--baseline FILE] [--out docs/results] [--seed 1] [--limit N]`:
 * degrades every photograph of a folder at three fixed strengths, restores it with stage 1 alone and, where the model has
 * them, with both stages, and writes a table (`evaluation.md`), all numbers (`evaluation.json`) and a contact sheet for
 * each strength, and for both stages what the guidance scale does, on every second photograph at medium strength (`guidance.svg`).
 *
 * Photographs are those beside the repository's `shared` folder, else the sample of the examples. The baseline is
 * Real-ESRGAN's compact network with its own weights; without the file it is left out.
 */
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { compare } from '../src/compare';
import { degrade } from '../src/degrade';
import { decode } from '../src/image/decode';
import { resolveOptions } from '../src/options/resolve';
import { versions } from '../src/versions';
import { contactSheet } from './evaluation/contactSheet';
import { guidancePlot, sweepGuidance } from './evaluation/guidance';
import { BOTH, type Method, openMethods, type Pixels, pixelsOf, STAGE1 } from './evaluation/methods';
import { type Measurement, report } from './evaluation/report';

const root = path.resolve(import.meta.dirname, '..');
const { values } = parseArgs({
  options: {
    photos: { type: 'string', default: path.join(root, '../shared/photos') },
    model: { type: 'string' },
    baseline: { type: 'string', default: path.join(root, '../shared/weights/realesr-general-x4v3-compact.pth') },
    out: { type: 'string', default: path.join(root, 'docs/results') },
    seed: { type: 'string', default: '1' },
    limit: { type: 'string', default: '1000' },
  },
});
const STRENGTHS = ['mild', 'medium', 'heavy'] as const;

const folder = existsSync(values.photos) ? values.photos : path.join(root, 'examples/sample');
const files = readdirSync(folder)
  .filter((file) => /\.(png|tiff?|webp)$/i.test(file))
  .sort()
  .slice(0, Number(values.limit));

const methods = await openMethods(values.model, values.baseline);
const measurements: Measurement[] = [];
const sheets: string[] = [];
const forGuidance: Pixels[] = [];
mkdirSync(values.out, { recursive: true });
for (const strength of STRENGTHS) {
  const rows: Pixels[][] = [];
  for (const [i, file] of files.entries()) {
    const original = await photograph(path.join(folder, file));
    const degraded = pixelsOf(await degrade(original, strength, { seed: Number(values.seed) + i }));
    if (strength === 'medium' && i % 2 === 0) forGuidance.push(degraded);
    rows.push([...(await evaluate(original, degraded, path.parse(file).name, strength)), original]);
  }
  const sheet = `contact-${strength}.jpg`;
  writeFileSync(
    path.join(values.out, sheet),
    await contactSheet([...methods.map(({ name }) => name), 'original'], rows),
  );
  sheets.push(sheet);
}
const hasBoth = methods.some(({ name }) => name === BOTH);
const guidance = hasBoth ? await sweepGuidance(values.model, forGuidance) : [];
if (hasBoth) writeFileSync(path.join(values.out, 'guidance.svg'), guidancePlot(guidance));
await Promise.all(methods.map((method) => method.dispose()));
writeFileSync(path.join(values.out, 'evaluation.md'), report(measurements, { setup: await setup(), sheets, guidance }));
writeFileSync(path.join(values.out, 'evaluation.json'), `${JSON.stringify(measurements)}\n`);
console.log(`${path.relative(process.cwd(), values.out)}/evaluation.md: ${measurements.length} measurements`);

/** Runs every method on one degraded picture and measures the results. */
async function evaluate(original: Pixels, degraded: Pixels, picture: string, strength: string): Promise<Pixels[]> {
  const results: Pixels[] = [];
  let stage1: Pixels | undefined;
  for (const method of methods) {
    const { result, milliseconds } = await timed(method, degraded);
    const comparison = await compare(original, result);
    if (method.name === STAGE1) stage1 = result;
    const shiftFromStage1 = stage1 ? meanDifference(stage1.data, result.data) : [];
    measurements.push({ picture, strength, method: method.name, milliseconds, comparison, shiftFromStage1 });
    console.log(
      `${strength} ${picture} ${method.name}: ${comparison.psnr.toFixed(2)} dB, ${milliseconds.toFixed(0)} ms`,
    );
    results.push(result);
  }
  return results;
}

/** Of b - a in R, G and B. */
function meanDifference(a: Uint8Array, b: Uint8Array): number[] {
  const sums = [0, 0, 0];
  for (let i = 0; i < a.length; i++) sums[i % 3] = (sums[i % 3] as number) + (b[i] as number) - (a[i] as number);
  return sums.map((sum) => (3 * sum) / a.length);
}

async function timed(method: Method, degraded: Pixels): Promise<{ result: Pixels; milliseconds: number }> {
  const begin = performance.now();
  const result = await method.run(degraded);
  return { result, milliseconds: performance.now() - begin };
}

async function photograph(file: string): Promise<Pixels> {
  const { rgb, width, height } = await decode(file, { ...resolveOptions(), keepMetadata: false });
  return { data: rgb, width, height, channels: 3 };
}

async function setup(): Promise<string> {
  const { diffbir, onnxruntime } = await versions();
  const [cpu] = cpus();
  return (
    `${files.length} photographs; picture number n gets the seed ${values.seed} + n. diffbir ${diffbir}, ONNX Runtime ` +
    `${onnxruntime}, Node.js ${process.version}, ${cpus().length} x ${cpu?.model}; the machine had other work.`
  );
}
