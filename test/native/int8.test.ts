/** UNet and ControlNet with 8-bit weights and activations, against themselves in float32. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { readCheckpoint } from '../../src/checkpoint/readCheckpoint';
import { InvalidOptionError, type RestoreOptions, Restorer } from '../../src/index';
import { embeddedModel } from '../../src/loadModel';
import { readManifest } from '../../src/models/manifest';
import { modelSpec } from '../../src/models/modelSpec';
import {
  type ModelSpec,
  type NativeTensor,
  type NetworkSpec,
  OPTIMIZATIONS,
  type Precision,
  type RestoreJob,
} from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import { safetensors, temporaryFolder, write } from '../checkpoint/build';
import { edited } from '../checkpoint/edited';
import { goldenSpec, jobOf } from '../lifecycle/model';
import { modelBeyond8Bits } from './modelBeyond8Bits';

type Tensors = Record<string, NativeTensor>;
type Changes = Pick<NetworkSpec, 'precision' | 'optimizations'>;

/** In plain C++, with attention in float32: what processors without AVX-512 compute. */
const PORTABLE = OPTIMIZATIONS.filter((name) => name !== 'vectorKernels');

const { primitives, createModel } = loadBinding();

describe.each([
  ['of the embedded model', embedded],
  ['of half-precision checkpoints', () => goldenSpec({ stage: 2 })],
])('networks %s', (_, specOf) => {
  let unet: NetworkSpec;
  let controlnet: NetworkSpec;
  beforeAll(async () => {
    ({ unet, controlnet } = (await specOf()).stage2 as NonNullable<ModelSpec['stage2']>);
  });

  const sizes = () => {
    const size = (name: string) =>
      unet.weights.tensors.find((tensor) => tensor.name === `${unet.prefix}${name}.weight`)?.shape[1] as number;
    return { latent: size('input_blocks.0.0'), context: size('middle_block.1.transformer_blocks.0.attn2.to_k') };
  };
  const runNetwork = (network: NetworkSpec, changes: Changes, inputs: Tensors) =>
    primitives.createNetwork({ ...network, ...changes }, 2, []).run(inputs) as Tensors;

  const predict = (changes: Changes, [batch, height, width]: readonly [number, number, number]) => {
    const latent = (frequency: number) => wave([batch, sizes().latent, height, width], frequency);
    const t = { shape: [batch], data: new Float32Array(batch).fill(400) };
    const context = wave([batch, 5, sizes().context], 0.2);
    const x = latent(0.37);
    const controls = runNetwork(controlnet, changes, { x, hint: latent(0.11), t, context });
    const { out } = runNetwork(unet, changes, { x, t, context, strength: wave([1], 1), ...controls });
    return [...Object.values(controls), out as NativeTensor];
  };

  test('the difference of a pair is nearer than that of two predictions', () => {
    const x = twice(wave([1, sizes().latent, 16, 16], 0.37));
    const t = { shape: [2], data: Float32Array.of(400, 400) };
    // Prompts that are nearly the same: alone, each has errors as large as their difference.
    const context = twice(wave([1, 5, sizes().context], 0.2));
    const half = context.data.length / 2;
    for (let i = 0; i < half; i++) (context.data[half + i] as number) += 0.05 * Math.sin(i);
    const difference = (changes: Changes, paired: boolean) => {
      const inputs: Tensors = { x, t, context, ...(paired ? { paired: t } : {}) };
      const controls = runNetwork(controlnet, changes, { ...inputs, hint: x });
      const { out } = runNetwork(unet, changes, { ...inputs, strength: wave([1], 1), ...controls });
      const { shape, data } = out as NativeTensor;
      const size = data.length / 2;
      return { shape, data: data.slice(size).map((value, i) => value - (data[i] as number)) };
    };
    const exact = difference({ precision: 'float32' }, false);
    const alone = relativeError(difference({ precision: 'int8', optimizations: PORTABLE }, false), exact);
    for (const changes of [{}, { optimizations: PORTABLE }]) {
      const error = relativeError(difference({ precision: 'int8', ...changes }, true), exact);
      expect(error).toBeLessThan(alone / 3);
    }
  });

  test.each([
    ['NaN', Number.NaN],
    ['infinity', Number.POSITIVE_INFINITY],
  ])('%s in one place of the latent is in the prediction', (_, value) => {
    const context = wave([1, 70, sizes().context], 0.2); // more than one block of keys, and a part of another
    const x = wave([1, sizes().latent, 16, 16], 0.37);
    const t = { shape: [1], data: Float32Array.of(400) };
    const predictions = (latent: NativeTensor) =>
      [
        { precision: 'float32' as const },
        { precision: 'int8' as const },
        { precision: 'int8' as const, optimizations: PORTABLE },
      ].map((changes) => {
        const controls = runNetwork(controlnet, changes, { x, hint: x, t, context });
        const { out } = runNetwork(unet, changes, { x: latent, t, context, strength: wave([1], 1), ...controls });
        return out as NativeTensor;
      });
    for (const { data } of predictions(x)) expect(data.every(Number.isFinite)).toBe(true);
    const broken = { ...x, data: x.data.map((old, i) => (i === 77 ? value : old)) };
    for (const { data } of predictions(broken)) expect(data.some(Number.isFinite)).toBe(false);
  });

  // Small latents have much border; a batch and sides of their own show places that are mixed up.
  test.each([
    [1, 16, 16],
    [2, 16, 24],
    [3, 40, 16],
  ] as const)('batch %i, latent %i x %i: every output is near that of float32', (...size) => {
    const exact = predict({ precision: 'float32' }, size);
    const rounded = predict({ precision: 'int8' }, size);
    const portable = predict({ precision: 'int8', optimizations: PORTABLE }, size);
    expect(rounded.map(({ shape }) => shape)).toEqual(exact.map(({ shape }) => shape));
    for (const [i, output] of exact.entries()) {
      for (const other of [rounded[i], portable[i]] as NativeTensor[]) {
        const error = relativeError(other, output);
        expect(error, `output ${i}`).toBeLessThan(0.06);
        expect(error, `output ${i}`).toBeGreaterThan(1e-4);
      }
      expect(relativeError(portable[i] as NativeTensor, rounded[i] as NativeTensor), `output ${i}`).toBeLessThan(0.03);
    }
  });
});

test('weights that no cache holds: all rows pass one panel after the other', async () => {
  const width = 11 * 64; // 4.5 MB of weights
  const layers = {
    'body.0.weight': [width, 3, 3, 3],
    'body.1.weight': [width],
    'body.2.weight': [width, width, 3, 3],
    'body.3.weight': [width],
    'body.4.weight': [12, width, 3, 3],
  };
  const header: Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }> = {};
  const parts: Buffer[] = [];
  let offset = 0;
  for (const [name, shape] of Object.entries(layers)) {
    const inputs = shape.slice(1).reduce((product, size) => product * size, 1);
    const { data } = wave(shape, 1e4 + parts.length); // as good as random
    parts.push(Buffer.from(data.map((value) => (4 * value) / inputs ** 0.5).buffer)); // outputs that x is small beside
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const weights = await readCheckpoint(write(temporaryFolder(), safetensors(header, Buffer.concat(parts))));
  const x = wave([2, 3, 17, 13], 0.9);
  const run = (changes: Changes) => {
    const spec = { type: 'srvgg', weights, prefix: '', config: {}, ...changes } as const;
    return (primitives.createNetwork(spec, 2, []).run({ x }) as Tensors).out as NativeTensor;
  };
  const exact = run({ precision: 'float32' });
  for (const changes of [{}, { optimizations: PORTABLE }]) {
    expect(relativeError(run({ precision: 'int8', ...changes }), exact)).toBeLessThan(0.02);
  }
});

async function embedded(): Promise<ModelSpec> {
  return modelSpec(await readManifest(embeddedModel()), { stage: 2, threads: 1 }, readCheckpoint);
}

function wave(shape: readonly number[], frequency: number): NativeTensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return { shape: [...shape], data: Float32Array.from({ length: count }, (_, i) => Math.sin(frequency * i + 0.5)) };
}

/** The same tensor twice along the first axis. */
function twice({ shape: [first = 1, ...rest], data }: NativeTensor): NativeTensor {
  return { shape: [2 * first, ...rest], data: Float32Array.from([...data, ...data]) };
}

function relativeError(a: NativeTensor, b: NativeTensor): number {
  const squares = (of: (i: number) => number) => b.data.reduce((sum, _, i) => sum + of(i) ** 2, 0);
  return Math.sqrt(squares((i) => (a.data[i] as number) - (b.data[i] as number)) / squares((i) => b.data[i] as number));
}

test('a picture is within 40 dB of that in float32, and says what it was made with', async () => {
  const input = path.resolve(import.meta.dirname, '..', '..', 'examples', 'sample', 'degraded.jpg');
  const pixels = async (precision: 'float32' | 'int8') => {
    await using restorer = await Restorer.create({ precision, steps: 10, seed: 7 });
    const result = await restorer.restore(input);
    expect(result.parameters?.options).toMatchObject({ precision });
    return sharp(await result.toBuffer('png'))
      .raw()
      .toBuffer();
  };
  const [exact, rounded] = [await pixels('float32'), await pixels('int8')];
  const squares = exact.reduce((sum, value, i) => sum + (value - (rounded[i] as number)) ** 2, 0);
  const psnr = 10 * Math.log10(255 ** 2 / (squares / exact.length));
  expect(psnr).toBeGreaterThan(40);
  expect(psnr).toBeLessThan(80);
});

test('weights that are not numbers are an error of the step, also after sampling again', async () => {
  const folder = temporaryFolder();
  cpSync(embeddedModel(), folder, { recursive: true });
  const file = path.join(folder, 'unet.safetensors');
  const name = 'middle_block.1.transformer_blocks.0.ff.net.0.proj.weight';
  const withNaN = (of: string, values: Float32Array) => {
    if (of === name) values[100] = Number.NaN;
  };
  writeFileSync(file, edited(readFileSync(file), withNaN));
  const picture = { data: new Uint8Array(64 * 64 * 3).fill(100), width: 64, height: 64, channels: 3 as const };
  await using restorer = await Restorer.create({ model: folder, steps: 2, precision: 'int8' });
  for (const _ of ['first', 'next']) {
    await expect(restorer.restore(picture)).rejects.toMatchObject({
      code: 'DIFFBIR_NUMERIC',
      message: expect.stringContaining('step 1 of 2'),
    });
  }
});

describe('guidance by prompts, which are predicted at once', () => {
  const whole = { diffusion: { tile: 0, stride: 1 }, batch: 1 };
  test.each([
    ['whole', {}, whole],
    ['on tiles one by one', {}, { ...whole, diffusion: { tile: 128, stride: 64 } }],
    ['on tiles in batches', {}, { diffusion: { tile: 128, stride: 64 }, batch: 3 }],
    ['in a part of the steps', { cfgStart: 0.2, cfgStop: 0.7 }, whole],
    ['with the features of the encoder', { reuse: 'encoder', reuseInterval: 2 }, whole],
    [
      'with deep features, on tiles in batches',
      { reuse: 'deep', reuseInterval: 2 },
      { diffusion: { tile: 128, stride: 64 }, batch: 3 },
    ],
  ] as const)('%s: the picture of float32', async (_, changes, tiling) => {
    const spec = await goldenSpec({ stage: 2 });
    const stage2 = spec.stage2 as NonNullable<ModelSpec['stage2']>;
    const base = jobOf({ stage: 2, steps: 4, size: 192 });
    const job: RestoreJob = {
      ...base,
      image: { ...base.image, data: base.image.data.map((_, i) => 128 + 60 * Math.sin(i / 40)) },
      ...{ cfgScale: 3, ...changes, tiling: { ...base.tiling, ...tiling } },
      positiveTokens: Int32Array.from({ length: 77 }, (_, i) => 1 + i),
      negativeTokens: Int32Array.from({ length: 77 }, (_, i) => 200 - i),
    };
    const restore = async (precision: Precision, other: Partial<RestoreJob> = {}) => {
      const at = (network: NetworkSpec) => ({ ...network, precision });
      const networks = { ...stage2, unet: at(stage2.unet), controlnet: at(stage2.controlnet) };
      const model = await createModel({ ...spec, stage2: { ...networks, minShortEdge: 1 } }, () => {}).promise;
      const { image } = await model.restore({ ...job, ...other }, () => {}).promise;
      await model.dispose();
      return image.data;
    };
    const exact = await restore('float32');
    const error = levels(await restore('int8'), exact);
    // What the prompts make of the picture is far more than what 8 bits do.
    const { positiveTokens, negativeTokens } = job;
    const swapped = { positiveTokens: negativeTokens, negativeTokens: positiveTokens };
    const ofPrompts = levels(await restore('float32', swapped), exact);
    expect(error).toBeLessThan(ofPrompts / 5);
  });
});

/** Mean difference in levels of 0..255. */
function levels(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - (b[i] as number)), 0) / a.length;
}

test('what a picture was made with can be given again, and no other precision', async () => {
  await using restorer = await Restorer.create({ precision: 'int8', steps: 1 });
  const picture = { data: new Uint8Array(3), width: 1, height: 1, channels: 3 as const };
  const first = await restorer.restore(picture);
  const again = await restorer.restore(picture, first.parameters?.options);
  expect(again.data).toEqual(first.data);
  await expect(restorer.restore(picture, { precision: 'float32' })).rejects.toMatchObject({ option: 'precision' });
});

test('parity is refused by name', async () => {
  await using restorer = await Restorer.create({ precision: 'int8', steps: 1 });
  const picture = { data: new Uint8Array(3), width: 1, height: 1, channels: 3 as const };
  await expect(restorer.restore(picture, { parity: true })).rejects.toThrow(InvalidOptionError);
  await expect(restorer.restore(picture, { parity: true })).rejects.toMatchObject({ option: 'parity' });
});

test('a latent that 8 bits make NaN of is sampled again in float32', async () => {
  const folder = modelBeyond8Bits(temporaryFolder());
  const picture = {
    data: new Uint8Array(64 * 64 * 3).map((_, i) => (i * 7) % 256),
    width: 64,
    height: 64,
    channels: 3,
  } as const;
  const pixels = async (options: RestoreOptions) => {
    await using restorer = await Restorer.create({ model: folder, steps: 3, threads: 1, ...options });
    const { data, trace } = await restorer.restore(picture, { trace: true });
    expect(trace?.x_steps?.shape[0]).toBe(3);
    return data;
  };
  // The autoencoder has 8 bits, and so has no picture the very same values.
  for (const speed of ['quality', 'fast'] as const) {
    const exact = await pixels({ speed });
    expect(new Set(exact).size).toBeGreaterThan(20);
    const rounded = await pixels({ precision: 'int8', speed });
    expect(
      exact.reduce((sum, value, i) => sum + Math.abs(value - (rounded[i] as number)), 0) / exact.length,
    ).toBeLessThan(2);
  }
});

test('sampling again can be cancelled, and the next picture is what it was', { timeout: 15_000 }, async () => {
  const folder = modelBeyond8Bits(temporaryFolder());
  const wanted = { stage: 2, threads: 1, precision: 'int8' } as const;
  const model = await createModel(await modelSpec(await readManifest(folder), wanted, readCheckpoint), () => {})
    .promise;
  const job = jobOf({ stage: 2, steps: 3 });
  const { image: before } = await model.restore(job, () => {}).promise;
  // In 8 bits no step is ever reported: the first has a latent that is not finite. All steps would outlast the test.
  const long = jobOf({ stage: 2, steps: 1000, size: 256 });
  const task = model.restore(long, ({ stage }) => stage === 'sample' && task.cancel());
  await expect(task.promise).rejects.toMatchObject({ code: 'DIFFBIR_ABORTED' });
  const { image: after } = await model.restore(job, () => {}).promise;
  expect(after.data).toEqual(before.data);
  await model.dispose();
});
