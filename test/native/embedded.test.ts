/**
 * The shipped weights in native code against what PyTorch computes with them (`training/record_embedded.py`): widths,
 * heads and group counts that no recording of the reference has.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { readCheckpoint } from '../../src/checkpoint/readCheckpoint';
import { embeddedModel } from '../../src/loadModel';
import { readManifest } from '../../src/models/manifest';
import { modelSpec } from '../../src/models/modelSpec';
import type { ModelSpec, NativeTensor, NetworkSpec } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';

const recorded = JSON.parse(readFileSync(path.join(import.meta.dirname, '../fixtures/embedded.json'), 'utf8'));
const { primitives } = loadBinding();
const Z = 16;
const SIDE = 8;
let cleaner: NetworkSpec;
let stage2: NonNullable<ModelSpec['stage2']>;

beforeAll(async () => {
  const spec = await modelSpec(await readManifest(embeddedModel()), { stage: 2, threads: 1 }, readCheckpoint);
  cleaner = spec.cleaner;
  stage2 = spec.stage2 as typeof stage2;
});

test('stage 1', () => {
  const image = wave([1, 3, 64, 64]);
  const x = { ...image, data: image.data.map((value) => value / 2 + 0.5) };
  matches(run(cleaner, { x }).out, recorded.cleaner);
});

test('the encoder', () => {
  const { moments } = run(stage2.vaeEncoder, { image: wave([1, 3, 64, 64]) });
  const mean = { shape: [1, Z, SIDE, SIDE], data: (moments as NativeTensor).data.subarray(0, Z * SIDE * SIDE) };
  matches(mean, recorded.vaeEncoder);
});

test('the decoder', () => {
  matches(run(stage2.vaeDecoder, { z: wave([1, Z, SIDE, SIDE]) }).image, recorded.vaeDecoder);
});

test('the prior, steered by IRControlNet', () => {
  const x = wave([1, Z, SIDE, SIDE]);
  // Every row of the hint runs the other way.
  const hint = { ...x, data: x.data.map((_, i) => x.data[i - (i % SIDE) + SIDE - 1 - (i % SIDE)] as number) };
  const t = { shape: [1], data: Float32Array.of(recorded.timestep) };
  const context = { shape: [1, 1, 8], data: new Float32Array(8) };
  const control = run(stage2.controlnet, { x, hint, t, context });
  const strength = { shape: [1], data: Float32Array.of(1) };
  matches(run(stage2.unet, { x, t, context, strength, ...control }).out, recorded.unet);
});

function run(spec: NetworkSpec, inputs: Readonly<Record<string, NativeTensor>>): Record<string, NativeTensor> {
  return primitives.createNetwork(spec, 1, []).run(inputs);
}

/** sin(0.37 i) for the i-th value, as the recording has it. */
function wave(shape: readonly number[]): NativeTensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return { shape, data: Float32Array.from({ length: count }, (_, i) => Math.sin(0.37 * i)) };
}

/** Float32 of another order of operations: 1e-5 of the largest value. */
function matches(output: NativeTensor | undefined, expected: readonly number[]): void {
  const { data } = output as NativeTensor;
  const stride = Math.floor(data.length / 128);
  const kept = data.filter((_, i) => i % stride === 0);
  expect(kept.length).toBe(expected.length);
  const largest = Math.max(...expected.map(Math.abs));
  const error = Math.max(...expected.map((value, i) => Math.abs(value - (kept[i] as number))));
  expect(error / largest).toBeLessThan(1e-5);
}
