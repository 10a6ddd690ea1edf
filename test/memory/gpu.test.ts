/** Plans for the memory of a GPU, with the sizes of v2.1. */
import { describe, expect, it } from 'vitest';
import { CLEANERS, rrdbnetLayout, scunetLayout, swinirLayout } from '../../bench/full-size/cleaners';
import type { Layout } from '../../bench/full-size/layout';
import { controlnetLayout, SD21, textLayout, unetLayout, vaeLayout } from '../../bench/full-size/stableDiffusion';
import { InvalidOptionError } from '../../src/errors';
import { faceFootprintOf, footprintOf } from '../../src/memory/footprint';
import { GPU_RESERVE, gpuMemoryBudget } from '../../src/memory/gpu';
import { planDetector } from '../../src/memory/planFaces';
import { planPicture } from '../../src/memory/planPicture';
import { gpuWeights, weightMemory } from '../../src/memory/weights';
import type { ModelSpec, NetworkSpec, Precision } from '../../src/native/binding';
import type { Provider } from '../../src/native/devices';
import type { RestoreOptions } from '../../src/options/RestoreOptions';
import { resolveOptions } from '../../src/options/resolve';
import { planned } from '../full-size/planned';

const MIB = 2 ** 20;

type Fill = (layout: Layout) => void;
const swinir: Fill = (layout) => swinirLayout(layout, CLEANERS.swinir);
const vae: Fill = (layout) => vaeLayout(layout, SD21.vae);
const text: Fill = (layout) => textLayout(layout, SD21.text);
const unet: Fill = (layout) => unetLayout(layout, SD21.unet);
const controlnet: Fill = (layout) => controlnetLayout(layout, SD21.unet);

function v21(provider: Provider, precision: Precision = 'float16'): ModelSpec {
  const network = (type: NetworkSpec['type'], fill: Fill) => ({ ...planned(type, fill), precision });
  return {
    cleaner: network('swinir', swinir),
    stage2: {
      vaeEncoder: network('vae_encoder', vae),
      vaeDecoder: network('vae_decoder', vae),
      textEncoder: network('clip_text', text),
      unet: network('unet', unet),
      controlnet: network('controlnet', controlnet),
      schedule: { timesteps: 2, linearStart: 0, linearEnd: 1, zeroSnr: false, parameterization: 'v' },
      latentScaleFactor: 1,
      minShortEdge: 512,
    },
    faces: null,
    threads: 1,
    keepNetworks: true,
    execution: { provider, device: 0 },
  };
}

const scunetOf: Fill = (layout) => scunetLayout(layout, CLEANERS.scunet);
/** Of v2: its cleaner is wider than the decoder. */
const bsrnet: Fill = (layout) => rrdbnetLayout(layout, CLEANERS.rrdbnet);
const v2: ModelSpec = { ...v21('cuda'), cleaner: { ...planned('rrdbnet', bsrnet), precision: 'float16' } };
const SPECS = { bsrnet: v2, float16: v21('cuda'), float32: v21('cuda', 'float32'), tensorrt: v21('tensorrt') };
type Name = keyof typeof SPECS;

function modelOf(spec: ModelSpec) {
  const { copied } = weightMemory(spec);
  return { footprint: footprintOf(spec), minShortEdge: 512, gpuWeights: gpuWeights(spec), copied };
}

const MODELS = Object.fromEntries(Object.entries(SPECS).map(([name, spec]) => [name, modelOf(spec)]));

function plan(side: number, options: RestoreOptions, name: Name = 'float16', stage: 1 | 2 = 2) {
  const model = MODELS[name] as ReturnType<typeof modelOf>;
  return planPicture({ width: side, height: side }, stage, model, resolveOptions(options));
}

/** Of a budget that is too small. */
function refusal(side: number, memoryBudget: number): InvalidOptionError | undefined {
  try {
    plan(side, { memoryBudget });
  } catch (error) {
    return error as InvalidOptionError;
  }
  return undefined;
}

describe('the weights', () => {
  const parameters = 865_910_724 + 363_153_280 + 83_653_863 + 15_792_587 + 354_032_641;

  it('lie in the memory of the GPU, all of them, in 16 bits or in 32', () => {
    // Of text encoder and SwinIR a few numbers are not parameters of the network.
    for (const [name, bytes] of [
      ['float16', 2],
      ['float32', 4],
    ] as const) {
      const { mapped, copied } = weightMemory(SPECS[name]);
      expect(mapped).toBe(0);
      expect(copied / (bytes * parameters)).toBeCloseTo(1, 2);
    }
    expect(weightMemory(v21('cpu', 'float32')).mapped).toBeGreaterThan(4000 * MIB);
    expect(gpuWeights(v21('cpu', 'float32'))).toBeUndefined();
  });

  it('are those of one stage where each opens its own; face networks stay in 32 bits', () => {
    const weights = gpuWeights(SPECS.float16);
    expect(weights?.diffusion).toBe(2 * (865_910_724 + 363_153_280));
    expect(weights?.all).toBe(weightMemory(SPECS.float16).copied);
    const tensor = { name: 'w', shape: [MIB], dtype: 'float32' as const, strides: [1], offset: 0, end: 0 };
    const weigh = { file: 'f', fileSize: 0, tensors: [tensor] };
    const network = (type: NetworkSpec['type'], precision?: Precision) =>
      ({ type, weights: weigh, prefix: '', config: {}, ...(precision && { precision }) }) as NetworkSpec;
    const faces = {
      cleaner: network('swinir', 'float16'),
      detector: network('retinaface'),
      parser: network('parsenet'),
    };
    const withFaces = gpuWeights({ ...SPECS.float16, faces });
    expect((withFaces?.all ?? 0) - (weights?.all ?? 0)).toBe((2 + 4 + 4) * MIB);
    // The face detector works beside all of them.
    const model = { faces: faceFootprintOf({ ...SPECS.float16, faces }), gpuWeights: withFaces };
    const options = { upscale: 1, parity: false, memoryBudget: 8000 };
    const size = { width: 4000, height: 3000 };
    const more = planDetector(size, { ...model, gpuWeights: undefined }, options);
    expect(planDetector(size, model, options)).toBeLessThan(more / 1.5);
  });
});

describe('the work of networks', () => {
  it('is half as much in float16, and in a GPU no less than on the CPU for float32', () => {
    const [float16, float32, cpu] = [
      footprintOf(SPECS.float16),
      footprintOf(SPECS.float32),
      footprintOf(v21('cpu', 'float32')),
    ];
    for (const part of ['cleaner', 'encoder', 'decoder'] as const) {
      expect(float16[part]).toBe(float32[part] / 2);
      expect(float32[part]).toBeGreaterThanOrEqual(cpu[part]);
    }
    // Two prompts at once, of which the controls are in float32.
    expect(float16.diffusion).toBeGreaterThan(float32.diffusion);
    expect(float16.diffusion).toBeLessThan(2 * float32.diffusion);
    expect(float16.features).toEqual(float32.features);
  });
});

describe('a plan', () => {
  const budgets = [2500, 4000, 6000, 9000, 15_000, 23_000, 47_000, 79_000];
  const sides = [512, 768, 1024, 1536, 2048, 2560];

  it.each(Object.keys(SPECS) as Name[])('%s: needs no more than the budget, with the weights that are open', (name) => {
    const { gpuWeights: weights } = MODELS[name] as ReturnType<typeof modelOf>;
    let plans = 0;
    for (const memoryBudget of budgets) {
      for (const side of sides) {
        try {
          const { work, keepNetworks } = plan(side, { memoryBudget }, name);
          const open = keepNetworks ? weights?.all : weights?.cleaner;
          expect(work + (open ?? 0)).toBeLessThanOrEqual(memoryBudget * MIB);
          plans++;
        } catch (error) {
          if (!(error instanceof InvalidOptionError)) throw error;
        }
      }
    }
    expect(plans).toBeGreaterThan(10);
  });

  it('of a picture of 512 x 512 takes less than 6 GB, everything open and whole', () => {
    const { work, keepNetworks, tiling } = plan(512, { memoryBudget: 23_000 });
    expect([keepNetworks, tiling.cleaner.tile, tiling.diffusion.tile, tiling.batch]).toEqual([true, 0, 0, 1]);
    expect(work + weightMemory(SPECS.float16).copied + GPU_RESERVE).toBeLessThan(6e9);
  });

  it('has the decoder beside what the diffusion model keeps, for which that has tiles', () => {
    const size = { memoryBudget: 44_000 };
    const { tiling, keepNetworks, work } = plan(2048, size, 'float32');
    const { footprint } = MODELS.float32 as ReturnType<typeof modelOf>;
    expect(keepNetworks).toBe(true);
    expect(tiling.diffusion.tile).toBe(832);
    expect(work).toBeGreaterThan(footprint.decoder * 2048 ** 2 + tiling.batch * footprint.diffusion * 832 ** 2);
    expect(plan(2048, { memoryBudget: 79_000 }, 'float32').tiling.diffusion.tile).toBe(0);
  });

  it('has tiles of the autoencoder, all of them at once where they fit with what they keep while they wait', () => {
    const decoder = (memoryBudget: number, options: RestoreOptions = {}) => {
      const { tiling, keepNetworks } = plan(2048, { memoryBudget, ...options });
      return [tiling.decoder, tiling.decoderAtOnce, keepNetworks];
    };
    expect(decoder(41_500)).toEqual([0, true, true]);
    expect(decoder(15_000)).toEqual([1024, true, true]);
    // Smaller ones at once rather than larger ones of which each runs again and again.
    expect(decoder(12_000)).toEqual([512, true, true]);
    expect(decoder(5000)).toEqual([832, false, false]);
    expect(decoder(15_000, { tiling: { decoder: 256 } })[0]).toBe(256);
    const { footprint } = MODELS.float16 as ReturnType<typeof modelOf>;
    const { work, tiling } = plan(2048, { memoryBudget: 15_000, tiling: { diffusion: 512, batch: 1 } });
    const [tile, pixels] = [(1024 + 2 * 88) ** 2, 2048 ** 2];
    const attention = (10 / 8) * (tile / 64) ** 2;
    const waiting = (3 * footprint.decoder * tile) / 4;
    const held = (3 + 2 * 12 + 2) * pixels + footprint.diffusion * 512 ** 2;
    expect(tiling.decoder).toBe(1024);
    expect(work).toBeCloseTo(held + footprint.decoder * tile + attention + waiting, -3);
  });

  it('of tiles on TensorRT counts the attention of CUDA, which runs them', () => {
    const tiling = { cleaner: 512, encoder: 512, diffusion: 512, decoder: 512, batch: 1 };
    const work = (name: Name) => plan(1024, { memoryBudget: 79_000, tiling }, name).work;
    expect(work('tensorrt')).toBe(work('float16'));
  });

  it('has a wide cleaner beside that too', () => {
    const { tiling, keepNetworks } = plan(1024, { memoryBudget: 24_500 }, 'bsrnet');
    expect([tiling.cleaner.tile, keepNetworks]).toEqual([640, true]);
  });

  it('has tiles of which no smaller ones cover the picture: four of 960 pixels would be four times the work', () => {
    const { keepNetworks, tiling } = plan(1024, { memoryBudget: 7900 });
    expect([keepNetworks, tiling.diffusion]).toEqual([true, { tile: 640, stride: 480 }]);
    const stride = plan(1024, { memoryBudget: 7900, tiling: { diffusionStride: 512 } }).tiling.diffusion;
    expect(stride).toEqual({ tile: 512, stride: 512 });
  });

  it('closes networks that leave the others too little', () => {
    expect(plan(1024, { memoryBudget: 5000 }).keepNetworks).toBe(false);
    expect(plan(1024, { memoryBudget: 9000 }).keepNetworks).toBe(true);
    // Also where all would fit, beside tiles in which the diffusion model sees too little; not if they are asked for.
    const [few, more] = [
      plan(1024, { memoryBudget: 7500 }),
      plan(1024, { memoryBudget: 7500, tiling: { diffusion: 256 } }),
    ];
    expect([few.keepNetworks, few.tiling.diffusion.tile]).toEqual([false, 0]);
    expect([more.keepNetworks, more.tiling.diffusion.tile]).toEqual([true, 256]);
  });

  it('has as many tiles in one call as fit and as a GPU can count, or as many as the caller says', () => {
    const batch = (memoryBudget: number, options: RestoreOptions = {}) =>
      plan(2560, { memoryBudget, ...options }).tiling.batch;
    expect([41_500, 43_000, 79_000].map((memoryBudget) => batch(memoryBudget))).toEqual([2, 3, 9]);
    expect(batch(79_000, { tiling: { batch: 3 } })).toBe(3);
    expect(plan(2560, { memoryBudget: 79_000, tiling: { diffusion: 2048, diffusionStride: 1024 } }).tiling.batch).toBe(
      4,
    );
    const tiles = { diffusion: 512, diffusionStride: 256 };
    expect(plan(2048, { memoryBudget: 79_000, tiling: tiles }).tiling.batch).toBe(49);
    expect(plan(4096, { memoryBudget: 16_000_000, tiling: tiles }).tiling.batch).toBe(64); // of 225
    // Both prompts, 320 channels, eight times as many in a transformer: 2 * 8 * 320 * 1024 ** 2 / 64 for each tile.
    const large = { diffusion: 1024, diffusionStride: 256 };
    expect(plan(4096, { memoryBudget: 16_000_000, tiling: large }).tiling.batch).toBe(25);
    // BSRNet has 64 channels in four times its input's width and height: seven tiles of 512 are 2^31 values but 2^28.
    const ofCleaner = { cleaner: 512, cleanerStride: 256 };
    expect(plan(4096, { memoryBudget: 16_000_000, tiling: ofCleaner }, 'bsrnet', 1).tiling.batch).toBe(7);
    expect(plan(6000, { memoryBudget: 34_000 }, 'float16', 1).tiling).toMatchObject({
      cleaner: { tile: 3456 },
      batch: 2,
    });
  });

  it('of features that are kept counts the weights beside them', () => {
    const { footprint, gpuWeights: weights } = MODELS.float16 as ReturnType<typeof modelOf>;
    const reuse = (memoryBudget: number) =>
      plan(512, { speed: 'fast', tiling: { diffusion: 512 }, memoryBudget: Math.ceil(memoryBudget) }).reuse;
    const perPixel = 3 + 20 + footprint.diffusion + 2 * footprint.features.deep;
    const needed = ((weights?.diffusion ?? 0) + perPixel * 512 ** 2) / MIB;
    expect([reuse(needed - 1), reuse(needed)]).toEqual(['none', 'deep']);
  });

  it("with parity is the caller's", () => {
    const { tiling, keepNetworks } = plan(1024, { parity: true, memoryBudget: 1, tiling: { cleaner: 512 } });
    expect([tiling.cleaner.tile, tiling.diffusion.tile, tiling.batch, keepNetworks]).toEqual([512, 0, 1, true]);
  });
});

describe('what a GPU cannot do is refused by name', () => {
  it('a budget below that of the smallest tiles; as much as the message says does', () => {
    const error = refusal(2048, 1500);
    expect(error).toMatchObject({ option: 'memoryBudget' });
    let needed = 0;
    for (let next = error; next; next = refusal(2048, needed)) {
      needed = Number(/at least (\d+) MiB/.exec(next.message)?.[1]);
    }
    expect(needed).toBeLessThan(2600);
    expect(refusal(2048, needed - 1)).toBeInstanceOf(InvalidOptionError);
  });

  it('more pixels in one call than it can count, with parity too; not in tiles, nor in stage 1', () => {
    const options = { memoryBudget: 16_000_000 };
    expect(plan(2880, options).tiling.decoder).toBe(0);
    expect(plan(2944, options).tiling.decoder).toBe(1024);
    const refused = expect.objectContaining({
      code: 'DIFFBIR_IMAGE_TOO_LARGE',
      message: expect.stringContaining('8388607'),
    });
    const whole = { encoder: 1024, decoder: 2944 };
    expect(() => plan(2944, { ...options, tiling: whole })).toThrow(refused);
    expect(() => plan(2944, { ...options, parity: true })).toThrow(refused);
    expect(() => plan(2944, { ...options, parity: true, tiling: { encoder: 1024, decoder: 1024 } })).not.toThrow();
    expect(() => plan(8192, { ...options, tiling: { decoder: 4096 } })).toThrow(refused);
    expect(() => plan(2944, { ...options, parity: true }, 'float16', 1)).not.toThrow();
  });

  it('tiles of the caller of which it cannot count those of one call; its own plans have smaller ones', () => {
    const options = { memoryBudget: 16_000_000 };
    // SwinIR has 64 channels for each pixel: 5793 x 5793 of them are more than 2^31.
    expect(plan(5760, options, 'float16', 1).tiling.cleaner.tile).toBe(0);
    expect(plan(5824, options, 'float16', 1).tiling.cleaner.tile).toBe(3328);
    expect(plan(8192, { ...options, tiling: { batch: 9 } }, 'float16', 1).tiling.cleaner.tile).toBe(1728);
    expect(plan(8192, { ...options, tiling: { batch: 64 } }).tiling.diffusion.tile).toBe(640);
    const refused = expect.objectContaining({
      code: 'DIFFBIR_IMAGE_TOO_LARGE',
      message: expect.stringMatching(/in one call of (cleaner|diffusion).*smaller tiling/),
    });
    const given = { cleaner: 4096, cleanerStride: 4096 };
    expect(() => plan(8192, { ...options, tiling: { ...given, batch: 9 } }, 'float16', 1)).toThrow(refused);
    expect(() => plan(8192, { ...options, tiling: { ...given, batch: 9 } }, 'float16', 1)).toThrow(
      'get 4 tiles of 4096',
    );
    expect(plan(8192, { ...options, tiling: given }, 'float16', 1).tiling.batch).toBe(1);
    expect(() => plan(4096, { ...options, tiling: { ...given, batch: 4 } }, 'float16', 1)).not.toThrow();
    expect(() => plan(4096, { ...options, tiling: { diffusion: 2048, batch: 9 } })).toThrow(refused);
    expect(() => plan(5824, { ...options, parity: true }, 'float16', 1)).toThrow(refused);
    // SCUNet has twice as many in its transformers as anywhere else.
    const scunet = modelOf({ ...v21('cuda'), cleaner: { ...planned('scunet', scunetOf), precision: 'float16' } });
    const whole = (side: number) => planPicture({ width: side, height: side }, 1, scunet, resolveOptions(options));
    expect([4032, 4096].map((side) => whole(side).tiling.cleaner.tile)).toEqual([0, 2368]);
  });

  it('the gradient of guidance between pictures, beside what sampling keeps, and of more pixels than it can count', () => {
    const rgb = (scale: number, memoryBudget: number, side = 512) =>
      plan(side, { memoryBudget, guidance: { scale, space: 'rgb' } });
    const { footprint, gpuWeights: weights } = MODELS.float16 as ReturnType<typeof modelOf>;
    // The picture whole in all networks: the decoder's weights twice in float32, four copies of an eighth of its logits.
    const gradient = footprint.gradient * 512 ** 2 + 4 * (4 / 8) * (512 ** 2 / 64) ** 2 + (weights?.gradient ?? 0);
    expect((weights?.gradient ?? 0) / (2 * 4 * 49_490_199)).toBeCloseTo(1, 3);
    const sampling = (3 + 20 + footprint.diffusion) * 512 ** 2;
    expect(rgb(1, 23_000).work).toBeCloseTo(sampling + gradient, 0);
    expect(rgb(0, 23_000).work).toBeLessThan(sampling + gradient);

    // Networks by stages where that leaves it room, and nothing below.
    const least = ((weights?.diffusion ?? 0) + sampling + gradient) / MIB;
    expect(rgb(1, Math.ceil(least)).keepNetworks).toBe(false);
    expect(() => rgb(1, Math.floor(least) - 500)).toThrow(
      /MiB for memoryBudget.*the gradient of guidance.space: rgb on all of them at once$/,
    );
    expect(() => rgb(1, 16_000_000, 2944)).toThrow(
      /Expected latent for guidance.space.*a GPU can count no more than 8388607$/,
    );
    expect(() => rgb(0, 16_000_000, 2944)).not.toThrow();
    const tiles = { encoder: 1024, decoder: 1024, diffusion: 1024 };
    const whole = { parity: true, tiling: tiles, guidance: { scale: 1, space: 'rgb' } } as const;
    expect(() => plan(2880, whole)).not.toThrow();
    expect(() => plan(2944, whole)).toThrow(/Expected latent for guidance.space/);
  });
});

it('the budget is what the fullest of the GPUs has free, but a reserve', () => {
  expect(gpuMemoryBudget([80_000 * MIB, 24_000 * MIB])).toBe(24_000 - 768);
  expect(gpuMemoryBudget([100 * MIB])).toBe(1);
});
