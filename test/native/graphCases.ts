// Networks of every type with inputs for them, for comparisons of forms of one graph. Nothing of vitest, since test/gpu
// takes them too.
import path from 'node:path';
import { Layout } from '../../bench/full-size/layout';
import { SD21, unetLayout } from '../../bench/full-size/stableDiffusion';
import { writeTorchFile } from '../../bench/full-size/torchFile';
import { readCheckpoint } from '../../src/checkpoint/readCheckpoint';
import { embeddedModel } from '../../src/loadModel';
import { readManifest } from '../../src/models/manifest';
import { modelSpec } from '../../src/models/modelSpec';
import type { ModelSpec, NativeTensor, NetworkSpec } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import { goldenSpec } from '../lifecycle/model';

export type Tensors = Record<string, NativeTensor>;
export type Stage2 = NonNullable<ModelSpec['stage2']>;
/** A network, and what it gives in another form. */
export interface GraphCase {
  readonly spec: NetworkSpec;
  readonly inputs: Readonly<Record<string, NativeTensor | Int32Array>>;
  run(changes?: Partial<NetworkSpec>, outputs?: readonly string[]): Tensors;
}

const { primitives } = loadBinding();

export function graphCase(spec: NetworkSpec, inputs: GraphCase['inputs']): GraphCase {
  return {
    spec,
    inputs,
    run: (changes = {}, outputs = []) =>
      primitives.createNetwork({ ...spec, ...changes }, 2, outputs).run(inputs) as Tensors,
  };
}

export function wave(shape: readonly number[], frequency: number, height = 1): NativeTensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return { shape, data: Float32Array.from({ length: count }, (_, i) => height * Math.sin(frequency * i + 0.5)) };
}

/** Of all outputs, the largest root mean square of the difference as a share of that of the output. */
export function relativeError(got: Tensors, exact: Tensors): number {
  const squares = (values: Float32Array, of: (i: number) => number) =>
    values.reduce((sum, _, i) => sum + of(i) ** 2, 0);
  const errors = Object.entries(exact).map(([name, { shape, data }]) => {
    const other = got[name] as NativeTensor;
    if (String(other?.shape) !== String(shape)) throw new Error(`${name} is [${other?.shape}] instead of [${shape}]`);
    const difference = squares(data, (i) => (other.data[i] as number) - (data[i] as number));
    return Math.sqrt(difference / squares(data, (i) => data[i] as number));
  });
  return errors.reduce((most, error) => (error > most || Number.isNaN(error) ? error : most), 0);
}

export async function embedded(folder = embeddedModel()): Promise<ModelSpec> {
  return modelSpec(await readManifest(folder), { stage: 2, threads: 1 }, readCheckpoint);
}

const size = ({ weights, prefix }: NetworkSpec, name: string, axis = 1) =>
  weights.tensors.find((tensor) => tensor.name === prefix + name)?.shape[axis] as number;

/** The networks of stage 2 on a batch of two, for one prompt and for two; a timestep need be no integer. */
export function stage2Cases({ unet, controlnet, vaeEncoder, vaeDecoder }: Stage2, tokens = 5) {
  const latent = wave([2, size(unet, 'input_blocks.0.0.weight'), 16, 24], 0.37);
  const context = wave([2, tokens, size(unet, 'middle_block.1.transformer_blocks.0.attn2.to_k.weight')], 0.2);
  const common = { x: latent, t: { shape: [2], data: Float32Array.of(20, 998.7) }, context };
  const steered = (inputs: typeof common) => {
    const control = graphCase(controlnet, { ...inputs, hint: wave(latent.shape, 0.11) });
    return [control, graphCase(unet, { ...inputs, strength: wave([1], 1), ...control.run() })] as const;
  };
  const [control, one] = steered(common);
  const [ofTwo, two] = steered({ ...common, context: wave([4, ...context.shape.slice(1)], 0.2) });
  return {
    controlnet: control,
    unet: one,
    'controlnet of two prompts': ofTwo,
    'unet of two prompts': two,
    encoder: graphCase(vaeEncoder, { image: wave([2, 3, 64, 40], 0.013) }),
    decoder: graphCase(vaeDecoder, { z: wave([2, size(vaeDecoder, 'post_quant_conv.weight'), 8, 5], 0.3) }),
  };
}

/** Three layers, for twice the size. */
async function srvgg(folder: string): Promise<NetworkSpec> {
  const layout = Layout.empty();
  const body = layout.at('body');
  body.conv('0', 8, 3, 3);
  body.add('1.weight', [8], { mean: 0.2, spread: 0.1 });
  body.conv('2', 12, 8, 3);
  const file = path.join(folder, 'srvgg.pth');
  writeTorchFile(file, layout.tensors, { dtype: 'float32', seed: 1 });
  return { type: 'srvgg', weights: await readCheckpoint(file), prefix: '', config: {} };
}

/** Networks of the embedded model, and of recordings with half-precision weights. `folder`: for files that they need. */
export async function graphCases(folder: string): Promise<[string, GraphCase][]> {
  const own = await embedded();
  const golden = await goldenSpec({ stage: 2 });
  const stage2 = golden.stage2 as Stage2;
  const picture = (height: number, width = height) => {
    const { shape, data } = wave([2, 3, height, width], 0.013, 0.4);
    return { shape, data: data.map((value) => 0.5 + value) };
  };
  const bsrnet = path.join(import.meta.dirname, '..', 'golden', 'ckpt', 'bsrnet_a.pth');
  const named = (prefix: string, cases: Record<string, GraphCase>) =>
    Object.entries(cases).map(([name, value]): [string, GraphCase] => [`${prefix} ${name}`, value]);
  return [
    ...named('embedded', stage2Cases(own.stage2 as Stage2)),
    ...named('recorded', stage2Cases(stage2)),
    [
      'text encoder',
      graphCase(stage2.textEncoder as NetworkSpec, { ids: Int32Array.from({ length: 77 }, (_, i) => (i * 7) % 100) }),
    ],
    ['SwinIR', graphCase(golden.cleaner, { x: picture(128, 192) })],
    ['SCUNet', graphCase(own.cleaner, { x: picture(64, 128) })],
    [
      'RRDBNet',
      graphCase({ type: 'rrdbnet', weights: await readCheckpoint(bsrnet), prefix: '', config: {} }, { x: picture(24) }),
    ],
    ['SRVGG', graphCase(await srvgg(folder), { x: picture(24) })],
  ];
}

/** One level of the full-size UNet, whose widths are those that BiasSplitGelu takes. */
export async function sd21Widths(folder: string): Promise<GraphCase> {
  const layout = Layout.empty();
  unetLayout(layout, { ...SD21.unet, channel_mult: [1], num_res_blocks: 1, context_dim: 32 });
  const file = path.join(folder, 'unet.ckpt');
  writeTorchFile(file, layout.tensors, { dtype: 'float16', seed: 1 });
  const controls = [0, 1, 2].map((i) => [`control_${i}`, wave([2, 320, 8, 16], 0.3 + i)] as const);
  return graphCase(
    { type: 'unet', weights: await readCheckpoint(file), prefix: '', config: { num_head_channels: 64 } },
    {
      ...Object.fromEntries(controls),
      x: wave([2, 4, 8, 16], 0.7),
      t: wave([2], 300, 500),
      context: wave([2, 7, 32], 0.2),
      strength: wave([1], 1),
    },
  );
}
