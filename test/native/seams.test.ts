// No seams: steps across the borders of tiles are as large as elsewhere, on a photograph. Stage 1 with the embedded model
// is in test/facade/tiling.test.ts.
import path from 'node:path';
import sharp from 'sharp';
import { beforeAll, expect, test } from 'vitest';
import type { ModelSpec, NativeTensor, NetworkSpec } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import { goldenSpec } from '../lifecycle/model';
import { withoutAttention } from './withoutAttention';

const { primitives } = loadBinding();
const WHOLE = 4096;
let stage2: NonNullable<ModelSpec['stage2']>;
let photograph: NativeTensor;

beforeAll(async () => {
  stage2 = (await goldenSpec({ stage: 2 })).stage2 as typeof stage2;
  const file = path.resolve(import.meta.dirname, '../../examples/sample/original.png');
  const { data, info } = await sharp(file).removeAlpha().resize(384, 288).raw().toBuffer({ resolveWithObject: true });
  const area = info.width * info.height;
  const values = Float32Array.from({ length: 3 * area }, (_, i) => {
    return (data[(i % area) * 3 + Math.floor(i / area)] as number) / 127.5 - 1;
  });
  photograph = { shape: [1, 3, info.height, info.width], data: values };
});

/** The autoencoder without its attention, which sees one tile alone. */
async function autoencoder() {
  const [encoder, decoder] = await Promise.all([stage2.vaeEncoder, stage2.vaeDecoder].map(withoutAttention));
  return primitives.createAutoencoder(encoder as NetworkSpec, decoder as NetworkSpec, 2);
}

/** Where own parts of tiles meet, in units of the output, across and down. */
function bordersOf(height: number, width: number, tile: number, overlap: number, scale: number) {
  const tiles = primitives.overlappingTiles(height, width, tile, overlap);
  const starts = (axis: 0 | 1) => new Set(tiles.map(({ own }) => (own[axis] as number) * scale).filter((at) => at > 0));
  return { down: starts(0), across: starts(1) };
}

test('the VAE encoder', async () => {
  const { encode } = await autoencoder();
  const [whole, tiled] = [encode(photograph, WHOLE, 'exact', true), encode(photograph, 96, 'exact', true)];
  expectNoSeams(tiled, whole, bordersOf(288, 384, 96, 32, 1 / 8));
});

test('the VAE decoder', async () => {
  const { encode, decode } = await autoencoder();
  const latent = encode(photograph, WHOLE, 'exact', true);
  const [whole, tiled] = [decode(latent, WHOLE, 'exact', true), decode(latent, 8, 'exact', true)];
  expectNoSeams(tiled, whole, bordersOf(36, 48, 8, 11, 8));
});

test('blended tiles, as of the diffusion model and of stage 1', () => {
  // The small UNet gives what it gets, whatever the tile: tiles side by side show no seam. What makes seams is a network
  // that sees each tile in its own light, here one that takes the tile's mean away.
  const ownLight = ({ shape, data }: NativeTensor): NativeTensor => {
    const area = (shape[2] as number) * (shape[3] as number);
    const means = [0, 1, 2].map((c) => data.subarray(c * area, (c + 1) * area).reduce((sum, v) => sum + v, 0) / area);
    return { shape, data: data.map((value, i) => value - (means[Math.floor(i / area) % 3] as number)) };
  };
  const blended = (stride: number) => primitives.blendTiles(photograph, 96, stride, 1, 'middle', ownLight);
  const ends = (length: number) => new Set(Array.from({ length: length / 48 - 1 }, (_, i) => 48 * (i + 1)));
  const borders = { down: ends(288), across: ends(384) };
  expectNoSeams(blended(48), photograph, borders);
  // The measure does see seams where there are some: tiles side by side.
  expect(stepRatio(blended(96), 'across', new Set([96, 192, 288]))).toBeGreaterThan(
    1.5 * stepRatio(photograph, 'across', new Set([96, 192, 288])),
  );
});

function expectNoSeams(tiled: NativeTensor, whole: NativeTensor, borders: ReturnType<typeof bordersOf>) {
  expect(tiled.data.some((value, i) => value !== whole.data[i])).toBe(true);
  for (const axis of ['down', 'across'] as const) {
    expect(borders[axis].size).toBeGreaterThan(0);
    // A picture has more or fewer edges at some columns than at others: the whole run tells how many.
    const ratio = stepRatio(tiled, axis, borders[axis]) / stepRatio(whole, axis, borders[axis]);
    expect(ratio).toBeGreaterThan(0.95);
    expect(ratio).toBeLessThan(1.05);
  }
}

/** Mean step between neighbours that lie on two sides of a border, over that of all others. */
function stepRatio({ shape, data }: NativeTensor, axis: 'down' | 'across', borders: ReadonlySet<number>): number {
  const [height, width] = shape.slice(2) as [number, number];
  const apart = axis === 'down' ? width : 1;
  const [sums, counts] = [
    [0, 0],
    [0, 0],
  ] as [[number, number], [number, number]];
  for (let i = 0; i < data.length; i++) {
    const at = axis === 'down' ? Math.floor(i / width) % height : i % width;
    if (at === 0) continue;
    const isBorder = borders.has(at) ? 1 : 0;
    sums[isBorder] += Math.abs((data[i] as number) - (data[i - apart] as number));
    counts[isBorder]++;
  }
  return sums[1] / counts[1] / (sums[0] / counts[0]);
}
