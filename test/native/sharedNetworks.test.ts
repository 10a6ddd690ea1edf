/** Networks are of the process: models that want the same have one, and it goes with the last of them. */
import { copyFileSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { CLEANERS, swinirLayout } from '../../bench/full-size/cleaners';
import { Layout } from '../../bench/full-size/layout';
import { writeTorchFile } from '../../bench/full-size/torchFile';
import { readCheckpoint } from '../../src/checkpoint/readCheckpoint';
import type { ModelSpec, NativeModel, NetworkSpec, RestoreJob } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import { temporaryFolder } from '../checkpoint/build';
import { ENDLESS, goldenSpec, jobOf } from '../lifecycle/model';

const binding = loadBinding();
const golden = await goldenSpec({ stage: 2 });
const stage2 = { ...(golden.stage2 as NonNullable<ModelSpec['stage2']>), minShortEdge: 64 };
const spec: ModelSpec = { ...golden, stage2 };
const cleanerOnly = await goldenSpec({ stage: 1 });
const folder = temporaryFolder();
/** Cleaner, text encoder, both halves of the autoencoder, UNet, ControlNet. */
const ALL = 6;

const aborted = expect.objectContaining({ code: 'DIFFBIR_ABORTED' });
const open = () => binding.primitives.openNetworks();
const start = (model: ModelSpec = spec) => binding.createModel(model, () => {});
const models: NativeModel[] = [];
const load = async (model?: ModelSpec) => {
  const loaded = await start(model).promise;
  models.push(loaded);
  return loaded;
};
const restore = async (model: NativeModel, job: RestoreJob) => (await model.restore(job, () => {}).promise).image.data;

afterEach(async () => {
  await Promise.all(models.splice(0).map((model) => model.dispose()));
  expect(open()).toBe(0);
});

describe('two models of the same files', () => {
  const job = jobOf({ stage: 2, steps: 2 });

  test('have one set of networks, and one works on when the other is disposed', async () => {
    const [first, second] = [await load(), await load()];
    expect(open()).toBe(ALL);
    const expected = await restore(first, job);
    await first.dispose();
    expect(open()).toBe(ALL);
    expect(await restore(second, job)).toEqual(expected);
  });

  test('run at the same time, also in tiles whose statistics are pooled inside the networks', async () => {
    const [first, second] = [await load(), await load()];
    const tiling = { ...job.tiling, encoder: 64, decoder: 8, decoderAtOnce: false };
    const [a, b] = [20, 90].map((level): RestoreJob => {
      const data = new Uint8Array(192 * 192 * 3).map((_, i) => level + (i % 100));
      return { ...job, image: { width: 192, height: 192, data }, tiling };
    }) as [RestoreJob, RestoreJob];
    const alone = [await restore(first, a), await restore(first, b)];
    expect(await Promise.all([restore(first, a), restore(second, b)])).toEqual(alone);
  });

  test('created at the same time build every network once', async () => {
    const [first] = await Promise.all([load(), load(), load()]);
    expect(open()).toBe(ALL);
    expect(await restore(first, job)).toHaveLength(64 * 64 * 3);
  });

  test('the one that builds is cancelled: the one that waits for it builds instead', async () => {
    for (let round = 0; round < 5; round++) {
      const builder = start();
      const waiting = start();
      builder.cancel();
      await expect(builder.promise).rejects.toEqual(aborted);
      const model = await waiting.promise;
      expect(open()).toBe(ALL);
      await model.dispose();
    }
  });

  test('the one that waits is cancelled: it ends long before the network is built, and the builder goes on', async () => {
    const slow: ModelSpec = { ...cleanerOnly, cleaner: await largeSwinir() };
    const ends: Record<string, number> = {};
    const noted = (name: string, promise: Promise<NativeModel>) =>
      promise.finally(() => {
        ends[name] = performance.now();
      });
    const builder = noted('builder', start(slow).promise);
    const task = start(slow);
    const waiting = noted('waiting', task.promise);
    await setTimeout(30);
    task.cancel();
    await expect(waiting).rejects.toEqual(aborted);
    await (await builder).dispose();
    expect((ends.builder as number) - (ends.waiting as number)).toBeGreaterThan(100);
  });

  test('a network that cannot be built is an error for each, and is not there', async () => {
    const vaeDecoder = without(stage2.vaeDecoder, 'decoder.conv_in.weight');
    const broken = { ...spec, stage2: { ...stage2, vaeDecoder } };
    const code = 'DIFFBIR_MODEL_MISMATCH';
    const message = expect.stringContaining('decoder.conv_in.weight');
    expect(await Promise.allSettled([start(broken).promise, start(broken).promise])).toMatchObject([
      { status: 'rejected', reason: { code, message } },
      { status: 'rejected', reason: { code, message } },
    ]);
  });
});

describe('networks that differ are two', () => {
  const cleaner = (changes: Partial<NetworkSpec>): ModelSpec => ({
    ...cleanerOnly,
    cleaner: { ...cleanerOnly.cleaner, ...changes },
  });
  const of = (file: string) => cleaner({ weights: { ...cleanerOnly.cleaner.weights, file } });
  const { file: original, tensors } = cleanerOnly.cleaner.weights;

  test('by where they run', async () => {
    await load(cleanerOnly);
    await load({ ...cleanerOnly, execution: { provider: 'cpu', device: 0 } });
    expect(open()).toBe(1);
    await load({ ...cleanerOnly, execution: { provider: 'cpu', device: 1 } });
    expect(open()).toBe(2);
  });

  test('by their threads and their configuration', async () => {
    const { config } = cleanerOnly.cleaner;
    await load(cleanerOnly);
    await load({ ...cleanerOnly, threads: 2 });
    expect(open()).toBe(2);
    await load(cleaner({ config: { ...config, another: 1 } }));
    expect(open()).toBe(3);
    await load(cleaner({ config: { another: 1, ...config } }));
    expect(open()).toBe(3);
  });

  test('by what is in the file: a link is the same, a changed file and another in its place are not', async () => {
    const [file, link, other] = ['a.ckpt', 'link.ckpt', 'b.ckpt'].map((name) => path.join(folder, name)) as [
      string,
      string,
      string,
    ];
    copyFileSync(original, file);
    symlinkSync(file, link);
    const job = jobOf({ stage: 1 });
    const first = await load(of(file));
    const expected = await restore(first, job);
    await load(of(link));
    expect(open()).toBe(1);

    const bytes = readFileSync(file);
    const last = tensors.find(({ name }) => name.endsWith('conv_last.bias'));
    expect(last?.dtype).toBe('float32');
    bytes.writeFloatLE(0.25, last?.offset);
    writeFileSync(file, bytes);
    const changed = await load(of(file));
    expect(open()).toBe(2);
    const brighter = await restore(changed, job);
    expect(brighter).not.toEqual(expected);

    copyFileSync(original, other);
    renameSync(other, file);
    expect(await restore(await load(of(file)), job)).toEqual(expected);
    expect(open()).toBe(3);
  });

  test('by the tensors that were found in the file', async () => {
    await load(cleanerOnly);
    // As if it had been read before its header was written anew.
    const swapped = tensors.map((entry) =>
      entry.name.endsWith('conv_last.bias')
        ? { ...entry, ...tensors.find(({ name }) => name === 'norm.bias'), name: entry.name, shape: [3] }
        : entry,
    );
    await load(cleaner({ weights: { ...cleanerOnly.cleaner.weights, tensors: swapped } }));
    expect(open()).toBe(2);
  });
});

describe('networks that are not kept', () => {
  const whole = jobOf({ stage: 2, steps: 6, size: 192 });
  // Tiles one by one report their progress.
  const tiling = { ...whole.tiling, decoder: 8, decoderAtOnce: false };
  const job = { ...whole, tiling, keepNetworks: false };
  const unkept = { ...spec, keepNetworks: false };

  test('are checked when the model is loaded, and open for the time of their stage: the same picture', async () => {
    const expected = await restore(await load(), { ...job, keepNetworks: true });
    await models.pop()?.dispose();
    const model = await load(unkept);
    expect(open()).toBe(0);
    const counts = { sample: [] as number[], decode: [] as number[], other: [] as number[] };
    const { promise } = model.restore(job, ({ stage }) => {
      counts[stage === 'sample' || stage === 'decode' ? stage : 'other'].push(open());
    });
    expect((await promise).image.data).toEqual(expected);
    expect(Math.max(...Object.values(counts).flat())).toBe(2);
    expect(counts.sample).toContain(2);
    expect(counts.decode).toContain(1);
    expect(Math.max(...counts.decode)).toBe(1);
    expect(open()).toBe(0);
  });

  test('are an error of loading where they do not fit', async () => {
    const unet = without(stage2.unet, 'out.2.weight');
    await expect(start({ ...unkept, stage2: { ...stage2, unet } }).promise).rejects.toMatchObject({
      code: 'DIFFBIR_MODEL_MISMATCH',
    });
  });

  test('are decided on by each job: one that keeps them leaves them to the next, one that does not closes all', async () => {
    const model = await load(unkept);
    await restore(model, { ...job, keepNetworks: true });
    expect(open()).toBe(ALL);
    let most = 0;
    await model.restore(job, () => {
      most = Math.max(most, open());
    }).promise;
    expect(most).toBe(2);
    expect(open()).toBe(0);
  });

  test('are closed when a job ends early', async () => {
    const model = await load(unkept);
    const task = model.restore({ ...job, steps: ENDLESS }, ({ stage }) => stage === 'sample' && task.cancel());
    await expect(task.promise).rejects.toEqual(aborted);
    expect(open()).toBe(0);
  });
});

describe('reuse', () => {
  const job = jobOf({ stage: 2, steps: 2 });

  test('takes the same UNet with other outputs, and what is left of it: no second whole one', async () => {
    const model = await load();
    for (const reuse of ['deep', 'encoder', 'deep'] as const) {
      await restore(model, { ...job, reuse });
      expect(open()).toBe(ALL + 1);
    }
    await restore(model, job);
    expect(open()).toBe(ALL);
  });

  test('of one model leaves another its UNet as it is', async () => {
    const [first, second] = [await load(), await load()];
    const expected = await restore(first, job);
    await restore(second, { ...job, reuse: 'deep' });
    expect(open()).toBe(ALL + 2);
    expect(await restore(first, job)).toEqual(expected);
  });

  test('can be asked for again when it was cancelled while it was made ready', async () => {
    const model = await load();
    const task = model.restore({ ...job, reuse: 'deep' }, ({ stage }) => stage === 'encode' && task.cancel());
    await expect(task.promise).rejects.toEqual(aborted);
    expect(await restore(model, { ...job, reuse: 'deep', reuseInterval: 1 })).toHaveLength(64 * 64 * 3);
    expect(await restore(model, { ...job, reuse: 'deep', reuseInterval: 2 })).toHaveLength(64 * 64 * 3);
  });
});

/** Takes a good part of a second to build. */
async function largeSwinir(): Promise<NetworkSpec> {
  const file = path.join(folder, 'swinir.ckpt');
  const layout = Layout.empty();
  const depths = CLEANERS.swinir.depths;
  swinirLayout(layout, { ...CLEANERS.swinir, depths });
  writeTorchFile(file, layout.tensors, { dtype: 'float32', seed: 1 });
  const config = { num_heads: depths.map(() => CLEANERS.swinir.num_heads), window_size: 8 };
  return { type: 'swinir', weights: await readCheckpoint(file), prefix: '', config };
}

function without(network: NetworkSpec, name: string): NetworkSpec {
  const tensors = network.weights.tensors.filter((entry) => entry.name !== network.prefix + name);
  expect(tensors).toHaveLength(network.weights.tensors.length - 1);
  return { ...network, weights: { ...network.weights, tensors } };
}
