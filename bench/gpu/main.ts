/**
 * `npm run bench:gpu [-- --model DIR] [--device cuda:N] [--quick] [--group TEXT] [--only TEXT] [--profile NETWORK] [--limit SECONDS]
 * [--json FILE]`: seconds, TFLOP/s, share of the card's peak and memory of pictures and networks on a GPU, with and without
 * CUDA graphs, and with TensorRT where its libraries are. Each is measured warm, in a process that a crash of another does not
 * touch; what the time is not enough for is named. Exit code 77 where there is no GPU.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Device } from '../../src/device/parse';
import { profileTable } from '../full/report';
import { setup } from '../setup';
import { cards } from './cards';
import { beginOn, OPTIONS, whyNot } from './command';
import { DeviceMemory } from './deviceMemory';
import type { Measured } from './measure';
import { peakOf } from './peaks';
import { HEAD, type Result, rowOf, stagesOf } from './report';
import { executionOn } from './restorers';
import { type Answer, NO_TIME, runGroup } from './worker';

/** By importance: the time may not be enough for all. */
const GROUPS = [
  ...['small pictures, float16, CUDA graphs', 'small pictures, float16, CUDA'],
  ...['networks, float16, CUDA graphs', 'networks, float16, CUDA'],
  ...['tiled pictures, float16, CUDA graphs', 'large pictures, float16, CUDA graphs', 'large pictures, float16, CUDA'],
  ...['small pictures, float32, CUDA', 'networks, float32, CUDA', 'networks, float32, CUDA graphs'],
];
const TENSORRT = ['networks, float16, TensorRT', 'small pictures, float16, TensorRT'];

const { values } = parseArgs({
  options: {
    ...OPTIONS,
    model: { type: 'string' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    profile: { type: 'string' },
  },
});

const { begin, deadline } = await beginOn(values.device, values.limit);
const { device: index } = await executionOn(values.device as Device);
const card = cards().find((found) => found.index === index)?.name ?? values.device;
const peak = peakOf(card);
const head = [
  await setup(),
  `${card}, driver ${driver()}, ${peak === undefined ? 'peak unknown' : `${peak} TFLOP/s in float16`}`,
  `model ${values.model ?? 'embedded'}`,
].join('\n');
console.error(head);

const results: Result[] = [];
const left: string[] = [];
for (const group of await wantedGroups()) {
  if (performance.now() > deadline) {
    left.push(group);
    continue;
  }
  const memory = new DeviceMemory(index);
  const onBegin = () => memory.take();
  const onAnswer = (answer: Answer<Measured>) => keep(answer, memory.take());
  const { device, model, quick: isQuick } = values;
  const settings = { device, model, isQuick, only: values.profile ?? values.only };
  // So that the time of an operator is its own.
  const env = group.startsWith('profile') ? { CUDA_LAUNCH_BLOCKING: '1' } : {};
  await runGroup<Measured>(path.join(import.meta.dirname, 'child.ts'), group, settings, {
    deadline,
    env,
    // Engines take minutes to build.
    ...(group.endsWith('TensorRT') && { patience: Number(values.limit) }),
    onBegin,
    onAnswer,
  });
  memory.stop();
}

console.log(`\n${head}\n\n${HEAD}`);
for (const result of results) console.log(rowOf(result, peak));
const stages = results.flatMap(stagesOf);
if (stages.length > 0) console.log(`\nStages of the best picture, in seconds\n${stages.join('\n')}`);
for (const { group, name, measured } of results) {
  if (measured?.profile) console.log(`\n${profileTable(`${name}, ${group}`, measured.profile).join('\n')}`);
}
if (left.length > 0) console.log(`\nLeft out, since ${NO_TIME}: ${left.join('; ')}`);
console.log(`\n${((performance.now() - begin) / 1000).toFixed(0)} s altogether`);
if (values.json) writeFileSync(values.json, `${JSON.stringify({ head, card, peak, results, left }, null, 2)}\n`);
process.exitCode = results.some(({ error }) => error !== undefined) ? 1 : 0;

async function wantedGroups(): Promise<string[]> {
  if (values.profile !== undefined) return ['profile, float16, CUDA', 'profile, float32, CUDA'];
  const noTensorrt = await whyNot(values.device.replace('cuda', 'tensorrt') as Device);
  if (noTensorrt !== undefined) console.error(`Without TensorRT: ${noTensorrt}`);
  const all = noTensorrt === undefined ? [...GROUPS, ...TENSORRT] : GROUPS;
  return all.filter((group) => group.includes(values.group));
}

function keep({ group, name, result, error }: Answer<Measured>, bytes: number): void {
  if (error === NO_TIME) {
    left.push(`${group}: ${name}`);
    return;
  }
  const kept = { group, name, measured: result, error, bytes };
  results.push(kept);
  console.error(rowOf(kept, peak));
}

function driver(): string {
  const { stdout } = spawnSync('nvidia-smi', ['--query-gpu=driver_version', '--format=csv,noheader'], {
    encoding: 'utf8',
  });
  return stdout?.trim().split('\n')[0] || 'unknown';
}
