/** Networks stay open between pictures where the copies of their weights fit `memoryBudget` beside a picture. */
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type RestoreOptions, Restorer } from '../../src/index';
import { internals } from '../../src/internals';
import { loadModel } from '../../src/loadModel';
import { peakBytes, planTiles } from '../../src/memory/planTiles';
import { keepsNetworks, weightMemory } from '../../src/memory/weights';
import type { DType, NetworkSpec } from '../../src/native/binding';
import { resolveOptions } from '../../src/options/resolve';
import { validateOptions } from '../../src/options/validate';
import { FACES, fakeNative, modelFolder } from '../facade/fakes';

const MIB = 2 ** 20;
const SAMPLE = path.resolve(import.meta.dirname, '../../examples/sample/degraded.jpg');
const PICTURE = { data: new Uint8Array(64 * 64 * 3), width: 64, height: 64, channels: 3 } as const;

/** A checkpoint with `mebibytes` of float32. */
function checkpoint(mebibytes: number, dtype: DType = 'float32') {
  const shape = [(mebibytes * MIB) / 4];
  return { file: 'f', fileSize: 0, tensors: [{ name: 'w', dtype, shape, strides: [1], offset: 0, end: 0 }] };
}

function network(type: NetworkSpec['type'], mebibytes: number, dtype?: DType): NetworkSpec {
  return { type, weights: checkpoint(mebibytes, dtype), prefix: '', config: {} };
}

describe('weightMemory()', () => {
  const spec = {
    cleaner: network('swinir', 1),
    stage2: {
      vaeEncoder: network('vae_encoder', 2),
      vaeDecoder: network('vae_decoder', 2),
      textEncoder: network('clip_text', 4),
      unet: network('unet', 8),
      controlnet: network('controlnet', 16, 'float16'),
      schedule: { timesteps: 2, linearStart: 0, linearEnd: 1, zeroSnr: false, parameterization: 'v' },
      latentScaleFactor: 1,
      minShortEdge: 512,
    },
    faces: null,
    execution: { provider: 'cpu', device: 0 },
  } as const;
  const faces = {
    cleaner: network('swinir', 32),
    detector: network('retinaface', 64),
    parser: network('parsenet', 128),
  };
  const mebibytes = (...args: Parameters<typeof weightMemory>) => {
    const { mapped, copied } = weightMemory(...args);
    return [mapped / MIB, copied / MIB];
  };

  it('counts the copies of all networks, or of the stage that has most', () => {
    expect(mebibytes(spec)).toEqual([8, 1 + 2 + 16]);
    expect(mebibytes(spec, false)).toEqual([8, 16]);
    expect(mebibytes({ ...spec, faces })).toEqual([8, 19 + 32 + 64 + 128]);
    expect(mebibytes({ ...spec, faces }, false)).toEqual([8, 64 + 128]);
    expect(mebibytes({ ...spec, stage2: null })).toEqual([0, 1]);
  });

  it('counts a byte and its share of a scale for a weight of 8 bits, and all of what stays in float32', () => {
    const unet = (shape: readonly number[]) =>
      ({
        ...network('unet', 0),
        precision: 'int8',
        weights: { ...checkpoint(0), tensors: checkpoint(0).tensors.map((one) => ({ ...one, shape })) },
      }) as const;
    const withUnet = (shape: readonly number[]) => {
      const stage2 = { ...spec.stage2, controlnet: network('controlnet', 0), unet: unet(shape) };
      return mebibytes({ ...spec, stage2 });
    };
    expect(withUnet([1024, 1024])).toEqual([4, 1 + 2 + 1 + 8 / 320]);
    expect(withUnet([1024 * 1024])).toEqual([4, 1 + 2]);
    expect(withUnet([16, 65536])).toEqual([4, 1 + 2]);
  });

  it('the mapped ones of sampling and of the prompts are not there at the same time', () => {
    const unet = network('unet', 3);
    expect(mebibytes({ ...spec, stage2: { ...spec.stage2, unet } })).toEqual([4, 19]);
  });
});

describe('keepsNetworks()', () => {
  it('where copies and work fit; parity plans nothing', () => {
    const keeps = (memoryBudget: number, parity = false) => keepsNetworks(60 * MIB, 40 * MIB, { memoryBudget, parity });
    expect([keeps(100), keeps(99), keeps(1, true)]).toEqual([true, false, true]);
  });
});

describe('a Restorer', () => {
  /** Of a model of eight networks (the encoder and decoder count as one), each with the same 100 MiB as copies. */
  const load = async (options: RestoreOptions) => {
    const fake = fakeNative();
    const rooms = { ...fake.internals, readCheckpoint: async () => checkpoint(100, 'float16') };
    const model = modelFolder({ ...FACES, minShortEdge: 64 });
    return { fake, model: await loadModel(validateOptions({ model, ...options }), rooms) };
  };

  it('opens its networks when it is created if all of them fit', async () => {
    const kept = async (options: RestoreOptions) => (await load(options)).fake.specs.at(-1)?.keepNetworks;
    expect([await kept({ memoryBudget: 500 }), await kept({ memoryBudget: 499 })]).toEqual([true, false]);
    expect([await kept({ memoryBudget: 100, stage: 1 }), await kept({ memoryBudget: 99, stage: 1 })]).toEqual([
      true,
      false,
    ]);
    const task = 'unaligned_face';
    expect([await kept({ task, memoryBudget: 800 }), await kept({ task, memoryBudget: 799 })]).toEqual([true, false]);
  });

  it('keeps them after a picture if they fit beside it', async () => {
    const { fake, model } = await load({});
    const restorer = new Restorer(model);
    const kept = async (options: RestoreOptions) => {
      await restorer.restore(PICTURE, { steps: 2, ...options });
      return fake.jobs.at(-1)?.keepNetworks;
    };
    for (const options of [{}, { upscale: 4 }]) {
      const resolved = resolveOptions(options, ...model.layers);
      const tiles = planTiles(PICTURE, 2, model, resolved);
      const memoryBudget = 500 + Math.ceil(peakBytes(PICTURE, 2, model, resolved, tiles, 'none') / MIB);
      expect(memoryBudget).toBeGreaterThan(500);
      expect(await kept({ ...options, memoryBudget })).toBe(true);
      expect(await kept({ ...options, memoryBudget: memoryBudget - 1 })).toBe(false);
    }
    expect(await kept({ parity: true, memoryBudget: 1 })).toBe(true);
  });

  it('gives the same picture with a small budget, and has no network open then', async () => {
    const open = () => internals.loadBinding().primitives.openNetworks();
    const options = { steps: 2, tiling: { cleaner: 512, encoder: 512, diffusion: 512, decoder: 512 } };
    await using restorer = await Restorer.create({ ...options, memoryBudget: 4000 });
    expect(open()).toBe(5);
    const { data } = await restorer.restore(SAMPLE);
    expect(open()).toBe(5);
    expect((await restorer.restore(SAMPLE, { memoryBudget: 30 })).data).toEqual(data);
    expect(open()).toBe(0);
    await using small = await Restorer.create({ ...options, memoryBudget: 30 });
    expect(open()).toBe(0);
    expect((await small.restore(SAMPLE)).data).toEqual(data);
  });
});
