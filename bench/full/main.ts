/**
 * `npm run bench -- --full [--model DIR] [--threads N] [--runs 3] [--profile] [--no-pictures] [--json FILE]`: the rates of
 * plain matrix products and convolutions as ONNX Runtime runs them, and against them every network of a model at 512 x 512
 * pixels; then a picture of that size in 10 steps at every precision and speed. Each measurement is made in a fresh process.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { internals } from '../../src/internals';
import { embeddedModel, openModel } from '../../src/loadModel';
import { resolveOptions } from '../../src/options/resolve';
import type { PictureRun } from '../picture';
import { setup } from '../setup';
import { inChild } from './inChild';
import { networkTasks, PRECISIONS, SIDE } from './plan';
import type { Profile } from './profile';
import {
  LAYERS_HEAD,
  layerRow,
  NETWORKS_HEAD,
  type NetworkResult,
  networkResult,
  networkRow,
  pictureTable,
  profileTable,
  rateOf,
} from './report';

const { values } = parseArgs({
  options: {
    full: { type: 'boolean' },
    model: { type: 'string', default: embeddedModel() },
    threads: { type: 'string', default: String(availableParallelism()) },
    runs: { type: 'string', default: '3' },
    profile: { type: 'boolean', default: false },
    'no-pictures': { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});
const threads = Number(values.threads);
const runs = Number(values.runs);
const STEPS = 10;
const SPEEDS = ['quality', 'balanced', 'fast'] as const;

const begin = performance.now();
const model = await openModel({ model: values.model, threads }, internals);
const tasks = networkTasks(model);
const head = `${await setup()}\n${model.name}, ${threads} threads`;
console.log(`${head}, best of ${runs} runs after one that does not count\n\n${LAYERS_HEAD}`);
const { result: layers } = await inChild('layers', { threads });
for (const layer of layers) console.log(layerRow(layer));
const rate = rateOf(layers, 'MatMul');
console.log(
  `The largest MatMul ${rate.toFixed(0)} GFLOP/s, the largest Conv ${rateOf(layers, 'Conv').toFixed(0)} GFLOP/s`,
);

console.log(`\nMemory: highest while it runs, in MiB, with Node.js itself.\n${NETWORKS_HEAD}`);
const networks: NetworkResult[] = [];
for (const network of tasks) {
  const { result, peak } = await inChild('network', { network, threads, runs });
  const measured = networkResult(network, result, { peak, rate });
  networks.push(measured);
  console.log(networkRow(measured));
}

const profiles = new Map<string, Profile>();
if (values.profile) await profileAll();

const pictures = new Map<string, PictureRun>();
if (!values['no-pictures']) await restoreAll();

if (values.json) {
  const results = { head, layers, networks, profiles: Object.fromEntries(profiles) };
  writeFileSync(values.json, `${JSON.stringify({ ...results, pictures: Object.fromEntries(pictures) }, null, 2)}\n`);
}
console.log(`\n${((performance.now() - begin) / 1000).toFixed(0)} s altogether`);

/** In runs of their own, so that recording slows no other down. */
async function profileAll(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'diffbir-profile-'));
  try {
    for (const network of tasks) {
      if (network.networks.length > 1) continue;
      const { result } = await inChild('profile', { network, threads, runs, prefix: path.join(folder, 'ort') });
      profiles.set(network.name, result);
      console.log(`\n${profileTable(network.name, result).join('\n')}`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function restoreAll(): Promise<void> {
  const { cfgScale } = resolveOptions(...model.layers);
  for (const precision of PRECISIONS) {
    for (const speed of SPEEDS) {
      const options = { model: values.model, threads, precision, steps: STEPS, speed };
      pictures.set(`${speed}, ${precision}`, (await inChild('picture', { options, size: SIDE })).result);
    }
  }
  const lines = pictureTable(`${SIDE} x ${SIDE}`, pictures);
  console.log(`\n${STEPS} steps, cfgScale ${cfgScale}; loading is no part of the picture\n${lines.join('\n')}`);
}
