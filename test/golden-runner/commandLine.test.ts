/** What the replay of the reference's command lines is made of; the recordings themselves test it as a whole. */
import { describe, expect, it } from 'vitest';
import { loadBinding } from '../../src/native/loadBinding';
import { brownianIncrements } from './brownianTree';
import { compare } from './compare';
import { referenceArgs } from './referenceArgs';
import { drawNoise } from './referenceNoise';
import { clipDraws, layerDraws, rrdbnetDraws, scunetDraws, swinirDraws } from './torchInit';

const { primitives } = loadBinding();
const schedule = {
  timesteps: 1000,
  linearStart: 0.00085,
  linearEnd: 0.012,
  zeroSnr: true,
  parameterization: 'v',
} as const;

describe('referenceArgs', () => {
  it('has the defaults of the reference', () => {
    const { version, task, samples, batchSize, seed, options, others } = referenceArgs([]);
    expect({ version, task, samples, batchSize, seed, others }).toEqual({
      ...{ version: 'v2.1', task: 'sr', samples: 1, batchSize: 1, seed: 231n, others: [] },
    });
    expect(options).toMatchObject({
      upscale: 4,
      sampler: 'edm_dpm++_3m_sde',
      steps: 10,
      cfgScale: 6,
      rescaleCfg: false,
    });
    expect(options).toMatchObject({ sTmax: 300, eta: 1, order: 1, tiling: { cleaner: 0, cleanerStride: 0 } });
    expect(options).not.toHaveProperty('prompt');
  });

  it('reads flags with and without value, and names those that it does not use', () => {
    const { options, samples, others } = referenceArgs(
      '--rescale_cfg --cldm_tiled --cldm_tile_stride 64 --neg_prompt x --n_samples 3 --device cpu'.split(' '),
    );
    expect(options).toMatchObject({
      rescaleCfg: true,
      negativePrompt: 'x',
      tiling: { diffusion: 512, diffusionStride: 64 },
    });
    expect([samples, others]).toEqual([3, ['device']]);
    expect(referenceArgs(['--pos_prompt', '']).options.prompt).toBe('');
  });
});

describe('draws of initialisers', () => {
  const tensor = (name: string, ...shape: number[]) => ({ name, shape });

  it('of layers: weights and biases of those that are no normalisation', () => {
    const norm = [tensor('n.weight', 7), tensor('n.bias', 7)];
    expect(layerDraws([tensor('a.weight', 4, 3, 3, 3), tensor('a.bias', 4), tensor('b.weight', 5, 2), ...norm])).toBe(
      122,
    );
  });

  it('of networks with initialisers of their own', () => {
    expect(
      swinirDraws([
        tensor('x.qkv.weight', 6, 2),
        tensor('x.qkv.bias', 6),
        tensor('x.relative_position_bias_table', 9, 2),
      ]),
    ).toBe(48);
    // 3 * 5 * 9 normals are no whole number of blocks of 16.
    expect(rrdbnetDraws([tensor('t.0.RDB1.conv1.weight', 3, 5, 3, 3), tensor('conv_last.weight', 3, 1, 1, 1)])).toBe(
      135 + 151 + 3,
    );
    expect(scunetDraws([tensor('m.relative_position_params', 2, 3, 3)])).toBe(18);
    const vision = { image_size: 4, layers: 1, width: 16, patch_size: 2 };
    // Patches, class, positions, block, projection.
    const picture = 192 + 16 + 80 + (768 + 272 + 1088 + 1040) + 64;
    expect(
      clipDraws(
        [tensor('token_embedding.weight', 16, 2), tensor('t.c_fc.weight', 8, 2), tensor('t.c_fc.bias', 8)],
        vision,
        4,
      ),
    ).toBe(64 + (16 + 8 + 16) + picture);
  });
});

describe('noise', () => {
  it('of a Brownian motion is what native code draws', () => {
    const [entropy] = primitives.torchDraws(7n, [
      { kind: 'randint', count: 1, low: 0n, high: 2n ** 63n - 1n },
    ])[0] as BigInt64Array;
    const [a, b, c, d] = [10000, 18.13, 7.41, 0.355].map(Math.fround) as [number, number, number, number];
    const levels = [
      [a, b],
      [b, c],
      [c, d],
    ] as const;
    const shape = [1, 4, 2, 2];
    const got = brownianIncrements(primitives, { entropy: entropy as bigint, shape, start: d, end: a }, levels);
    const want = primitives.brownianIncrements(7n, shape, d, a, Float32Array.from(levels.flat()));
    got.forEach((increment, i) => {
      expect(compare('', increment, want[i] ?? expect.fail(), 1e-5)).toMatchObject({ status: 'pass' });
    });
  });

  it('goes on through batches; the samples of a batch lie side by side', () => {
    const start = { primitives, schedule, shape: [4, 2, 2], skipped: 5 };
    const noise = (...argv: string[]) =>
      drawNoise(referenceArgs(['--sampler', 'spaced', '--steps', '2', ...argv]), start);
    const single = noise('--n_samples', '4');
    expect(single.map((draws) => draws.length)).toEqual([3, 3, 3, 3]);
    const [first, second] = noise('--n_samples', '3', '--batch_size', '2');
    // Both make x_T first, so that the second sample's follows the first's; alone, the first's later draws come between.
    expect(first?.[0]).toEqual(single[0]?.[0]);
    expect(second?.[0]).toEqual(single[0]?.[1]);
    const [raw] = primitives.torchDraws(231n, [{ kind: 'randn', shape: [1, 4, 2, 2] }]);
    expect(single[0]?.[0]?.data).not.toEqual(raw);
    expect(noise('--noise_aug', '9')[0]?.length).toBe(4);
  });
});
