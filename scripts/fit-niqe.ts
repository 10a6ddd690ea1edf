/**
 * `tsx scripts/fit-niqe.ts [FOLDER]` fits the model of NIQE to the photographs of a folder (default: those that
 * `training/fetch_photos.py` brings, grade A alone) and writes it to assets/niqe.json.
 *
 * As in the paper, a patch counts when its sharpness is above 3/4 of the largest of its picture; here the model is the
 * mean and the covariance of the features of all such patches. The photographs for evaluation must not be among them.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { decode } from '../src/image/decode';
import { loadBinding } from '../src/native/loadBinding';
import { NIQE_FILE, type NiqeFile } from '../src/niqeModel';
import { resolveOptions } from '../src/options/resolve';

const FEATURES = 36;
const SHARP = 0.75;

const root = path.resolve(import.meta.dirname, '..');
const folder = path.resolve(process.argv[2] ?? path.join(root, 'training/data/photos'));

const rows: Float64Array[] = [];
const files = photographs();
for (const file of files) {
  const { rgb, width, height } = await decode(path.join(folder, file), { ...resolveOptions(), keepMetadata: false });
  const { features, sharpness } = await loadBinding().niqePatches({ data: rgb, width, height }).promise;
  const threshold = SHARP * Math.max(...sharpness);
  sharpness.forEach((value, patch) => {
    if (value > threshold) rows.push(features.slice(patch * FEATURES, (patch + 1) * FEATURES));
  });
}

const mean = Array.from({ length: FEATURES }, (_, i) => average((row) => at(row, i)));
const covariance = mean.flatMap((_, i) => mean.slice(0, i + 1).map((_, j) => covarianceOf(i, j)));
const model: NiqeFile = {
  origin: `Fitted by scripts/fit-niqe.ts to ${rows.length} sharp patches of 96 x 96 pixels from ${files.length} training photographs (training/README.md)`,
  mean: mean.map(rounded),
  covariance: covariance.map(rounded),
};
writeFileSync(path.join(root, NIQE_FILE), `${JSON.stringify(model)}\n`);
console.log(`${NIQE_FILE}: ${model.origin}`);

/** Those of grade A where the folder has an index, else all. */
function photographs(): string[] {
  const index = path.join(folder, 'index.json');
  if (!existsSync(index)) return readdirSync(folder).filter((file) => /\.(png|jpe?g|webp)$/i.test(file));
  const entries = JSON.parse(readFileSync(index, 'utf8')) as { file: string; grade: string }[];
  return entries.filter(({ grade }) => grade === 'A').map(({ file }) => file);
}

function covarianceOf(i: number, j: number): number {
  const [a, b] = [mean[i] as number, mean[j] as number];
  return average((row) => (at(row, i) - a) * (at(row, j) - b)) * (rows.length / (rows.length - 1));
}

function average(value: (row: Float64Array) => number): number {
  return rows.reduce((sum, row) => sum + value(row), 0) / rows.length;
}

function at(row: Float64Array, i: number): number {
  return row[i] as number;
}

function rounded(value: number): number {
  return Number(value.toPrecision(9));
}
