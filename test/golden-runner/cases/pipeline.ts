import sharp from 'sharp';
import type { ModelSpec, NativeImage, NativeTensor, RestoreJob } from '../../../src/native/binding';
import { encode } from '../../../src/text/tokenizer';
import { compare, failed, relToAbsMax, skipped } from '../compare';
import { networksOf, THREADS } from '../networks';
import { scheduleConfig, scheduleOf } from '../schedules';
import { edmOf, hasSampler, unstack } from '../trajectories';
import type { CaseResult, Context, GoldenEntry, Handler, TensorSet } from '../types';

/** The share of values that may be one level off. */
const SHARE_OFF = 0.001;

/** Whole runs: a degraded picture in, a restored one out, with the reference's own random numbers. */
const pipeline: Handler = {
  match: ({ function: from }) => /Pipeline\.run$/.test(from) && !from.includes(','),
  async run(entry, ctx) {
    const missing = await whatIsMissing(entry, ctx);
    if (missing) return [skipped('', missing)];
    const recorded = await ctx.tensors(entry);
    const base = entry.file.replace(/\.safetensors$/, '');
    const binding = await ctx.binding();
    const model = await binding.createModel(await modelOf(entry, ctx), () => {}).promise;
    try {
      const job = jobOf(entry, await picture(ctx.path(`${base}.lq.png`)), recorded);
      const { image, trace } = await model.restore(job, () => {}).promise;
      return [
        ...compareTrace(entry, recorded, trace),
        comparePicture(image, await picture(ctx.path(`${base}.out.png`))),
      ];
    } finally {
      await model.dispose();
    }
  },
};

export const handlers: readonly Handler[] = [pipeline];

/** The reference's pipeline classes by the network of their stage 1. */
const CLEANERS = {
  'SwinIRPipeline.run': 'swinir',
  'BSRNetPipeline.run': 'rrdbnet',
  'SCUNetPipeline.run': 'scunet',
} as const;

async function whatIsMissing(entry: GoldenEntry, ctx: Context): Promise<string | undefined> {
  const args = entry.params?.args ?? {};
  const schedule = await scheduleOf(ctx, scheduleConfig(entry.params?.schedule));
  const { primitives } = await ctx.binding();
  if (!(entry.function in CLEANERS)) return `${entry.function} is not implemented`;
  if (!hasSampler(primitives, schedule, args.sampler_type)) return `sampler ${args.sampler_type} is not implemented`;
  return undefined;
}

async function modelOf(entry: GoldenEntry, ctx: Context): Promise<ModelSpec> {
  const networks = networksOf(entry, ctx);
  return {
    cleaner: await networks[CLEANERS[entry.function as keyof typeof CLEANERS]](),
    stage2: {
      vaeEncoder: await networks.vaeEncoder(),
      vaeDecoder: await networks.vaeDecoder(),
      textEncoder: await networks.text(),
      unet: await networks.unet(),
      controlnet: await networks.controlnet(),
      schedule: await scheduleOf(ctx, scheduleConfig(entry.params?.schedule)),
      latentScaleFactor: await networks.latentScaleFactor(),
      minShortEdge: 512,
    },
    faces: null,
    threads: THREADS,
    keepNetworks: true,
    execution: { provider: 'cpu', device: 0 },
  };
}

function jobOf(entry: GoldenEntry, image: NativeImage, recorded: TensorSet): RestoreJob {
  const { args, pil_bicubic_before: enlargedBefore } = entry.params ?? {};
  const tile = (name: string) => (args[`${name}_tiled`] ? args[`${name}_tile_size`] : 0);
  const tiles = (name: string) => ({ tile: tile(name), stride: args[`${name}_tile_stride`] });
  return {
    image,
    isFace: false,
    stage: 2,
    upscale: entry.params?.upscale ?? enlargedBefore,
    sampler: args.sampler_type,
    steps: args.steps,
    cfgScale: args.cfg_scale,
    rescaleCfg: args.rescale_cfg,
    cfgStart: 0,
    cfgStop: 1,
    reuse: 'none',
    reuseInterval: 2,
    strength: args.strength,
    noiseAug: args.noise_aug,
    startPoint: args.start_point_type,
    guidance: { loss: 'mse', space: 'latent', scale: 0, start: 1001, stop: -1, repeat: 1 },
    fidelity: 0,
    edm: edmOf(args),
    tiling: {
      cleaner: tiles('cleaner'),
      encoder: tile('vae_encoder'),
      decoder: tile('vae_decoder'),
      diffusion: tiles('cldm'),
      batch: 1,
      encoderAtOnce: true,
      decoderAtOnce: true,
    },
    padding: 'zero',
    parity: true,
    colorFix: 'wavelet',
    positiveTokens: encode(args.pos_prompt),
    negativeTokens: encode(args.neg_prompt),
    seed: 0n,
    rng: 'torch',
    noise: drawsOf(entry, recorded),
    trace: true,
    keepNetworks: true,
  };
}

/**
 * `randn` and `randn_like` draws in the order they were made; each kind was recorded with its own counter. Draws that the
 * sampler multiplies by 0 were not recorded.
 */
function drawsOf(entry: GoldenEntry, recorded: TensorSet): NativeTensor[] {
  const count: Record<string, number> = {};
  const draws = ((entry.params?.draw_order ?? []) as string[]).map((draw) => {
    const [, kind = '', sizes = ''] = /^(\w+)\[(.*)\]$/.exec(draw) ?? [];
    const index = count[kind] ?? 0;
    count[kind] = index + 1;
    if (recorded.has(`${kind}${index}`)) return recorded.float(`${kind}${index}`);
    const shape = sizes.split(',').map(Number);
    return { shape, data: new Float32Array(shape.reduce((product, size) => product * size, 1)) };
  });
  // The increments of the samplers with Brownian noise come after every other draw.
  const increments = recorded.has('brownian') ? unstack(recorded.float('brownian')) : [];
  return [...draws, ...increments.map(({ shape, data }) => ({ shape: [1, ...shape], data }))];
}

function compareTrace(entry: GoldenEntry, recorded: TensorSet, trace: Record<string, NativeTensor>): CaseResult[] {
  const latentTolerance = Number(entry.tolerance?.latent_rel_to_absmax);
  const imageTolerance = Number(entry.tolerance?.images_max_abs);
  const results: CaseResult[] = [];
  for (const name of ['c_txt', 'uncond_c_txt', 'c_img', 'c_img_seen_by_network', 'x_steps', 'final_latent']) {
    const got = trace[name];
    if (got && recorded.has(name)) results.push(compare(name, got, recorded.get(name), latentTolerance, relToAbsMax));
  }
  for (const name of ['cond_img', 'decoded01', 'color_fixed']) {
    const got = trace[name];
    if (!got) continue;
    results.push(compare(`${name}_s8`, everyEighth(got), recorded.get(`${name}_s8`), imageTolerance));
    results.push(compare(`${name}_mean`, { data: means(got) }, recorded.get(`${name}_mean`), imageTolerance));
  }
  return results;
}

function comparePicture(result: NativeImage, want: NativeImage): CaseResult {
  // Of large results only the lower right corner was recorded.
  const got = want.width < result.width && want.height < result.height ? lowerRight(result, want) : result;
  if (got.width !== want.width || got.height !== want.height) {
    return failed('png', `${got.width}x${got.height} instead of ${want.width}x${want.height}`);
  }
  let largest = 0;
  let different = 0;
  for (let i = 0; i < want.data.length; i++) {
    const levels = Math.abs((got.data[i] as number) - (want.data[i] as number));
    largest = Math.max(largest, levels);
    if (levels > 0) different++;
  }
  const share = different / want.data.length;
  const note = `${different} of ${want.data.length} values differ`;
  const status = largest <= 1 && share <= SHARE_OFF ? 'pass' : 'fail';
  return { name: 'png', status, error: largest, tolerance: 1, note };
}

function lowerRight(image: NativeImage, { width, height }: NativeImage): NativeImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const from = ((image.height - height + y) * image.width + image.width - width) * 3;
    data.set(image.data.subarray(from, from + width * 3), y * width * 3);
  }
  return { width, height, data };
}

async function picture(file: string): Promise<NativeImage> {
  const { data, info } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: new Uint8Array(data) };
}

function everyEighth({ shape: [batch = 1, channels = 1, height = 1, width = 1], data }: NativeTensor): NativeTensor {
  const kept = data.filter((_, i) => (i % width) % 8 === 0 && (Math.floor(i / width) % height) % 8 === 0);
  return { shape: [batch, channels, Math.ceil(height / 8), Math.ceil(width / 8)], data: kept };
}

function means({ shape: [, , height = 1, width = 1], data }: NativeTensor): Float64Array {
  const area = height * width;
  return Float64Array.from({ length: data.length / area }, (_, plane) => {
    let sum = 0;
    for (let i = plane * area; i < (plane + 1) * area; i++) sum += data[i] as number;
    return sum / area;
  });
}
