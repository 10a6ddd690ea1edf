/** Pictures on a GPU: what goes up and down, what waits, and what is left. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NativeModel } from '../../src/native/binding';
import { SAMPLERS } from '../../src/options/choices';
import type { RestoreOptions } from '../../src/options/RestoreOptions';
import { Restorer } from '../../src/restorer';
import { CALL, HEIGHT, OTHERS, testPicture, WIDTH } from '../gpu/pictures';
import { isBuilt, Rehearsal } from './hook';

/** What the plans of memory close, out of their turn. */
const closeNetworks = (restorer: Restorer) => {
  interface Floor {
    readonly places: readonly { readonly native: NativeModel }[];
  }
  const { model } = restorer as unknown as { model: { admission: { floors: readonly Floor[] } } };
  const natives = model.admission.floors.flatMap(({ places }) => places.map(({ native }) => native));
  return Promise.all(natives.map((native) => native.closeNetworks()));
};
const BETWEEN_PICTURES: RestoreOptions = { guidance: { scale: 0.05, space: 'rgb' } };

describe.skipIf(!isBuilt)('pictures on a GPU that is rehearsed', () => {
  let rehearsal: Rehearsal;
  beforeAll(() => {
    rehearsal = new Rehearsal();
    rehearsal.begin();
  });

  const restored = async (restorer: Restorer, options: RestoreOptions = {}) => {
    rehearsal.begin();
    const { data, warnings } = await restorer.restore(testPicture(WIDTH, HEIGHT), { ...CALL, ...options });
    return { bytes: data.length, warnings, ...rehearsal.report() };
  };

  describe.each(['float16', 'float32'] as const)('%s', (precision) => {
    let restorer: Restorer;
    beforeAll(async () => {
      restorer = await Restorer.create({ device: 'cuda', precision });
    });
    afterAll(async () => {
      await restorer.dispose();
      expect(rehearsal.report().devices).toMatchObject([{ taken: 0 }]);
    });

    const all: (readonly [string, RestoreOptions])[] = [
      ...SAMPLERS.map((sampler) => [sampler, { sampler }] as const),
      ...OTHERS.filter(([, { parity }]) => precision === 'float32' || !parity),
    ];
    it.each(all)('%s: one download, of the picture, beside checks of one number each', async (_name, options) => {
      const { bytes, counts, refused } = await restored(restorer, options);
      expect(refused).toEqual([]);
      expect(counts).not.toHaveProperty('launches on no stream');
      const others = (counts['copies down'] as number) - 1;
      expect(counts['bytes down']).toBe(bytes + 4 * others);
    });

    it('has tiles of the autoencoder whose statistics are pooled on the GPU: nothing waits for them', async () => {
      const tiles = { ...CALL, tiling: { encoder: 64, decoder: 64 }, upscale: 2 };
      await restored(restorer, tiles); // opens what tiles run through, which uploads weights
      expect((await restored(restorer, tiles)).counts.waits).toBeLessThan(5);
    });

    it('has its matrix products in the precision that was asked for', async () => {
      const { counts } = await restored(restorer, BETWEEN_PICTURES);
      const kinds = Object.keys(counts).filter((what) => what.startsWith('products'));
      // Guidance differentiates the decoder in float32, and where the model is one of float16 with TF32.
      expect(kinds).toEqual(
        precision === 'float16' ? ['products in TF32', 'products of float16'] : ['products of float32'],
      );
    });
  });

  it.each(['float16', 'float32'] as const)(
    '%s: records UNet and ControlNet once, and nothing else; then no step waits until the GPU is idle',
    async (precision) => {
      await using restorer = await Restorer.create({ device: 'cuda', precision });
      expect((await restored(restorer)).counts).toMatchObject({ recordings: 2 });
      const [few, many] = [await restored(restorer, { steps: 2 }), await restored(restorer, { steps: 20 })];
      expect(few.counts).toMatchObject({ 'graph launches': 4 });
      expect(many.counts).toMatchObject({ 'graph launches': 40 });
      expect(many.counts).not.toHaveProperty('recordings');
      expect(few.counts.waits).toBeLessThan(5);
      expect(few.counts['waits until idle']).toBeGreaterThan(0); // for the first and the last of a picture
      for (const what of ['waits', 'waits until idle']) expect(many.counts[what]).toBe(few.counts[what]);
    },
  );

  it('goes on after a job that was aborted', async () => {
    const restorer = await Restorer.create({ device: 'cuda' });
    const abort = new AbortController();
    const onProgress = ({ stage }: { stage: string }) => void (stage === 'sample' && abort.abort());
    const job = restorer.restore(testPicture(WIDTH, HEIGHT), { steps: 1000, onProgress, signal: abort.signal });
    await expect(job).rejects.toMatchObject({ code: 'DIFFBIR_ABORTED' });
    expect((await restored(restorer)).refused).toEqual([]);
    await restorer.dispose();
    expect(rehearsal.report().devices).toMatchObject([{ taken: 0 }]);
  });

  it('may be made while other Restorers open networks, record and end', async () => {
    rehearsal.begin();
    const live = async (precision: 'float16' | 'float32', side: number) => {
      for (let i = 0; i < 4; i++) {
        const restorer = await Restorer.create({ device: 'cuda', precision, concurrency: 2 });
        const picture = testPicture(side + 64 * i, side);
        await Promise.all([1, 2, 3].map((samples) => restorer.restore(picture, { ...CALL, samples })));
        await restorer.dispose();
      }
    };
    await Promise.all([live('float16', 64), live('float32', 64), live('float16', 128)]);
    const { refused, devices, counts } = rehearsal.report();
    expect(refused).toEqual([]);
    expect(counts.recordings).toBeGreaterThan(8);
    expect(devices).toMatchObject([{ taken: 0 }]);
  });

  it('may be recorded while the networks of another Restorer are closed', async () => {
    rehearsal.begin();
    await using records = await Restorer.create({ device: 'cuda', precision: 'float32' });
    await using closes = await Restorer.create({ device: 'cuda', precision: 'float16' });
    let isOver = false;
    const closing = async () => {
      while (!isOver) await closeNetworks(closes);
    };
    const recording = async () => {
      try {
        for (let i = 0; i < 8; i++) await records.restore(testPicture(64 + 64 * i, 64), { ...CALL, steps: 2 });
      } finally {
        isOver = true;
      }
    };
    await Promise.all([closing(), recording()]);
    const { refused, counts } = rehearsal.report();
    expect(refused).toEqual([]);
    expect(counts.recordings).toBe(16);
  });

  it('spreads pictures over two GPUs', async () => {
    rehearsal.begin({ devices: 2 });
    const restorer = await Restorer.create({ device: 'cuda:0,1' });
    const inputs = [1, 2, 3, 4].map(() => testPicture(WIDTH, HEIGHT));
    for await (const { error } of restorer.restoreAll(inputs, CALL)) expect(error).toBeUndefined();
    const { counts, refused } = rehearsal.report();
    expect(refused).toEqual([]);
    expect(counts['launches on device 0']).toBeGreaterThan(0);
    expect(counts['launches on device 1']).toBeGreaterThan(0);
    await restorer.dispose();
    expect(rehearsal.report().devices).toMatchObject([{ taken: 0 }, { taken: 0 }]);
  });
});
