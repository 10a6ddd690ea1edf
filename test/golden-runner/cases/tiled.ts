import type { NativeTensor } from '../../../src/native/binding';
import { compare, compareJson, maxAbs, maxRel, skipped } from '../compare';
import { ControlledUNet, createNetwork, networksOf, THREADS, timesteps } from '../networks';
import { scheduleConfig, scheduleOf } from '../schedules';
import { edmOf, hasSampler, unstack } from '../trajectories';
import type { CaseResult, Context, GoldenEntry, Handler, TensorSet } from '../types';

interface Windows {
  h: number;
  w: number;
  size: number;
  stride: number;
  /** top, bottom, left, right */
  windows: number[][];
}

const windows: Handler = {
  match: (entry) => entry.function === 'sliding_windows',
  async run(entry, ctx) {
    const { primitives } = await ctx.binding();
    return (await ctx.json<Windows[]>(entry.file)).map(({ h, w, size, stride, windows: want }) => {
      const got = primitives.slidingWindows(h, w, size, stride).map(([y = 0, x = 0, height = 0, width = 0]) => {
        return [y, y + height, x, x + width];
      });
      return compareJson(`${w}x${h} size ${size} stride ${stride}`, got, want);
    });
  },
};

const weights: Handler = {
  match: (entry) => entry.function === 'gaussian_weights',
  async run(entry, ctx) {
    const { primitives } = await ctx.binding();
    const recorded = await ctx.tensors(entry);
    return recorded.names.map((name) => {
      const { shape, data } = recorded.get(name);
      const got = primitives.gaussianWeights(shape[0] as number, shape[1] as number, 'reference');
      return compare(name, { data: got }, { data: data as Float64Array }, Number(entry.tolerance?.rel), maxRel);
    });
  },
};

interface DiffusionCase {
  case: string;
  sampler: string;
  parameterization: 'eps' | 'v';
  cfg_scale: number;
  rescale_cfg: boolean;
  steps: number;
  tile_size: number;
  tile_stride: number;
  tol: { max_abs: number };
}

const diffusion: Handler = {
  match: (entry) => entry.function.startsWith('Sampler.sample(tiled=True)'),
  async run(entry, ctx) {
    const recorded = await ctx.tensors(entry);
    const model = await tiledModel(entry, recorded, ctx);
    const { primitives } = await ctx.binding();
    const results: CaseResult[] = [];
    for (const row of (entry.params?.cases ?? []) as DiffusionCase[]) {
      const schedule = await scheduleOf(ctx, scheduleConfig(row.parameterization === 'v' ? 'v2.1' : 'v1_v2'));
      if (!hasSampler(primitives, schedule, row.sampler)) {
        results.push(skipped(row.case));
        continue;
      }
      const x = recorded.float('x_T');
      const network = (prompt: string) => (latent: NativeTensor, t: number) => {
        return model(latent, t, prompt, row.tile_size, row.tile_stride);
      };
      const steps = primitives.sample({
        sampler: row.sampler,
        schedule,
        steps: row.steps,
        x,
        noise: drawsOf(recorded, row, x),
        cfgScale: row.cfg_scale,
        rescaleCfg: row.rescale_cfg,
        cond: network('c_txt'),
        uncond: network('uncond_c_txt'),
        guidance: null,
        edm: edmOf({}),
        parity: true,
      });
      const want = unstack(recorded.float(`${row.case}.x`));
      const errors = steps.map(({ data }, i) => maxAbs(data, (want[i] as NativeTensor).data));
      const error = Math.max(...errors);
      const status = steps.length === want.length && error <= row.tol.max_abs ? 'pass' : 'fail';
      results.push({ name: row.case, status, error, tolerance: row.tol.max_abs });
    }
    const t = Number(recorded.get('one_call.t').data[0]);
    const got = model(recorded.float('x_T'), t, 'c_txt', 16, 8);
    results.push(compare('one_call', got, recorded.get('one_call.out'), 5e-5));
    return results;
  },
};

const autoencoder: Handler = {
  match: (entry) => entry.function.startsWith('VAEHook.__call__'),
  async run(entry, ctx) {
    const recorded = await ctx.tensors(entry);
    const networks = networksOf(entry, ctx);
    const { primitives } = await ctx.binding();
    const [encoder, decoder] = [await networks.vaeEncoder(), await networks.vaeDecoder()];
    const model = primitives.createAutoencoder(encoder, decoder, THREADS);
    const scale = await networks.latentScaleFactor();
    const tolerance = Number(entry.tolerance?.max_abs);
    const [encoderTile = 0, decoderTile = 0] = [...entry.what.matchAll(/tile (\d+)/g)].map((match) => Number(match[1]));

    const u8 = recorded.get('image_u8');
    const image = {
      shape: u8.shape,
      data: Float32Array.from(u8.data as Uint8Array, (v) => Math.fround(v / 127.5) - 1),
    };
    const z = recorded.float('z');
    const latent = { shape: z.shape, data: z.data.map((value) => value / scale) };
    const boxes = (height: number, width: number, tile: number, overlap: number, ratio: number) => {
      const edges = ([y = 0, x = 0, h = 0, w = 0]: Int32Array) => [x, x + w, y, y + h];
      const tiles = primitives.overlappingTiles(height, width, tile, overlap);
      return [tiles.map(({ input }) => edges(input)), tiles.map(({ own }) => edges(own).map((edge) => edge * ratio))];
    };
    const [, , height = 0, width = 0] = image.shape;

    const mode = model.encode(image, encoderTile, 'reference', true);
    const untiledMode = model.encode(image, 4096, 'exact', true);
    const decoded = model.decode(latent, decoderTile, 'reference', true);
    const untiled = model.decode(latent, 4096, 'exact', true);
    return [
      compareJson('encoder tiles', boxes(height, width, encoderTile, 32, 1 / 8), entry.params?.tile_boxes.encoder),
      compareJson('decoder tiles', boxes(height / 8, width / 8, decoderTile, 11, 8), entry.params?.tile_boxes.decoder),
      compareMode('enc.untiled_moments', untiledMode, recorded, tolerance),
      compareMode('enc.exact_moments', mode, recorded, tolerance),
      compare('dec.untiled_s4', everyFourth(untiled), recorded.get('dec.untiled_s4'), tolerance),
      compare('dec.exact_s4', everyFourth(decoded), recorded.get('dec.exact_s4'), tolerance),
    ];
  },
};

const cleaner: Handler = {
  match: (entry) => entry.function.startsWith('make_tiled_fn as called by the pipelines'),
  async run(entry, ctx) {
    const recorded = await ctx.tensors(entry);
    const { primitives } = await ctx.binding();
    const results: CaseResult[] = [];
    for (const name of recorded.names.filter((key) => key.includes('.tile'))) {
      const [kind = '', sizes = ''] = name.split('.tile');
      const [tile = 0, stride = 0] = sizes.split('_').map(Number);
      const network = await cleanerOf(kind, ctx);
      const x = recorded.float(`${kind}.x`);
      const want = recorded.get(name);
      const scale = (want.shape[2] as number) / (x.shape[2] as number);
      const got = primitives.blendTiles(x, tile, stride, scale, 'reference', network);
      results.push(compare(name, got, want, Number(entry.tolerance?.max_abs)));
    }
    return results;
  },
};

export const handlers: readonly Handler[] = [windows, weights, diffusion, autoencoder, cleaner];

/** One blended call of the model: x and the condition latent are cut at the same places. */
async function tiledModel(entry: GoldenEntry, inputs: TensorSet, ctx: Context) {
  const network = await ControlledUNet.create(entry, ctx);
  const { primitives } = await ctx.binding();
  const hint = inputs.float('c_img');
  return (x: NativeTensor, t: number, prompt: string, tile: number, stride: number) => {
    const both = joinChannels(x, hint);
    return primitives.blendTiles(both, tile, stride, 1, 'reference', (part) => {
      const [noisy, condition] = splitChannels(part);
      const at = timesteps({ shape: [1], data: [t] });
      const context = inputs.float(prompt);
      return network.predict(noisy, at, context, network.control(noisy, at, context, condition), 1).out as NativeTensor;
    });
  };
}

async function cleanerOf(kind: string, ctx: Context): Promise<(x: NativeTensor) => NativeTensor> {
  const type = { bsrnet: 'rrdbnet', swinir: 'swinir', scunet: 'scunet' }[kind];
  const entry = ctx.manifest.files.find(({ file, models }) => models?.stage1 && file.startsWith(`nets/${kind}`));
  if (!type || !entry) throw new Error(`no network recorded for ${kind}`);
  const spec = await networksOf(entry, ctx)[type as 'rrdbnet' | 'swinir' | 'scunet']();
  const network = await createNetwork(Promise.resolve(spec), ctx);
  return (x) => network.run({ x }).out as NativeTensor;
}

function drawsOf(recorded: TensorSet, row: DiffusionCase, x: NativeTensor): NativeTensor[] {
  if (recorded.has(`${row.case}.noise`)) {
    return unstack(recorded.float(`${row.case}.noise`)).map(({ shape, data }) => ({ shape: [1, ...shape], data }));
  }
  // Samplers whose noise is multiplied by 0 draw it all the same.
  return Array.from({ length: 2 * row.steps }, () => ({ shape: x.shape, data: new Float32Array(x.data.length) }));
}

function joinChannels(a: NativeTensor, b: NativeTensor): NativeTensor {
  const data = new Float32Array(a.data.length + b.data.length);
  data.set(a.data);
  data.set(b.data, a.data.length);
  const [batch = 1, channels = 0, ...size] = a.shape;
  return { shape: [batch, channels + (b.shape[1] ?? 0), ...size], data };
}

function splitChannels({ shape: [batch = 1, channels = 0, ...size], data }: NativeTensor) {
  const half = data.length / 2;
  const shape = [batch, channels / 2, ...size];
  return [
    { shape, data: data.slice(0, half) },
    { shape, data: data.slice(half) },
  ] as const;
}

/** The tolerance was recorded for pictures around 1: means are larger, and 1e-5 of the largest is the least to expect. */
function compareMode(name: string, got: NativeTensor, recorded: TensorSet, tolerance: number): CaseResult {
  const [want] = splitChannels(recorded.float(name));
  const largest = want.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return compare(name, got, want, Math.max(tolerance, 1e-5 * largest));
}

function everyFourth({ shape: [, , , width = 1], shape, data }: NativeTensor) {
  const height = shape[2] ?? 1;
  return { data: data.filter((_, i) => (i % width) % 4 === 0 && (Math.floor(i / width) % height) % 4 === 0) };
}
