/**
 * `npm run full-size -- DIR [v2.1|v2|v1] [--half] [--seed N]`: writes a model with random numbers in the official files,
 * keys and sizes to DIR/VERSION, to measure loading, memory and time with where the published weights are not at hand.
 */
import { copyFileSync, mkdirSync, readFileSync, statfsSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { MANIFEST_FILE } from '../../src/models/manifest';
import { packageRoot } from '../../src/packageRoot';
import { product, type TensorPlan } from './layout';
import { filesOf } from './models';
import { sizeOf, type TorchFileOptions, writeTorchFile } from './torchFile';

const { values, positionals } = parseArgs({
  options: { half: { type: 'boolean', default: false }, seed: { type: 'string', default: '231' } },
  allowPositionals: true,
});
const [dir, version = 'v2.1'] = positionals;
if (dir === undefined) throw new Error('Expected the folder to write to: npm run full-size -- DIR [v2.1|v2|v1]');

const source = path.join(packageRoot(), 'models', version, MANIFEST_FILE);
const files = filesOf(JSON.parse(readFileSync(source, 'utf8')));
const options: TorchFileOptions = { dtype: values.half ? 'float16' : 'float32', seed: Number(values.seed) };
const folder = path.join(dir, version);
mkdirSync(folder, { recursive: true });
requireSpace(
  folder,
  [...files.values()].reduce((sum, { tensors }) => sum + sizeOf(tensors, options), 0),
);

copyFileSync(source, path.join(folder, MANIFEST_FILE));
for (const [file, { tensors, wrapper }] of files) {
  const begin = performance.now();
  writeTorchFile(path.join(folder, file), tensors, { ...options, wrapper });
  const seconds = (performance.now() - begin) / 1000;
  const megabytes = sizeOf(tensors, options) / 1e6;
  console.log(`${file}: ${tensors.length} tensors, ${megabytes.toFixed(1)} MB, ${seconds.toFixed(1)} s`);
  for (const [part, count] of parametersByPart(tensors))
    console.log(`  ${part.padEnd(24)} ${count.toLocaleString('en')}`);
}
console.log(`highest resident memory ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`);

function requireSpace(where: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(where);
  const free = bavail * bsize;
  const spare = 1 << 28;
  if (free > bytes + spare) return;
  throw new Error(`${where} has ${(free / 1e9).toFixed(1)} GB free, the model needs ${(bytes / 1e9).toFixed(1)} GB`);
}

/** Parameters of each network of a file: what stands before the first `model.` of official keys, without buffers. */
function parametersByPart(tensors: readonly TensorPlan[]): Map<string, number> {
  const parts = new Map<string, number>();
  for (const { name, shape, dtype } of tensors) {
    if (dtype || name.endsWith('attn_mask')) continue;
    const [part = 'network'] = /^(model\.diffusion_model|first_stage_model|cond_stage_model)/.exec(name) ?? [];
    parts.set(part, (parts.get(part) ?? 0) + product(shape));
  }
  return parts;
}
