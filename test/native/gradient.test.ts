// The decoder's vector-Jacobian product, against central differences of what the decoder itself gives.
import path from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { Layout } from '../../bench/full-size/layout';
import { vaeLayout } from '../../bench/full-size/stableDiffusion';
import { writeTorchFile } from '../../bench/full-size/torchFile';
import { readCheckpoint } from '../../src/checkpoint/readCheckpoint';
import type { ModelSpec, NativeTensor, NetworkSpec } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import type { NativeAutoencoder } from '../../src/native/primitives';
import { temporaryFolder } from '../checkpoint/build';
import { goldenSpec } from '../lifecycle/model';
import { graphCase, relativeError } from './graphCases';

const { primitives } = loadBinding();
const [HEIGHT, WIDTH] = [6, 5];
let autoencoder: NativeAutoencoder;
let decoders: { recorded: NetworkSpec; wide: NetworkSpec };

beforeAll(async () => {
  const { vaeEncoder, vaeDecoder } = (await goldenSpec({ stage: 2 })).stage2 as NonNullable<ModelSpec['stage2']>;
  autoencoder = primitives.createAutoencoder(vaeEncoder, vaeDecoder, 2);
  decoders = { recorded: vaeDecoder, wide: await wideDecoder() };
});

const EVERYWHERE = { shape: [1, 1, 1, 1], data: Float32Array.of(1) };

test.each([
  ['all pixels alike', EVERYWHERE],
  ['a weight for each pixel', tensor([2, 1, 8 * HEIGHT, 8 * WIDTH], 3, (value) => value ** 2)],
])('the gradient of the decoded picture, %s', (_, weight) => {
  const z = tensor([2, 4, HEIGHT, WIDTH], 1);
  const target = tensor([2, 3, 8 * HEIGHT, 8 * WIDTH], 2, (value) => 0.5 * value);
  const gradient = autoencoder.gradient(z, target, weight);
  expect(gradient.shape).toEqual(z.shape);
  const length = Math.sqrt(dot(gradient, gradient));

  // Along the gradient itself, and along directions that have nothing to do with it: one of each picture of the batch.
  const directions = [gradient, ...[4, 5, 6].map((seed) => tensor(z.shape, seed))];
  for (const item of [0, 1])
    directions.push(tensor(z.shape, 7, (value, i) => (i < z.data.length / 2 === !item ? value : 0)));
  for (const direction of directions) {
    const unit = scaled(direction, 1 / Math.sqrt(dot(direction, direction)));
    const step = 0.02;
    const slope = (loss(z, unit, step, target, weight) - loss(z, unit, -step, target, weight)) / (2 * step);
    expect(Math.abs(slope - dot(gradient, unit)) / length).toBeLessThan(2e-4);
  }
});

test.each([
  ['cuda', 'recorded', 8, HEIGHT, WIDTH],
  ['cuda', 'recorded', 8, 5, 2], // ten queries fill five of eight parts
  ['cuda', 'wide', 2, 5, 2],
  ['tensorrt', 'recorded', 8, HEIGHT, WIDTH],
] as const)('the operators of %s give the same, %s decoder, %i pixels a cell, %i x %i cells', (...of) => {
  const [provider, name, cell, height, width] = of;
  const z = tensor([2, 4, height, width], 1);
  const target = tensor([2, 3, cell * height, cell * width], 2, (value) => 0.5 * value);
  const weight = tensor([2, 1, cell * height, cell * width], 3, (value) => value ** 2);
  const spec = { ...decoders[name], type: 'vae_decoder_gradient' }; // which models do not name: guidance opens it
  const { run } = graphCase(spec as NetworkSpec, { z, target, weight });
  expect(relativeError(run({ optimizations: primitives.optimizationsFor(provider) }), run())).toBeLessThan(1e-5);
});

test('it is 0 where the picture is met, and where nothing has weight', () => {
  const z = tensor([1, 4, HEIGHT, WIDTH], 1);
  const met = autoencoder.decode(z, 4096, 'exact', true);
  const largest = ({ data }: NativeTensor) => data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const elsewhere = tensor(met.shape, 2);
  const scale = largest(autoencoder.gradient(z, elsewhere, EVERYWHERE));
  expect(scale).toBeGreaterThan(0);
  expect(largest(autoencoder.gradient(z, met, EVERYWHERE))).toBeLessThan(1e-4 * scale);
  expect(largest(autoencoder.gradient(z, elsewhere, { shape: [1, 1, 1, 1], data: Float32Array.of(0) }))).toBe(0);
});

test('a target of another size is an error', () => {
  const z = tensor([1, 4, HEIGHT, WIDTH], 1);
  expect(() => autoencoder.gradient(z, tensor([1, 3, 8, 8], 2), EVERYWHERE)).toThrow(/ONNX Runtime failed/);
});

/** With attention beyond the heads that CUDA's operator takes, and one upsampling. */
async function wideDecoder(): Promise<NetworkSpec> {
  const layout = Layout.empty();
  vaeLayout(layout, { ch: 32, ch_mult: [1, 9], num_res_blocks: 1, z_channels: 4 });
  const file = path.join(await temporaryFolder(), 'vae.pth');
  writeTorchFile(file, layout.tensors, { dtype: 'float32', seed: 1 });
  return { type: 'vae_decoder', weights: await readCheckpoint(file), prefix: '', config: {} };
}

/** Half the weighted sum of squares at z + step * direction. */
function loss(z: NativeTensor, direction: NativeTensor, step: number, target: NativeTensor, weight: NativeTensor) {
  const at = { shape: z.shape, data: z.data.map((value, i) => value + step * (direction.data[i] as number)) };
  const { data, shape } = autoencoder.decode(at, 4096, 'exact', true);
  const [, channels = 1, height = 1, width = 1] = shape;
  const area = height * width;
  let sum = 0;
  for (let i = 0; i < data.length; i++) {
    const place = weight.data.length === 1 ? 0 : Math.floor(i / (channels * area)) * area + (i % area);
    sum += (weight.data[place] as number) * ((data[i] as number) - (target.data[i] as number)) ** 2;
  }
  return sum / 2;
}

function dot(a: NativeTensor, b: NativeTensor): number {
  return a.data.reduce((sum, value, i) => sum + value * (b.data[i] as number), 0);
}

function scaled({ shape, data }: NativeTensor, factor: number): NativeTensor {
  return { shape, data: data.map((value) => value * factor) };
}

function tensor(shape: readonly number[], seed: number, change = (value: number, _: number) => value): NativeTensor {
  const [draws] = primitives.torchDraws(BigInt(seed), [{ kind: 'randn', shape }]);
  return { shape, data: (draws as Float32Array).map(change) };
}
