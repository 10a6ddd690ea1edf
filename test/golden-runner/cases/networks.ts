import sharp from 'sharp';
import type { NativeTensor } from '../../../src/native/binding';
import { compare, skipped } from '../compare';
import { ControlledUNet, createNetwork, latents, networksOf, timesteps } from '../networks';
import type { CaseResult, Context, GoldenEntry, GoldenTensor, Handler, TensorSet } from '../types';

/** Recorded name -> what our network calls the value, for those names that the entry has. */
type Names = Record<string, string>;

export const handlers: readonly Handler[] = [
  { match: (entry) => entry.function === 'SwinIR.forward', run: swinir },
  { match: (entry) => entry.function === 'RRDBNet.forward', run: rrdbnet },
  { match: (entry) => entry.function === 'SCUNet.forward', run: scunet },
  { match: (entry) => entry.function === 'ControlLDM.forward', run: controlLdm },
  { match: (entry) => entry.function.startsWith('AutoencoderKL.encode'), run: autoencoder },
  { match: (entry) => entry.function === 'FrozenOpenCLIPEmbedder.encode', run: textEncoder },
];

async function swinir(entry: GoldenEntry, ctx: Context): Promise<CaseResult[]> {
  const recorded = await ctx.tensors(entry);
  const x = recorded.has('x') ? recorded.float('x') : await pictureOf(entry, ctx);
  const names = renamed(recorded, [
    [/^(conv_first|patch_embed|norm|conv_after_body)$/, '$1'],
    [/^layer(\d+)\.block(\d+)(\.attn)?$/, 'layers.$1.residual_group.blocks.$2$3'],
    [/^layer(\d+)$/, 'layers.$1'],
    [/^out$/, 'out'],
  ]);
  const network = await createNetwork(networksOf(entry, ctx).swinir(), ctx, marksIn(names, ['out']));
  const got = network.run({ x });
  const results = compareAll(recorded, names, got, maxAbsOf(entry));
  const out = got.out as NativeTensor;
  if (recorded.has('out_crop')) {
    const crop = picked(out, (y, x, h) => y >= h - 72 && y < h - 8 && x >= 8 && x < 72);
    results.push(compare('out_crop', crop, recorded.get('out_crop'), maxAbsOf(entry)));
    const everyFourth = picked(out, (y, x) => y % 4 === 0 && x % 4 === 0);
    results.push(compare('out_s4', everyFourth, recorded.get('out_s4'), maxAbsOf(entry)));
  }
  return results;
}

async function rrdbnet(entry: GoldenEntry, ctx: Context): Promise<CaseResult[]> {
  const recorded = await ctx.tensors(entry);
  const names = renamed(recorded, [
    [/^(conv_first|trunk_conv|upconv\d|HRconv)(?:_c\d+)?$/, '$1'],
    [/^rrdb(\d+)$/, 'RRDB_trunk.$1'],
    [/^out$/, 'out'],
  ]);
  const network = await createNetwork(networksOf(entry, ctx).rrdbnet(), ctx, marksIn(names, ['out']));
  return compareAll(recorded, names, network.run({ x: recorded.float('x') }), maxAbsOf(entry));
}

async function scunet(entry: GoldenEntry, ctx: Context): Promise<CaseResult[]> {
  const recorded = await ctx.tensors(entry);
  const names = renamed(recorded, [[/^(m_\w+?(?:\.\d+)?|out)(?:_c\d+)?$/, '$1']]);
  const network = await createNetwork(networksOf(entry, ctx).scunet(), ctx, marksIn(names, ['out']));
  return compareAll(recorded, names, network.run({ x: recorded.float('x') }), maxAbsOf(entry));
}

async function controlLdm(entry: GoldenEntry, ctx: Context): Promise<CaseResult[]> {
  const recorded = await ctx.tensors(entry);
  const part = (prefix: string): [RegExp, string][] => [
    [new RegExp(`^${prefix}_emb$`), 'time_embed'],
    [new RegExp(`^${prefix}_in0*(\\d+)((?:\\.[a-z0-9_]+)*)$`), 'input_blocks.$1$2'],
    [new RegExp(`^${prefix}_mid$`), 'middle_block'],
    [new RegExp(`^${prefix}_out0*(\\d+)$`), 'output_blocks.$1'],
  ];
  const controlNames = renamed(recorded, [...part('cn'), [/^control0*(\d+)$/, 'control_$1']]);
  const unetNames = renamed(recorded, [...part('unet'), [/^out$/, 'out']]);
  const model = await ControlledUNet.create(entry, ctx, {
    control: marksIn(controlNames, []).filter((name) => !name.startsWith('control_')),
    unet: marksIn(unetNames, ['out']),
  });

  const [x, context, hint] = [recorded.float('x'), recorded.float('c_txt'), recorded.float('c_img')];
  const t = timesteps(recorded.get('t'));
  const control = model.control(x, t, context, hint);
  const controls = Object.fromEntries(Object.entries(control).filter(([name]) => name.startsWith('control_')));
  const got = model.predict(x, t, context, controls, entry.params?.strength);
  const results = [
    ...compareAll(recorded, controlNames, control, maxAbsOf(entry)),
    ...compareAll(recorded, unetNames, got, maxAbsOf(entry)),
  ];
  if (recorded.has('out_without_control')) {
    const { out } = model.predict(x, t, context, controls, 0);
    results.push(
      compare('out_without_control', out as NativeTensor, recorded.get('out_without_control'), maxAbsOf(entry)),
    );
  }
  return results;
}

async function autoencoder(entry: GoldenEntry, ctx: Context): Promise<CaseResult[]> {
  const recorded = await ctx.tensors(entry);
  const networks = networksOf(entry, ctx);
  const scale = await networks.latentScaleFactor();
  const blocks = (half: string, list: string): [RegExp, string][] => [
    [new RegExp(`^${half}\\.(conv_in|conv_out)(?:_c\\d+)?$`), `${list}.$1`],
    [new RegExp(`^${half}\\.(down|up)(\\d+)\\.block(\\d+)(?:_c\\d+)?$`), `${list}.$1.$2.block.$3`],
    [new RegExp(`^${half}\\.(down|up)(\\d+)\\.(downsample|upsample)(?:_c\\d+)?$`), `${list}.$1.$2.$3`],
    [new RegExp(`^${half}\\.mid$`), `${list}.mid`],
    [new RegExp(`^${half}\\.mid_attn$`), `${list}.mid.attn_1`],
  ];
  const encoderNames = renamed(recorded, [...blocks('enc', 'encoder'), [/^moments$/, 'moments']]);
  const decoderNames = renamed(recorded, [...blocks('dec', 'decoder'), [/^dec\.post_quant_conv$/, 'post_quant_conv']]);
  const latentTolerance = maxAbsOf(entry, 'latent');

  const encoder = await createNetwork(networks.vaeEncoder(), ctx, marksIn(encoderNames, ['moments']));
  const encoded = encoder.run({ image: recorded.float('image') });
  const results = compareAll(recorded, encoderNames, encoded, latentTolerance);
  const { mode, sample } = latents(encoded.moments as NativeTensor, recorded.float('sample_noise'), scale);
  results.push(compare('latent_mode', mode, recorded.get('latent_mode'), latentTolerance));
  // The tolerance was recorded for the mode. A draw is larger by the posterior's deviation, and so is its rounding noise.
  const sampleTolerance = latentTolerance * Math.max(1, absMax(recorded.float('latent_sample')) / absMax(mode));
  results.push(compare('latent_sample', sample, recorded.get('latent_sample'), sampleTolerance));

  const decoder = await createNetwork(networks.vaeDecoder(), ctx, marksIn(decoderNames, []));
  const z = recorded.float('z');
  const decoded = decoder.run({ z: { shape: z.shape, data: z.data.map((value) => value / scale) } });
  results.push(...compareAll(recorded, decoderNames, decoded, maxAbsOf(entry, 'decoded')));
  results.push(compare('decoded', decoded.image as NativeTensor, recorded.get('decoded'), maxAbsOf(entry, 'decoded')));
  return results;
}

async function textEncoder(entry: GoldenEntry, ctx: Context): Promise<CaseResult[]> {
  const recorded = await ctx.tensors(entry);
  const names = renamed(recorded, [[/^block(\d+)_prompt1$/, 'transformer.resblocks.$1']]);
  const network = await createNetwork(networksOf(entry, ctx).text(), ctx, marksIn(names, []));
  const want = recorded.float('c_txt');
  const [prompts = 0, length = 0, width = 0] = want.shape;
  const results: CaseResult[] = [];
  for (let prompt = 0; prompt < prompts; prompt++) {
    const got = network.run({ ids: Int32Array.from(Array.from(recorded.get(`ids${prompt}`).data, Number)) });
    const row = { data: want.data.subarray(prompt * length * width, (prompt + 1) * length * width) };
    results.push(compare(`c_txt[${prompt}]`, { data: (got.context as NativeTensor).data }, row, maxAbsOf(entry)));
    if (prompt === 1) results.push(...compareAll(recorded, names, got, maxAbsOf(entry)));
  }
  return results;
}

function absMax({ data }: NativeTensor): number {
  return data.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
}

async function pictureOf(entry: GoldenEntry, ctx: Context): Promise<NativeTensor> {
  const file = /input: (\S+\.png)/.exec(entry.what)?.[1];
  if (!file) throw new Error(`${entry.file} has neither a tensor "x" nor a picture`);
  const { data, info } = await sharp(ctx.path(file)).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const area = info.width * info.height;
  const x = new Float32Array(3 * area);
  for (let i = 0; i < area; i++) for (let c = 0; c < 3; c++) x[c * area + i] = (data[i * 3 + c] as number) / 255;
  return { shape: [1, 3, info.height, info.width], data: x };
}

function renamed(recorded: TensorSet, rules: readonly [RegExp, string][]): Names {
  const names: Names = {};
  for (const name of recorded.names) {
    const rule = rules.find(([pattern]) => pattern.test(name));
    if (rule) names[name] = name.replace(rule[0], rule[1]);
  }
  return names;
}

function marksIn(names: Names, outputs: readonly string[]): string[] {
  return Object.values(names).filter((name) => !outputs.includes(name));
}

/** `_cN` in a recorded name: only its first N channels were kept. */
function compareAll(recorded: TensorSet, names: Names, got: Record<string, NativeTensor>, tolerance: number) {
  return Object.entries(names).map(([recordedName, name]) => {
    const value = got[name];
    if (!value) return skipped(recordedName);
    const want = recorded.get(recordedName);
    return compare(
      recordedName,
      /_c\d+$/.test(recordedName) ? firstChannels(value, want) : { data: value.data },
      want,
      tolerance,
    );
  });
}

function firstChannels(value: NativeTensor, want: GoldenTensor) {
  const [batch = 1, channels = 1, height = 1, width = 1] = value.shape;
  const kept = want.shape[1] ?? channels;
  const data = new Float32Array(batch * kept * height * width);
  for (let b = 0; b < batch; b++) {
    const from = b * channels * height * width;
    data.set(value.data.subarray(from, from + kept * height * width), b * kept * height * width);
  }
  return { data };
}

/** The chosen pixels of an NCHW tensor. */
function picked(value: NativeTensor, keep: (y: number, x: number, height: number) => boolean) {
  const [, , height = 1, width = 1] = value.shape;
  return { data: value.data.filter((_, i) => keep(Math.floor(i / width) % height, i % width, height)) };
}

function maxAbsOf(entry: GoldenEntry, part?: string): number {
  const tolerance = part ? (entry.tolerance?.[part] as Record<string, unknown>) : entry.tolerance;
  const value = tolerance?.max_abs;
  if (typeof value !== 'number') throw new Error(`${entry.file} states no tolerance max_abs`);
  return value;
}
