// Graphs of float16, as a GPU would round them (GRAPH_CHECKS), against the same networks in float32.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { InvalidOptionError, Restorer } from '../../src/index';
import { embeddedModel } from '../../src/loadModel';
import { type ModelSpec, type NetworkSpec, OPTIMIZATIONS, type RestoreJob } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import { temporaryFolder } from '../checkpoint/build';
import { edited } from '../checkpoint/edited';
import { goldenSpec, jobOf } from '../lifecycle/model';
import { embedded, type GraphCase, graphCases, relativeError, type Stage2, stage2Cases } from './graphs';

const { createModel, primitives } = loadBinding();
const CUDA = primitives.optimizationsFor('cuda');
const FLOAT16 = { precision: 'float16', optimizations: [...OPTIMIZATIONS, 'rounded'] } as const;
/** Operators of the ONNX standard alone, as for TensorRT. */
const PLAIN = { precision: 'float16', optimizations: ['rounded'] } as const;
const cases = await graphCases();

/** In both forms, and not the same: rounding must have reached the graph. */
function expectNear({ run }: GraphCase): void {
  const exact = run();
  for (const changes of [FLOAT16, PLAIN]) {
    const error = relativeError(run(changes), exact);
    expect(error).toBeLessThan(0.01);
    expect(error).toBeGreaterThan(1e-5);
  }
}

test.each(cases)('%s', (_, network) => expectNear(network));

test.each(cases.filter(([name]) => name.endsWith('unet')))('%s: the time embedding stays in float32', (_, network) => {
  const embedding = (changes: Partial<NetworkSpec>) => {
    const { time_embed } = network.run(changes, ['time_embed']);
    if (!time_embed) throw new Error('no time embedding');
    return { time_embed };
  };
  expect(relativeError(embedding(FLOAT16), embedding({}))).toBeLessThan(1e-6);
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
    expectNear(stage2Cases(stage2, 1).unet);
  });

  test('squares in the statistics of normalisations', async () => {
    const stage2 = await changed((name, values) => {
      // As large as the encoder allows: its residual connections grow on.
      if (/^(encoder\.conv_in|input_blocks\.0\.0|decoder\.conv_in)\./.test(name)) {
        scale(values, name.startsWith('encoder') ? 20 : 200);
      }
    });
    for (const network of Object.values(stage2Cases(stage2))) expectNear(network);
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

  test.each(['encoder', 'deep'] as const)(
    'from features that are used again (%s), in the form for CUDA',
    async (reuse) => {
      const spec = await goldenSpec({ stage: 2 });
      const form = { precision: 'float16', optimizations: [...CUDA, 'definitions', 'rounded'] } as const;
      const exact = await restore(spec, {}, { reuse });
      expect(psnr(await restore(spec, form, { reuse }), exact)).toBeGreaterThan(35);
      expect(psnr(await restore(spec, {}), exact)).toBeLessThan(Number.POSITIVE_INFINITY);
    },
  );

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
