// Checkpoints that are whole but wrong for the network: refused when the model is made, by file and key.
import { beforeAll, expect, test } from 'vitest';
import type { ModelSpec, NetworkSpec, TensorEntry } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import { goldenSpec, jobOf } from '../lifecycle/model';
import { type GraphCase, graphCases } from './graphs';

const binding = loadBinding();
let spec: ModelSpec;

beforeAll(async () => {
  spec = await goldenSpec({ stage: 2 });
});

test('a whole model is accepted', async () => {
  await (await create(spec)).dispose();
});

test('a missing tensor is named with its file', async () => {
  const cleaner = without(spec.cleaner, 'conv_after_body.weight');
  await refused({ ...spec, cleaner }, /tensor named conv_after_body\.weight in .*swinir_a\.ckpt/);
});

// A block that lacks a key must not be taken for the end of its network.
test.each(['unet', 'controlnet'] as const)('no tensor of a %s can be missing', async (role) => {
  const stage2 = spec.stage2 as NonNullable<ModelSpec['stage2']>;
  const network = stage2[role];
  // Blocks of every kind, and what stands beside them.
  const some =
    /^(input_blocks\.[0134]\.|middle_block\.|output_blocks\.[02]\.|time_embed|out\.|middle_block_out|zero_convs\.0)/;
  const names = network.weights.tensors
    .map(({ name }) => name)
    .filter((name) => name.startsWith(network.prefix) && some.test(name.slice(network.prefix.length)))
    .filter((name) => name.endsWith('.weight'));
  expect(names.length).toBeGreaterThan(30);
  for (const name of names) {
    const broken = without(network, name);
    expect(() => loadBinding().primitives.createNetwork(broken, 1, []), name).toThrow(name);
  }
});

test('more tensors than the network has are no error', async () => {
  const extra = { ...tensor(spec.cleaner, 'norm.weight'), name: 'somebody.elses.weight' };
  const { weights } = spec.cleaner;
  const cleaner = { ...spec.cleaner, weights: { ...weights, tensors: [...weights.tensors, extra] } };
  await (await create({ ...spec, cleaner, stage2: null })).dispose();
});

test('a tensor of the wrong rank is named with both shapes', async () => {
  const { shape, strides } = tensor(spec.cleaner, 'layers.0.residual_group.blocks.0.attn.qkv.weight');
  const cleaner = changed(spec.cleaner, 'layers.0.residual_group.blocks.0.attn.qkv.weight', {
    shape: [...shape, 1],
    strides: [...strides, 1],
  });
  await refused({ ...spec, cleaner }, /qkv\.weight .* -1x-1 but it is 96x32x1/);
});

test.each(['float32', 'int8'] as const)(
  'the weight of a linear layer as that of a convolution is refused, %s',
  (precision) => {
    const { unet } = spec.stage2 as NonNullable<ModelSpec['stage2']>;
    const key = `${unet.prefix}middle_block.1.proj_in.weight`;
    const { shape, strides } = tensor(unet, key);
    const convolution = changed(unet, key, { shape: [...shape, 1, 1], strides: [...strides, 1, 1] });
    expect(() => binding.primitives.createNetwork({ ...convolution, precision }, 1, [])).toThrow(
      new RegExp(`${key} .* -1x-1 but it is ${shape.join('x')}x1x1`),
    );
  },
);

test('a tensor of a dtype without a value in float32 terms still loads as numbers', async () => {
  const cleaner = changed(spec.cleaner, 'norm.bias', { dtype: 'int32' });
  await (await create({ ...spec, cleaner, stage2: null })).dispose();
});

test('widths that do not fit inside a network are an error of its first run, which names the file', async () => {
  const { shape } = tensor(spec.cleaner, 'layers.0.conv.weight');
  const cleaner = changed(spec.cleaner, 'layers.0.conv.weight', { shape: [shape[0] as number, 16, 3, 3] });
  const model = await create({ ...spec, cleaner, stage2: null });
  await expect(model.restore(jobOf({ stage: 1 }), () => {}).promise).rejects.toMatchObject({
    code: 'DIFFBIR_RUNTIME_FAILED',
    message: expect.stringContaining('swinir_a.ckpt'),
  });
  await model.dispose();
});

test.each([['num_heads'], ['window_size']])('a zero %s in the configuration is refused', async (key) => {
  const cleaner = { ...spec.cleaner, config: { ...spec.cleaner.config, [key]: key === 'num_heads' ? [0, 0] : 0 } };
  await refused({ ...spec, cleaner }, new RegExp(`positive ${key}`));
});

test.each([7, 2 ** 20])('windows of %i are refused by their tables, before anything as large is made', async (size) => {
  const cleaner = { ...spec.cleaner, config: { ...spec.cleaner.config, window_size: size } };
  await refused({ ...spec, cleaner }, /relative_position_bias_table/);
});

test('heads that do not divide the channels are refused', async () => {
  const cleaner = { ...spec.cleaner, config: { ...spec.cleaner.config, num_heads: [5, 8] } };
  await refused(
    { ...spec, cleaner },
    /heads that divide the 32 channels of .*attn in .*swinir_a\.ckpt but there are 5/,
  );
});

test('attention without heads is refused', async () => {
  const { spec: scunet } = new Map(await graphCases()).get('SCUNet') as GraphCase;
  const [first] = scunet.weights.tensors.filter(({ name }) => name.endsWith('relative_position_params'));
  const { name, shape } = first as TensorEntry;
  const headless = changed(scunet, name, { shape: [0, ...shape.slice(1)] });
  expect(() => binding.primitives.createNetwork(headless, 1, [])).toThrow(
    /heads that divide the \d+ channels of .*msa in .* are 0/,
  );
});

test('a checkpoint of another network is refused by its keys', async () => {
  const stage2 = spec.stage2 as NonNullable<ModelSpec['stage2']>;
  const swapped = { ...stage2, controlnet: { ...stage2.controlnet, weights: spec.cleaner.weights } };
  await refused({ ...spec, stage2: swapped }, /ControlNet of the UNet's widths.*swinir_a\.ckpt/);
});

test('a ControlNet of another width than the UNet is refused, naming both files', async () => {
  const stage2 = spec.stage2 as NonNullable<ModelSpec['stage2']>;
  const key = 'input_blocks.1.0.out_layers.3.weight';
  const { shape } = tensor(stage2.controlnet, key);
  const controlnet = changed(stage2.controlnet, key, { shape: [16, ...shape.slice(1)] });
  await refused(
    { ...spec, stage2: { ...stage2, controlnet } },
    /ControlNet.*controlnet_b_half\.pt.*sd_b_zsnr_half\.ckpt/,
  );
});

test('a ControlNet for prompts of another width is refused, as one for Stable Diffusion 1 beside a UNet of 2.1', async () => {
  const stage2 = spec.stage2 as NonNullable<ModelSpec['stage2']>;
  const tensors = stage2.controlnet.weights.tensors.map((entry) =>
    /attn2\.to_[kv]\.weight$/.test(entry.name) ? { ...entry, shape: [entry.shape[0] as number, 8] } : entry,
  );
  const controlnet = { ...stage2.controlnet, weights: { ...stage2.controlnet.weights, tensors } };
  await refused(
    { ...spec, stage2: { ...stage2, controlnet } },
    /text encoder as wide.*sd_b_zsnr_half\.ckpt.*controlnet_b_half\.pt/,
  );
});

test('a text encoder of another width than the cross-attentions is refused', async () => {
  const stage2 = spec.stage2 as NonNullable<ModelSpec['stage2']>;
  const textEncoder = changed(stage2.textEncoder as NetworkSpec, 'cond_stage_model.model.ln_final.weight', {
    shape: [8],
  });
  await refused({ ...spec, stage2: { ...stage2, textEncoder } }, /text encoder as wide/);
});

test.each([['vaeEncoder'], ['vaeDecoder'], ['unet'], ['controlnet']] as const)(
  'a group count that does not divide the channels of the %s is refused, naming the key',
  async (name) => {
    const stage2 = spec.stage2 as NonNullable<ModelSpec['stage2']>;
    const network = { ...stage2[name], config: { ...stage2[name].config, norm_num_groups: 5 } };
    await refused(
      { ...spec, stage2: { ...stage2, [name]: network } },
      /norm_num_groups to divide .*weight but it is 5/,
    );
  },
);

test('without a text encoder the picture alone steers, and token ids change nothing', async () => {
  const stage2 = { ...(spec.stage2 as NonNullable<ModelSpec['stage2']>), textEncoder: null };
  const model = await create({ ...spec, stage2 });
  const run = (token: number) =>
    model.restore({ ...jobOf({ stage: 2 }), positiveTokens: new Int32Array(77).fill(token) }, () => {});
  const [first, second] = [await run(1).promise, await run(2).promise];
  expect(first.image.data.some((value) => value > 0)).toBe(true);
  expect(Buffer.compare(first.image.data, second.image.data)).toBe(0);
  await model.dispose();
});

test.each([
  [512, 512],
  [100, 128],
])(
  'a model whose stage 2 wants sides of at least %i works on a picture of 64 at that size',
  async (minShortEdge, side) => {
    const stage2 = { ...(spec.stage2 as NonNullable<ModelSpec['stage2']>), minShortEdge };
    const model = await create({ ...spec, stage2 });
    const { trace } = await model.restore({ ...jobOf({ stage: 2 }), trace: true }, () => {}).promise;
    expect(trace.cond_img?.shape).toEqual([1, 3, minShortEdge, minShortEdge]);
    expect(trace.final_latent?.shape.slice(2)).toEqual([side / 8, side / 8]);
    await model.dispose();
  },
);

function create(model: ModelSpec) {
  return binding.createModel(model, () => {}).promise;
}

async function refused(model: ModelSpec, message: RegExp) {
  await expect(create(model)).rejects.toMatchObject({
    code: 'DIFFBIR_MODEL_MISMATCH',
    message: expect.stringMatching(message),
  });
}

function tensor({ weights }: NetworkSpec, name: string): TensorEntry {
  return weights.tensors.find((entry) => entry.name === name) as TensorEntry;
}

function without(network: NetworkSpec, name: string): NetworkSpec {
  const tensors = network.weights.tensors.filter((entry) => entry.name !== name);
  return { ...network, weights: { ...network.weights, tensors } };
}

function changed(network: NetworkSpec, name: string, change: Partial<TensorEntry>): NetworkSpec {
  const tensors = network.weights.tensors.map((entry) => (entry.name === name ? { ...entry, ...change } : entry));
  return { ...network, weights: { ...network.weights, tensors } };
}
