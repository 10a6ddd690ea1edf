import type { NativeTensor, NetworkSpec } from '../../src/native/binding';
import type { NativeNetwork } from '../../src/native/primitives';
import type { Context, GoldenEntry } from './types';

/** Prefixes of the three networks inside a Stable Diffusion checkpoint (behaviour.md 1.4). */
export const SD_PREFIX = {
  unet: 'model.diffusion_model.',
  vae: 'first_stage_model.',
  text: 'cond_stage_model.model.',
} as const;

/** Threads of golden runs: the machine decides speed, never numbers. */
export const THREADS = 2;

/** The networks of a golden entry as native code takes them. */
export interface GoldenNetworks {
  swinir(): Promise<NetworkSpec>;
  rrdbnet(): Promise<NetworkSpec>;
  scunet(): Promise<NetworkSpec>;
  unet(): Promise<NetworkSpec>;
  controlnet(): Promise<NetworkSpec>;
  vaeEncoder(): Promise<NetworkSpec>;
  vaeDecoder(): Promise<NetworkSpec>;
  text(): Promise<NetworkSpec>;
  latentScaleFactor(): Promise<number>;
}

/** Finds a golden entry's checkpoints and configurations by the roles its `models` and `configs` give them. */
export function networksOf(entry: GoldenEntry, ctx: Context): GoldenNetworks {
  const { sd, controlnet, stage1 } = entry.models ?? {};
  const configWith = async (key: string) => {
    for (const file of entry.configs ?? []) {
      const config = await ctx.config(file);
      if (key in config) return config;
    }
    throw new Error(`none of the configs of ${entry.file} has ${key}`);
  };
  const spec = async (
    type: NetworkSpec['type'],
    file: string | undefined,
    prefix: string,
    config: NetworkSpec['config'],
  ): Promise<NetworkSpec> => {
    if (!file) throw new Error(`${entry.file} names no checkpoint for ${type}`);
    return { type, weights: await ctx.weights(file), prefix, config, optimizations: ctx.optimizations };
  };
  const heads = async (part: string) => {
    const { num_head_channels } = (await configWith(part))[part];
    return { num_head_channels };
  };
  return {
    async swinir() {
      const { num_heads, window_size } = await configWith('num_heads');
      return spec('swinir', stage1, '', { num_heads, window_size });
    },
    rrdbnet: () => spec('rrdbnet', stage1, '', {}),
    scunet: () => spec('scunet', stage1, '', {}),
    unet: async () => spec('unet', sd, SD_PREFIX.unet, await heads('unet_cfg')),
    controlnet: async () => spec('controlnet', controlnet, '', await heads('controlnet_cfg')),
    vaeEncoder: () => spec('vae_encoder', sd, SD_PREFIX.vae, {}),
    vaeDecoder: () => spec('vae_decoder', sd, SD_PREFIX.vae, {}),
    async text() {
      const { heads: textHeads, layers } = (await configWith('clip_cfg')).clip_cfg.text_cfg;
      return spec('clip_text', sd, SD_PREFIX.text, { heads: textHeads, layers });
    },
    latentScaleFactor: async () => (await configWith('latent_scale_factor')).latent_scale_factor,
  };
}

/** Builds a network and remembers nothing: golden cases are independent of each other. */
export async function createNetwork(
  spec: Promise<NetworkSpec>,
  ctx: Context,
  outputs: readonly string[] = [],
): Promise<NativeNetwork> {
  return (await ctx.binding()).primitives.createNetwork(await spec, THREADS, outputs);
}

/** One timestep per batch item, whatever integer or float type it was recorded in. */
export function timesteps(recorded: { shape: readonly number[]; data: ArrayLike<number | bigint> }): NativeTensor {
  return { shape: recorded.shape, data: Float32Array.from(Array.from(recorded.data, Number)) };
}

/** Mean, and a draw of the posterior, both in latent units. */
export function latents(moments: NativeTensor, noise: NativeTensor, scale: number) {
  const { shape } = noise;
  const [mode, sample] = [new Float32Array(noise.data.length), new Float32Array(noise.data.length)];
  const item = mode.length / (shape[0] ?? 1);
  for (let i = 0; i < mode.length; i++) {
    const at = Math.floor(i / item) * 2 * item + (i % item);
    const mean = moments.data[at] as number;
    const logvar = Math.min(Math.max(moments.data[at + item] as number, -30), 20);
    mode[i] = mean * scale;
    sample[i] = (mean + Math.exp(0.5 * logvar) * (noise.data[i] as number)) * scale;
  }
  return { mode: { shape, data: mode }, sample: { shape, data: sample } };
}

/** ControlNet and UNet with one set of weights, as `ControlLDM.forward` joins them. */
export class ControlledUNet {
  private constructor(
    private readonly controlnet: NativeNetwork,
    private readonly unet: NativeNetwork,
  ) {}

  static async create(entry: GoldenEntry, ctx: Context, marks: { control?: string[]; unet?: string[] } = {}) {
    const networks = networksOf(entry, ctx);
    return new ControlledUNet(
      await createNetwork(networks.controlnet(), ctx, marks.control),
      await createNetwork(networks.unet(), ctx, marks.unet),
    );
  }

  control(x: NativeTensor, t: NativeTensor, context: NativeTensor, hint: NativeTensor) {
    return this.controlnet.run({ x, t, context, hint });
  }

  predict(
    x: NativeTensor,
    t: NativeTensor,
    context: NativeTensor,
    controls: Record<string, NativeTensor>,
    strength: number,
  ) {
    return this.unet.run({
      ...controls,
      x,
      t,
      context,
      strength: { shape: [1], data: Float32Array.of(strength) },
    });
  }
}
