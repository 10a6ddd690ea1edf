// Graphs of float16, as a GPU would round them (GRAPH_CHECKS), against the same networks in float32.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { readCheckpoint } from '../../src/checkpoint/readCheckpoint';
import { InvalidOptionError, Restorer } from '../../src/index';
import { embeddedModel } from '../../src/loadModel';
import { readManifest } from '../../src/models/manifest';
import { modelSpec } from '../../src/models/modelSpec';
import {
  type ModelSpec,
  type NativeTensor,
  type NetworkSpec,
  OPTIMIZATIONS,
  type RestoreJob,
} from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import { temporaryFolder } from '../checkpoint/build';
import { edited } from '../checkpoint/edited';
import { goldenSpec, jobOf } from '../lifecycle/model';

type Tensors = Record<string, NativeTensor>;
type Stage2 = NonNullable<ModelSpec['stage2']>;

const { primitives, createModel } = loadBinding();
const FLOAT16 = { precision: 'float16', optimizations: [...OPTIMIZATIONS, 'rounded'] } as const;
/** Operators of the ONNX standard alone, as for TensorRT. */
const PLAIN = { precision: 'float16', optimizations: ['rounded'] } as const;

const run = (spec: NetworkSpec, inputs: Tensors, changes: Partial<NetworkSpec> = {}) =>
  primitives.createNetwork({ ...spec, ...changes }, 2, []).run(inputs) as Tensors;

function wave(shape: readonly number[], frequency: number, height = 1): NativeTensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return { shape, data: Float32Array.from({ length: count }, (_, i) => height * Math.sin(frequency * i + 0.5)) };
}

/** Of all outputs, the largest root mean square of the difference as a share of that of the output. */
function relativeError(got: Tensors, exact: Tensors): number {
  const squares = (values: Float32Array, of: (i: number) => number) =>
    values.reduce((sum, _, i) => sum + of(i) ** 2, 0);
  const errors = Object.entries(exact).map(([name, { shape, data }]) => {
    const other = got[name] as NativeTensor;
    expect(other.shape).toEqual(shape);
    const difference = squares(data, (i) => (other.data[i] as number) - (data[i] as number));
    return Math.sqrt(difference / squares(data, (i) => data[i] as number));
  });
  return errors.reduce((most, error) => (error > most || Number.isNaN(error) ? error : most), 0);
}

/** In both forms, and not the same: rounding must have reached the graph. */
function expectNear(predict: (changes: Partial<NetworkSpec>) => Tensors, what: string): void {
  const exact = predict({});
  for (const changes of [FLOAT16, PLAIN]) {
    const error = relativeError(predict(changes), exact);
    expect(error, what).toBeLessThan(0.01);
    expect(error, what).toBeGreaterThan(1e-5);
  }
}

const size = ({ weights, prefix }: NetworkSpec, name: string, axis = 1) =>
  weights.tensors.find((tensor) => tensor.name === prefix + name)?.shape[axis] as number;

/** Inputs of each network of stage 2: a batch of two. */
function inputsOf({ unet, controlnet, vaeEncoder, vaeDecoder }: Stage2, tokens = 5) {
  const z = size(unet, 'input_blocks.0.0.weight');
  const latent = wave([2, z, 16, 24], 0.37);
  const context = wave([2, tokens, size(unet, 'middle_block.1.transformer_blocks.0.attn2.to_k.weight')], 0.2);
  const common = { x: latent, t: { shape: [2], data: Float32Array.of(20, 998.7) }, context };
  const hint = wave(latent.shape, 0.11);
  const controls = run(controlnet, { ...common, hint });
  return [
    [controlnet, { ...common, hint }],
    [unet, { ...common, strength: wave([1], 1), ...controls }],
    [vaeEncoder, { image: wave([2, 3, 64, 40], 0.013) }],
    [vaeDecoder, { z: wave([2, size(vaeDecoder, 'post_quant_conv.weight'), 8, 5], 0.3) }],
  ] as const;
}

async function embedded(folder = embeddedModel()): Promise<ModelSpec> {
  return modelSpec(await readManifest(folder), { stage: 2, threads: 1 }, readCheckpoint);
}

describe.each([
  ['the embedded model', embedded],
  ['half-precision checkpoints', () => goldenSpec({ stage: 2 })],
])('%s', (_, specOf) => {
  let cases: ReturnType<typeof inputsOf>;
  beforeAll(async () => {
    cases = inputsOf((await specOf()).stage2 as Stage2);
  });

  test.each([
    [0, 'ControlNet'],
    [1, 'UNet'],
    [2, 'encoder'],
    [3, 'decoder'],
  ])('%i: %s', (index, name) => {
    const [spec, inputs] = cases[index] as (typeof cases)[number];
    expectNear((changes) => run(spec, inputs, changes), name);
  });
});

test('text encoder', async () => {
  const { textEncoder } = (await goldenSpec({ stage: 2 })).stage2 as Stage2;
  const ids = Int32Array.from({ length: 77 }, (_, i) => (i * 7) % 100);
  const encode = (changes: Partial<NetworkSpec>) =>
    primitives.createNetwork({ ...(textEncoder as NetworkSpec), ...changes }, 2, []).run({ ids }) as Tensors;
  expectNear(encode, 'text encoder');
});

describe('cleaners', () => {
  const picture = (side: number) => {
    const { shape, data } = wave([2, 3, side, side], 0.013, 0.4);
    return { shape, data: data.map((value) => 0.5 + value) };
  };
  const golden = async (file: string, type: NetworkSpec['type']): Promise<NetworkSpec> => ({
    ...{ type, prefix: '', config: {} },
    weights: await readCheckpoint(path.join(import.meta.dirname, '..', 'golden', 'ckpt', file)),
  });

  test('SwinIR', async () => {
    const spec = (await goldenSpec({ stage: 1 })).cleaner;
    const inputs = { x: picture(128), attn_mask: primitives.shiftedWindowMask(16, 16, 8, -100) };
    expectNear((changes) => run(spec, inputs, changes), 'SwinIR');
  });

  test('RRDBNet', async () => {
    const spec = await golden('bsrnet_a.pth', 'rrdbnet');
    expectNear((changes) => run(spec, { x: picture(24) }, changes), 'RRDBNet');
  });

  test('SCUNet', async () => {
    const masks = [1, 2, 4, 8].map(
      (scale, level) =>
        [
          `attn_mask_${level}`,
          primitives.shiftedWindowMask(64 / scale, 64 / scale, 8, Number.NEGATIVE_INFINITY),
        ] as const,
    );
    const inputs = { x: picture(64), ...Object.fromEntries(masks) };
    const { cleaner } = await embedded();
    expectNear((changes) => run(cleaner, inputs, changes), 'SCUNet');
  });
});

function scale(values: Float32Array, factor: number): void {
  for (let i = 0; i < values.length; i++) (values[i] as number) *= factor;
}

/** The embedded model with some weights changed. */
async function changed(change: (name: string, values: Float32Array) => void): Promise<Stage2> {
  const folder = temporaryFolder();
  cpSync(embeddedModel(), folder, { recursive: true });
  for (const name of ['unet', 'controlnet', 'vae']) {
    const file = path.join(folder, `${name}.safetensors`);
    writeFileSync(file, edited(readFileSync(file), change));
  }
  return (await embedded(folder)).stage2 as Stage2;
}

describe('what is too large for float16', () => {
  test('logits of attention', async () => {
    // With one token the weights are 1, however large the logits.
    const stage2 = await changed((name, values) => {
      if (/attn2\.to_[qk]\.weight$/.test(name)) scale(values, 1000);
    });
    const [, [unet, inputs]] = inputsOf(stage2, 1);
    expectNear((changes) => run(unet, inputs, changes), 'logits');
  });

  test('squares in the statistics of normalisations', async () => {
    const stage2 = await changed((name, values) => {
      // As large as the encoder allows: its residual connections grow on.
      if (/^(encoder\.conv_in|input_blocks\.0\.0|decoder\.conv_in)\./.test(name)) {
        scale(values, name.startsWith('encoder') ? 20 : 200);
      }
    });
    for (const [spec, inputs] of inputsOf(stage2)) expectNear((changes) => run(spec, inputs, changes), spec.type);
  });
});

describe('a picture', () => {
  const restore = async (spec: ModelSpec, changes: Partial<NetworkSpec>, options: Partial<RestoreJob> = {}) => {
    const { cleaner, stage2 } = spec;
    const at = (network: NetworkSpec) => ({ ...network, ...changes });
    const { vaeEncoder, vaeDecoder, textEncoder, unet, controlnet, ...rest } = stage2 as Stage2;
    const networks = {
      vaeEncoder: at(vaeEncoder),
      vaeDecoder: at(vaeDecoder),
      unet: at(unet),
      controlnet: at(controlnet),
    };
    const stages = { ...rest, ...networks, textEncoder: textEncoder && at(textEncoder), minShortEdge: 1 };
    const model = await createModel({ ...spec, cleaner: at(cleaner), stage2: stages }, () => {}).promise;
    const job = { ...jobOf({ stage: 2, steps: 4, size: 128 }), ...options };
    const data = job.image.data.map((_, i) => 128 + 60 * Math.sin(i / 40));
    const { image } = await model.restore({ ...job, image: { ...job.image, data } }, () => {}).promise;
    await model.dispose();
    return image.data;
  };
  const psnr = (a: Uint8Array, b: Uint8Array) =>
    10 * Math.log10(255 ** 2 / (a.reduce((sum, value, i) => sum + (value - (b[i] as number)) ** 2, 0) / a.length));

  test('of the embedded model', async () => {
    const spec = await embedded();
    const quality = psnr(await restore(spec, FLOAT16), await restore(spec, {}));
    expect(quality).toBeGreaterThan(45);
  });

  test('steered by prompts, which are predicted at once', async () => {
    const spec = await goldenSpec({ stage: 2 });
    const positiveTokens = Int32Array.from({ length: 77 }, (_, i) => 1 + i);
    const negativeTokens = Int32Array.from({ length: 77 }, (_, i) => 200 - i);
    const job = { cfgScale: 3, positiveTokens, negativeTokens };
    const exact = await restore(spec, {}, job);
    const quality = psnr(await restore(spec, FLOAT16, job), exact);
    expect(quality).toBeGreaterThan(35);
    const swapped = { ...job, positiveTokens: negativeTokens, negativeTokens: positiveTokens };
    expect(psnr(await restore(spec, {}, swapped), exact)).toBeLessThan(quality - 10);
  });

  test('that overflows is computed in float32', async () => {
    const spec = await embedded();
    const stage2 = await changed((name, values) => {
      if (/^(encoder|decoder)\.conv_in\.|^post_quant_conv\./.test(name)) scale(values, 1e4);
    });
    const quality = psnr(await restore({ ...spec, stage2 }, FLOAT16), await restore({ ...spec, stage2 }, {}));
    expect(quality).toBeGreaterThan(45);
  });
});

test('on the processor float16 is refused by name', async () => {
  await expect(Restorer.create({ precision: 'float16' })).rejects.toThrow(InvalidOptionError);
  await expect(Restorer.create({ precision: 'float16' })).rejects.toMatchObject({ option: 'precision' });
});
