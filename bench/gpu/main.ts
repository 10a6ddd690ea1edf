/**
 * `npm run bench:gpu [-- --model DIR] [--device cuda:N] [--quick] [--group TEXT] [--only TEXT] [--profile NETWORK] [--limit SECONDS]
 * [--json FILE]`: seconds, TFLOP/s, share of the card's peak and memory of pictures and networks on a GPU, with and without
 * CUDA graphs, and with TensorRT where its libraries are. Each is measured warm, in a process that a crash of another does not
 * touch; what the time is not enough for is named, as after a signal. Exit code 77 where there is no GPU.
 */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Device } from '../../src/device/parse';
import { setup } from '../setup';
import { cards } from './cards';
import { beginOn, groupsWith, OPTIONS, whyNot } from './command';
import { DeviceMemory } from './deviceMemory';
import type { Measured } from './measure';
import { peakOf } from './peaks';
import { HEAD, LEGEND, profileOf, type Result, rowOf, stagesOf } from './report';
import { executionOn } from './restorers';
import { SavedJson } from './savedJson';
import { ALL, type Answer, runGroup } from './worker';

/** By importance: the time may not be enough for all. */
const GROUPS = [
  'small pictures, float16, CUDA graphs',
  'tiled pictures, float16, CUDA graphs',
  'large pictures, float16, CUDA graphs',
  'networks, float16, CUDA graphs',
  'small pictures, float16, CUDA',
  'networks, float16, CUDA',
  'large pictures, float16, CUDA',
  'small pictures, float32, CUDA',
  'networks, float32, CUDA',
  'networks, float32, CUDA graphs',
];
const TENSORRT = ['small pictures, float16, TensorRT', 'networks, float16, TensorRT'];
/** Seconds that one item may take, with loading the model: so many, or this share of the limit where that is more. */
const PATIENCE = 60;
const SHARE = 0.2;

const { values } = parseArgs({
  options: {
    ...OPTIONS,
    model: { type: 'string' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    profile: { type: 'string' },
  },
});

const over = await beginOn(values.device, values.limit);
const groups = await wantedGroups();
const { device: index } = await executionOn(values.device as Device);
const card = cards().find((found) => found.index === index)?.name;
const peak = card === undefined ? undefined : peakOf(card);
const head = [
  await setup(),
  `${card ?? values.device}, driver ${driver()}, ${peak === undefined ? 'peak unknown' : `${peak} TFLOP/s in float16`}`,
  `model ${values.model ?? 'embedded'}`,
].join('\n');
console.error(head);

const results: Result[] = [];
const left: string[] = [];
const json = new SavedJson(values.json);
save();
const memory = card === undefined ? undefined : await DeviceMemory.watch(index);
for (const group of groups) {
  if (over.aborted) {
    left.push(`${group}: ${ALL}`);
    continue;
  }
  const { device, model, quick: isQuick } = values;
  const settings = { device, model, isQuick, only: values.profile ?? values.only };
  await runGroup<Measured>(path.join(import.meta.dirname, 'child.ts'), group, settings, {
    over,
    patience: patienceFor(group),
    // So that the time of an operator is its own.
    env: group.startsWith('profile') ? { CUDA_LAUNCH_BLOCKING: '1' } : {},
    onBegin: () => memory?.take(),
    onAnswer: (answer) => keep(answer, memory?.take()),
  });
}

console.log(`\n${head}\n\n${HEAD}`);
for (const result of results) console.log(rowOf(result, peak));
if (results.length > 0) console.log(`\n${LEGEND}`);
const stages = results.flatMap(stagesOf);
if (stages.length > 0) console.log(`\nStages of the best picture, in milliseconds\n${stages.join('\n')}`);
for (const lines of results.map(profileOf)) if (lines.length > 0) console.log(`\n${lines.join('\n')}`);
if (left.length > 0) console.log(`\nLeft out, since ${over.reason}:\n${left.join('\n')}`);
if (results.length + left.length === 0) console.log('\nNothing has such a name.');
save();
json.end();
console.log(`\n${(performance.now() / 1000).toFixed(0)} s altogether`);
// Not by itself: a child that its driver keeps must not keep this process. What looks at the memory ends with it.
process.exit(results.length === 0 || results.some(({ error }) => error !== undefined) ? 1 : 0);

async function wantedGroups(): Promise<string[]> {
  if (values.profile !== undefined) return ['profile, float16, CUDA', 'profile, float32, CUDA'];
  const noTensorrt = await whyNot(values.device.replace('cuda', 'tensorrt') as Device);
  if (noTensorrt !== undefined) console.error(`Without TensorRT: ${noTensorrt}`);
  const all = noTensorrt === undefined ? [...GROUPS, ...TENSORRT] : GROUPS;
  return groupsWith(values.group, all);
}

/** An engine of TensorRT takes minutes to build. */
function patienceFor(group: string): number {
  const limit = Number(values.limit);
  return group.endsWith('TensorRT') ? limit : Math.max(PATIENCE, SHARE * limit);
}

function keep({ group, name, result, error, isLeftOut }: Answer<Measured>, bytes: number | undefined): void {
  if (isLeftOut) {
    left.push(`${group}: ${name}`);
  } else {
    const kept = { group, name, measured: result, error, bytes };
    results.push(kept);
    console.error(rowOf(kept, peak));
  }
  save();
}

/** As they come, whatever happens later. */
function save(): void {
  json.save({ head, card, peak, results, left });
}

function driver(): string {
  const { stdout } = spawnSync('nvidia-smi', ['--query-gpu=driver_version', '--format=csv,noheader'], {
    encoding: 'utf8',
    timeout: 10_000,
  });
  return stdout?.trim().split('\n')[0] || 'unknown';
}
