/** Tile sizes that follow from a memory budget. */
import { describe, expect, it } from 'vitest';
import { InvalidOptionError } from '../../src/errors';
import { defaultMemoryBudget } from '../../src/memory/budget';
import { type Footprint, footprintOf } from '../../src/memory/footprint';
import { featuresFit, peakBytes, planTiles } from '../../src/memory/planTiles';
import type { PlanOptions } from '../../src/memory/stages';
import { resolveOptions } from '../../src/options/resolve';
import { goldenSpec } from '../lifecycle/model';

const MIB = 2 ** 20;
const footprint: Footprint = {
  ...{ cleaner: 1024, cleanerScale: 1, encoder: 384, decoder: 768, diffusion: 100 },
  ...{ features: { encoder: 50, deep: 20 }, gradient: 1.6 * 768 },
};
const LARGE = { width: 8000, height: 6000 };
const AUTOMATIC = { cleaner: 0, cleanerStride: 0, encoder: 0, decoder: 0, diffusion: 0, diffusionStride: 0, batch: 1 };

function plan(size: { width: number; height: number }, options: Partial<PlanOptions>, stage: 1 | 2 = 2) {
  return planTiles(
    size,
    stage,
    { footprint, minShortEdge: 512 },
    {
      upscale: 1,
      parity: false,
      tiling: AUTOMATIC,
      guidance: resolveOptions().guidance,
      memoryBudget: 2048,
      ...options,
    },
  );
}

describe('planTiles', () => {
  it('takes the picture whole where it fits', () => {
    const { cleaner, encoder, decoder, diffusion } = plan({ width: 640, height: 512 }, { memoryBudget: 1000 });
    expect([cleaner.tile, encoder, decoder, diffusion.tile]).toEqual([0, 0, 0, 0]);
  });

  it('cuts no more with more memory, and something at last', () => {
    const size = { width: 3072, height: 2304 };
    const budgets = [400, 600, 1000, 1500, 2500, 4000, 6000, 8000, 12000];
    const tiles = budgets.map((memoryBudget) => plan(size, { memoryBudget }));
    const sizes = [
      tiles.map(({ cleaner }) => cleaner.tile || 99999), // whole is larger than any tile
      tiles.map(({ encoder }) => encoder || 99999),
      tiles.map(({ decoder }) => decoder || 99999),
      tiles.map(({ diffusion }) => diffusion.tile || 99999),
    ];
    for (const series of sizes) expect(series).toEqual([...series].sort((a, b) => a - b));
    expect(sizes[0]?.at(0)).toBeLessThan(1024);
    expect(sizes[0]?.at(-1)).toBe(99999);
    expect(sizes[2]?.at(0)).toBeLessThan(sizes[2]?.at(-1) as number);
  });

  it.each([1600, 2048, 4096, 16384])('%i MiB: multiples of what the networks take, without gaps', (memoryBudget) => {
    const { cleaner, encoder, decoder, diffusion } = plan(LARGE, { memoryBudget });
    for (const tile of [cleaner.tile, encoder, decoder, diffusion.tile]) {
      expect(tile).toBeGreaterThan(0);
      expect(tile % 64).toBe(0);
    }
    for (const { tile, stride } of [cleaner, diffusion]) {
      expect(stride).toBeLessThan(tile);
      expect(stride).toBeGreaterThanOrEqual(tile / 2);
      expect(stride % 8).toBe(0);
    }
  });

  it.each([1600, 2048, 4096])('%i MiB hold the picture and the tiles', (memoryBudget) => {
    const { cleaner, decoder, decoderAtOnce, diffusion } = plan(LARGE, { memoryBudget });
    const pixels = LARGE.width * LARGE.height;
    // What nothing can do without: the picture in 8 bits, the condition image and, to decode, the result in floats.
    expect(15 * pixels + footprint.cleaner * cleaner.tile ** 2).toBeLessThan(memoryBudget * MIB);
    expect(15 * pixels + footprint.diffusion * diffusion.tile ** 2).toBeLessThan(memoryBudget * MIB);
    expect(27 * pixels + footprint.decoder * (decoder + 176) ** 2).toBeLessThan(memoryBudget * MIB);
    expect(decoderAtOnce).toBe(false);
  });

  it('keeps all tiles in memory where they fit', () => {
    const size = { width: 3072, height: 2304 };
    const tiling = { ...AUTOMATIC, decoder: 1024 };
    expect(plan(size, { memoryBudget: 20_000, tiling }).decoderAtOnce).toBe(true);
    expect(plan(size, { memoryBudget: 2000, tiling }).decoderAtOnce).toBe(false);
  });

  it('works on pictures of more than 4 megapixels in tiles where attention would take the square of the time', () => {
    const { cleaner, encoder, diffusion } = plan(LARGE, { memoryBudget: 200_000 });
    expect(cleaner.tile).toBe(0);
    expect([encoder, diffusion.tile]).toEqual([1024, 1024]);
  });

  it('keeps what the caller gave', () => {
    const tiling = {
      cleaner: 256,
      cleanerStride: 100,
      encoder: 264,
      decoder: 16384,
      diffusion: 512,
      diffusionStride: 0,
      batch: 3,
    };
    expect(plan(LARGE, { tiling })).toMatchObject({
      cleaner: { tile: 256, stride: 100 },
      encoder: 264,
      decoder: 16384,
      diffusion: { tile: 512, stride: 256 },
      batch: 3,
    });
  });

  it('smaller tiles where several go through a network at once, and none for a picture that fits whole', () => {
    const memoryBudget = 1600;
    const one = plan(LARGE, { memoryBudget });
    const four = plan(LARGE, { memoryBudget, tiling: { ...AUTOMATIC, batch: 4 } });
    expect(four.cleaner.tile).toBeLessThan(one.cleaner.tile);
    expect(four.decoder).toBe(one.decoder);
    expect(plan({ width: 512, height: 512 }, { tiling: { ...AUTOMATIC, batch: 64 } }).cleaner.tile).toBe(0);
  });

  it('parity: only the tiles that were given, and statistics of all', () => {
    const { cleaner, encoder, decoder, diffusion, decoderAtOnce } = plan(LARGE, { parity: true, memoryBudget: 1 });
    expect([cleaner.tile, encoder, decoder, diffusion.tile]).toEqual([0, 0, 0, 0]);
    expect(decoderAtOnce).toBe(true);
  });

  it('refuses guidance in rgb space where the whole decoder and its gradient do not fit', () => {
    const guidance = { ...resolveOptions().guidance, space: 'rgb', scale: 1 } as const;
    const size = { width: 1024, height: 1024 };
    const refused = () => plan(size, { guidance, memoryBudget: 1500 });
    expect(refused).toThrow(InvalidOptionError);
    expect(refused).toThrow('guidance.space');
    expect(plan(size, { guidance: { ...guidance, scale: 0 }, memoryBudget: 1500 }).decoder).toBe(0);
    // 768 x 1.6 bytes for each pixel, 4 of the attention's 16384 x 2048 floats, 29 of the pipeline.
    expect(() => plan(size, { guidance, memoryBudget: 1770 })).not.toThrow();
    expect(() => plan(size, { guidance, memoryBudget: 1769 })).toThrow('MiB for memoryBudget');
  });

  it('features are kept where they fit beside the tiles: for each prompt, and twice where tiles overlap', () => {
    const size = { width: 2048, height: 2048 };
    const fits = (memoryBudget: number, reuse: 'encoder' | 'deep', cfgScale = 1, diffusion = 0) => {
      const options = { ...resolveOptions(), cfgScale, memoryBudget, tiling: { ...AUTOMATIC, diffusion } };
      const model = { footprint, minShortEdge: 512 };
      return featuresFit(size, model, options, planTiles(size, 2, model, { ...options, memoryBudget: 9999 }), reuse);
    };
    // 2048 x 2048 pixels are 4 Mi: 23 bytes of the pipeline, 100 of the network, 50 or 20 of the features, each 4 MiB.
    expect([fits(692, 'encoder'), fits(691, 'encoder')]).toEqual([true, false]);
    expect([fits(572, 'deep'), fits(571, 'deep')]).toEqual([true, false]);
    expect([fits(892, 'encoder', 4), fits(891, 'encoder', 4)]).toEqual([true, false]);
    // A tile of 512 is 25 MiB; half of it overlaps on each axis.
    expect([fits(917, 'encoder', 1, 512), fits(916, 'encoder', 1, 512)]).toEqual([true, false]);
  });

  it('the peak of a picture is that of the stage that needs most, sampling with what reuse keeps', () => {
    const size = { width: 2048, height: 2048 };
    const options = { ...resolveOptions(), cfgScale: 1, memoryBudget: 9999, tiling: AUTOMATIC };
    const peak = (decoder: number, reuse: 'none' | 'encoder' | 'deep', stage: 1 | 2 = 2) => {
      const model = { footprint: { ...footprint, cleaner: 10, encoder: 10, decoder }, minShortEdge: 512 };
      return peakBytes(size, stage, model, options, planTiles(size, 2, model, options), reuse) / 2048 ** 2;
    };
    expect([peak(10, 'none'), peak(10, 'encoder'), peak(10, 'deep')]).toEqual([123, 173, 143]);
    expect(peak(1000, 'encoder')).toBeGreaterThan(1000);
    expect(peak(1000, 'none', 1)).toBeLessThan(100);

    const rgb = {
      ...options,
      memoryBudget: 14_000,
      guidance: { ...options.guidance, scale: 1, space: 'rgb' },
    } as const;
    const model = { footprint, minShortEdge: 512 };
    const guided = peakBytes(size, 2, model, rgb, planTiles(size, 2, model, rgb), 'none') / 2048 ** 2;
    expect(guided).toBeCloseTo(1.6 * 768 + 4 * (4 / 8) * (2048 / 64) ** 2 + 29, 5);
  });

  it('stage 1 needs less than both', () => {
    expect(plan(LARGE, { memoryBudget: 1300 }, 1).cleaner.tile).toBeGreaterThan(0);
    expect(() => plan(LARGE, { memoryBudget: 1300 }, 2)).toThrow(InvalidOptionError);
  });

  it('a budget too small for the smallest tiles names itself and what would do', () => {
    const refused = (memoryBudget: number) => {
      try {
        plan(LARGE, { memoryBudget });
      } catch (error) {
        return error as InvalidOptionError;
      }
      return undefined;
    };
    let error = refused(10);
    expect(error).toMatchObject({ code: 'DIFFBIR_INVALID_OPTION', option: 'memoryBudget' });
    // Each stage names what it needs; after at most four of them nothing is left to complain about.
    let needed = 0;
    for (let stage = 0; error; stage++) {
      expect(stage).toBeLessThan(4);
      needed = Number(/Expected at least (\d+) MiB for memoryBudget/.exec(error.message)?.[1]);
      error = refused(needed);
    }
    expect(needed).toBeLessThan(1600);
  });

  it('a stride beyond the planned tile is refused by name', () => {
    const tiling = { ...AUTOMATIC, diffusionStride: 8000 };
    expect(() => plan(LARGE, { tiling })).toThrow(/tiling\.diffusionStride/);
  });
});

describe('footprintOf', () => {
  it('follows from the widths of a checkpoint', async () => {
    const spec = await goldenSpec({ stage: 2 });
    const found = footprintOf(spec);
    for (const bytes of [found.cleaner, found.encoder, found.decoder, found.diffusion])
      expect(bytes).toBeGreaterThan(0);
    expect(found.cleanerScale).toBe(1);
    const width = (spec.stage2?.vaeEncoder.weights.tensors ?? []).find(({ name }) =>
      name.endsWith('encoder.down.0.block.0.conv1.weight'),
    )?.shape[0];
    expect(found.encoder).toBeGreaterThanOrEqual(24 * (width as number));
  });

  it.each([
    [
      'x4, Real-ESRGAN',
      {
        'conv_first.weight': [64, 3, 3, 3],
        'conv_up1.weight': [64, 64, 3, 3],
        'conv_up2.weight': [64, 64, 3, 3],
        'conv_last.weight': [3, 64, 3, 3],
      },
      4,
    ],
    [
      'x2 by unshuffling',
      {
        'conv_first.weight': [64, 12, 3, 3],
        'conv_up1.weight': [64, 64, 3, 3],
        'conv_up2.weight': [64, 64, 3, 3],
        'conv_last.weight': [3, 64, 3, 3],
      },
      2,
    ],
    [
      'x4, BSRGAN',
      {
        'conv_first.weight': [64, 3, 3, 3],
        'upconv1.weight': [64, 64, 3, 3],
        'upconv2.weight': [64, 64, 3, 3],
        'conv_last.weight': [3, 64, 3, 3],
      },
      4,
    ],
  ])('RRDBNet %s: the scale and the cost of its output', (_, shapes, scale) => {
    const tensors = Object.entries(shapes).map(([name, shape]) => ({
      name,
      dtype: 'float32' as const,
      shape,
      strides: [],
      offset: 0,
      end: 0,
    }));
    const cleaner = { type: 'rrdbnet' as const, weights: { file: '', fileSize: 0, tensors }, prefix: '', config: {} };
    expect(footprintOf({ cleaner, stage2: null, execution: { provider: 'cpu', device: 0 } })).toMatchObject({
      cleanerScale: scale,
      cleaner: 32 * 64 * scale ** 2,
    });
  });
});

describe('defaultMemoryBudget', () => {
  it.each([
    ['half of the machine', 8192 * MIB, undefined, 4096],
    ['no limit by cgroup', 8192 * MIB, 0, 4096],
    ['a limit that is none', 8192 * MIB, 2 ** 62, 4096],
    ['half of the container', 8192 * MIB, 2048 * MIB, 1024],
  ])('%s', (_, total, constrained, budget) => {
    expect(defaultMemoryBudget(total, constrained)).toBe(budget);
  });
});
