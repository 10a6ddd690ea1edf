// Tiles in lock-step: statistics of the whole picture, an abort while tiles wait for each other, scales that do not fit.
import { beforeAll, expect, test } from 'vitest';
import type { ModelSpec, NativeTensor, NetworkSpec } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import { goldenSpec, jobOf } from '../lifecycle/model';
import { withoutAttention } from './withoutAttention';

const binding = loadBinding();
const WHOLE = 4096;
let spec: ModelSpec;
let stage2: NonNullable<ModelSpec['stage2']>;

beforeAll(async () => {
  spec = await goldenSpec({ stage: 2 });
  stage2 = spec.stage2 as typeof stage2;
});

test.each(['encode', 'decode'] as const)('%s: exact statistics are those of the whole picture', async (half) => {
  // The attention of the middle block sees one tile only, whatever the statistics: it is switched off here.
  const [encoder, decoder] = await Promise.all(
    [stage2.vaeEncoder, stage2.vaeDecoder].map((network) => withoutAttention(network)),
  );
  const model = binding.primitives.createAutoencoder(encoder as NetworkSpec, decoder as NetworkSpec, 1);
  const [x, tile] = half === 'encode' ? [halves(3, 256, 320), 96] : [halves(4, 40, 56), 16];
  const run = (size: number, pooling: 'exact' | 'reference', atOnce = true) => model[half](x, size, pooling, atOnce);
  const whole = run(WHOLE, 'exact');
  const error = (result: NativeTensor) => rms(result, whole);

  const exact = error(run(tile, 'exact'));
  expect(exact).toBeGreaterThan(0); // it did run on tiles
  expect(exact).toBeLessThan(0.2 * error(run(tile, 'reference')));
  // With one tile in memory at a time: the same bits.
  for (const pooling of ['exact', 'reference'] as const) {
    expect(run(tile, pooling, false).data).toEqual(run(tile, pooling).data);
  }
});

test.each([
  ['encode', halves(3, 256, 320), 160, 500_000],
  ['decode', halves(4, 40, 56), 28, 35_000],
] as const)('%s: a device without the memory for the whole takes tiles of half the size', (half, x, tile, bytes) => {
  const { vaeEncoder, vaeDecoder } = stage2;
  const withMemory = (memoryLimit: number) =>
    binding.primitives.createAutoencoder(vaeEncoder, vaeDecoder, 2, {
      ...{ provider: 'cpu', device: 0, guarded: true, memoryLimit },
    });
  const expected = withMemory(1e9)[half](x, tile, 'exact', true);
  expect(withMemory(1e9)[half](x, WHOLE, 'exact', true).data).not.toEqual(expected.data);
  expect(withMemory(bytes)[half](x, WHOLE, 'exact', true).data).toEqual(expected.data);
  expect(() => withMemory(1000)[half](x, WHOLE, 'exact', true)).toThrow(
    expect.objectContaining({ code: 'DIFFBIR_OUT_OF_MEMORY' }),
  );
});

test('tiles in lock-step give the same picture every time, whoever comes first', () => {
  const model = binding.primitives.createAutoencoder(stage2.vaeEncoder, stage2.vaeDecoder, 2);
  const x = halves(4, 40, 56);
  const first = model.decode(x, 16, 'exact', true);
  for (let i = 0; i < 3; i++) expect(model.decode(x, 16, 'exact', true).data).toEqual(first.data);
});

test.each([
  ['encoder', 'stage1'],
  ['decoder', 'sample'],
] as const)('an abort in the tiled %s frees the tiles that wait', async (half, before) => {
  const model = await binding.createModel(spec, () => {}).promise;
  const job = jobOf({ stage: 2, size: 1024 });
  const tiled = { ...job, tiling: { ...job.tiling, [half]: 128 } };
  const task = model.restore(tiled, ({ stage }) => {
    if (stage === before) setTimeout(() => task.cancel(), 100);
  });
  await expect(task.promise).rejects.toMatchObject({ code: 'DIFFBIR_ABORTED' });
  const { image } = await model.restore(jobOf({ stage: 1 }), () => {}).promise;
  expect(image.width).toBe(64);
  await model.dispose();
});

test('a normalisation with fewer scales than channels is an error, not a read beyond them', async () => {
  const name = 'first_stage_model.encoder.down.0.block.0.norm1.weight';
  const { weights } = stage2.vaeEncoder;
  const tensors = weights.tensors.map((entry) => (entry.name === name ? { ...entry, shape: [1] } : entry));
  const config = { ...stage2.vaeEncoder.config, norm_num_groups: 1 }; // which divides the one scale too
  const encoder = { ...stage2.vaeEncoder, weights: { ...weights, tensors }, config };
  const network = binding.primitives.createNetwork(encoder, 1, []);
  expect(() => network.run({ image: halves(3, 64, 64) })).toThrow(/as many scales and biases as channels/);
});

/** [1,C,H,W], dark on the left and bright on the right with some texture: tiles whose means lie far apart. */
function halves(channels: number, height: number, width: number): NativeTensor {
  const data = Float32Array.from({ length: channels * height * width }, (_, i) => {
    return (i % width < width / 2 ? -0.8 : 0.8) + 0.15 * Math.sin(i * 1.7);
  });
  return { shape: [1, channels, height, width], data };
}

function rms(a: NativeTensor, b: NativeTensor): number {
  return Math.sqrt(a.data.reduce((sum, value, i) => sum + (value - (b.data[i] as number)) ** 2, 0) / a.data.length);
}
