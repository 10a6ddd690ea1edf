// What makes networks faster changes their last digits alone, and those it does, or the switch would not have reached the
// graph. Widths fill no vector register. That the numbers are right the recordings say (golden.test).
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { Layout } from '../../bench/full-size/layout';
import { SD21, textLayout, unetLayout } from '../../bench/full-size/stableDiffusion';
import { writeTorchFile } from '../../bench/full-size/torchFile';
import { readCheckpoint } from '../../src/checkpoint/readCheckpoint';
import type { NativeTensor, NetworkSpec, Optimization } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import { temporaryFolder } from '../checkpoint/build';

const { primitives } = loadBinding();
const folder = temporaryFolder();
const CONTEXT = 28;

async function network(
  type: NetworkSpec['type'],
  fill: (layout: Layout) => void,
  config: NetworkSpec['config'],
): Promise<NetworkSpec> {
  const layout = Layout.empty();
  fill(layout);
  const file = path.join(folder, `${type}.ckpt`);
  writeTorchFile(file, layout.tensors, { dtype: 'float32', seed: 1 });
  return { type, weights: await readCheckpoint(file), prefix: '', config };
}

function tensor(shape: readonly number[]): NativeTensor {
  const length = shape.reduce((product, size) => product * size, 1);
  return { shape, data: Float32Array.from({ length }, (_, i) => Math.sin(i * i * 0.37)) };
}

const unet = await network(
  'unet',
  (layout) => unetLayout(layout, { ...SD21.unet, model_channels: 20, channel_mult: [1, 2], context_dim: CONTEXT }),
  { num_head_channels: 10, norm_num_groups: 4 },
);
const text = await network(
  'clip_text',
  (layout) => textLayout(layout, { width: 52, layers: 3, context_length: 77, vocab_size: 100 }),
  { heads: 4 },
);

/** A batch of two latents of 16 x 8; the residuals of a ControlNet go from the middle block outwards. */
function predict(optimizations: readonly Optimization[]): Float32Array {
  const control = (index: number, channels: number, scale: number) =>
    [`control_${index}`, tensor([2, channels, 16 / scale, 8 / scale])] as const;
  const controls = [
    ...[0, 1, 2].map((i) => control(i, 20, 1)),
    ...[control(3, 20, 2), ...[4, 5, 6].map((i) => control(i, 40, 2))],
  ];
  return primitives.createNetwork({ ...unet, optimizations }, 2, []).run({
    ...Object.fromEntries(controls),
    x: tensor([2, 4, 16, 8]),
    t: { shape: [2], data: Float32Array.of(20, 900) },
    context: tensor([2, 77, CONTEXT]),
    strength: tensor([1]),
  }).out?.data as Float32Array;
}

function encode(optimizations: readonly Optimization[]): Float32Array {
  const ids = Int32Array.from({ length: 77 }, (_, i) => (i * 7) % 100);
  return primitives.createNetwork({ ...text, optimizations }, 2, []).run({ ids }).context?.data as Float32Array;
}

describe.each([
  ['UNet', predict, ['attention', 'groupNorm', 'layerNorm', 'geglu', 'graph']],
  ['text encoder', encode, ['attention', 'layerNorm']],
] as const)('%s', (_, run, names) => {
  const plain = run([]);

  it.each(names)('with %s alone: other last digits, and no other numbers', (name) => {
    const got = run([name]);
    expect(got).toHaveLength(plain.length);
    const error = got.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (plain[i] as number))), 0);
    expect(error).toBeGreaterThan(0);
    expect(error).toBeLessThan(1e-5);
  });
});

it.each(['linear', 'gelu', 'mappedWeights'] as const)('%s alone changes no digit', (name) => {
  expect(predict([name])).toEqual(predict([]));
  expect(encode([name])).toEqual(encode([]));
});

it('refuses an optimization that there is not', () => {
  expect(() => predict(['speed' as Optimization])).toThrow("received 'speed'");
});
