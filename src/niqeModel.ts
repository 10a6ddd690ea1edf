import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { NiqeModel } from './native/metrics';
import { packageRoot } from './packageRoot';

/** Where the fitted model lies; `scripts/fit-niqe.ts` writes it. */
export const NIQE_FILE = 'assets/niqe.json';

/** The file: features' mean, and the covariance's lower triangle row by row. `origin` says what it was fitted to. */
export interface NiqeFile {
  readonly origin: string;
  readonly mean: readonly number[];
  readonly covariance: readonly number[];
}

let model: Promise<NiqeModel> | undefined;

/** The model of NIQE that ships with the package; read once. */
export function niqeModel(): Promise<NiqeModel> {
  model ??= read().catch((error) => {
    model = undefined;
    throw error;
  });
  return model;
}

async function read(): Promise<NiqeModel> {
  const file = JSON.parse(await readFile(path.join(packageRoot(), NIQE_FILE), 'utf8')) as NiqeFile;
  const n = file.mean.length;
  const covariance = new Float64Array(n * n);
  for (let i = 0, at = 0; i < n; i++) {
    for (let j = 0; j <= i; j++, at++) {
      covariance[i * n + j] = covariance[j * n + i] = file.covariance[at] as number;
    }
  }
  return { mean: Float64Array.from(file.mean), covariance };
}
