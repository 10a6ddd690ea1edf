import { flopsOf } from '../../src/estimate/flops';
import type { OpenModel } from '../../src/loadModel';
import type { NetworkSpec } from '../../src/native/binding';
import type { NetworkInputs } from '../../src/native/primitives';
import type { RestoreOptions } from '../../src/options/RestoreOptions';
import { sum } from '../statistics';

/** Pixels a side for which the networks are measured. */
export const SIDE = 512;
/** And then those that a picture of this size has. */
const LARGE = 1024;
/** A picture with two prompts and with one, and eight tiles with two. */
const BATCHES = [
  [1, 2],
  [1, 1],
  [8, 2],
] as const;
const PROMPT_TOKENS = 77;

/** What one run is for: so many pictures or tiles, and for each so many prompts. */
export type Batch = readonly [pictures: number, prompts: number];

export interface NetworkPlan {
  readonly name: string;
  readonly spec: NetworkSpec;
  readonly batch: Batch;
  readonly side: number;
  readonly tokens: number;
  readonly gflop: number;
}

type Planned = Pick<OpenModel, 'spec' | 'footprint'>;

const tokensOf = ({ stage2 }: Planned['spec']) => (stage2?.textEncoder ? PROMPT_TOKENS : 1);

/** Every network of a model at 512 x 512, those that run at each step first, then at 1024 x 1024. */
export function networkPlans({ spec, footprint }: Planned): NetworkPlan[] {
  const { cleaner, stage2 } = spec;
  const tokens = tokensOf(spec);
  const plan = (name: string, network: NetworkSpec, side: number, batch: Batch = [1, 1]): NetworkPlan => ({
    ...{ name, spec: network, batch, side, tokens },
    gflop: (batch[0] * batch[1] * flopsOf(network, { width: side, height: side, tokens })) / 1e9,
  });
  const plansAt = (side: number, batches: readonly Batch[]) => {
    const where = side === SIDE ? '' : ` at ${side}`;
    const stages = stage2
      ? [
          ...batches.flatMap((batch) => [
            plan(`UNet${where}, ${batch.join(' x ')}`, stage2.unet, side, batch),
            plan(`ControlNet${where}, ${batch.join(' x ')}`, stage2.controlnet, side, batch),
          ]),
          plan(`VAE decoder${where}`, stage2.vaeDecoder, side),
          plan(`VAE encoder${where}`, stage2.vaeEncoder, side),
        ]
      : [];
    if (cleaner.type === 'none') return stages;
    // Those that enlarge a picture make one of the others' size.
    return [...stages, plan(`cleaner (${cleaner.type})${where}`, cleaner, side / footprint.cleanerScale)];
  };
  const textEncoder = stage2?.textEncoder ? [plan('text encoder', stage2.textEncoder, SIDE)] : [];
  return [...plansAt(SIDE, BATCHES), ...textEncoder, ...plansAt(LARGE, [[1, 2]])];
}

export interface PicturePlan {
  readonly name: string;
  readonly side: number;
  readonly call: RestoreOptions;
  readonly tflop: number;
}

export interface PictureSize {
  readonly side: number;
  readonly steps: number;
  /** The diffusion model on tiles of 512, half of which overlap. */
  readonly isTiled?: boolean;
}

/** A picture of `side` x `side` pixels that is not enlarged, with two prompts where the model reads them. */
export function picturePlan({ spec }: Planned, { side, steps, isTiled = false }: PictureSize): PicturePlan {
  const { cleaner, stage2 } = spec;
  const tokens = tokensOf(spec);
  const prompts = stage2?.textEncoder ? 2 : 1;
  const tile = isTiled ? SIDE : side;
  const stride = tile / 2;
  const tiles = isTiled ? Math.ceil((side - tile) / stride + 1) ** 2 : 1;
  const flop = (network: NetworkSpec, at: number) => flopsOf(network, { width: at, height: at, tokens });
  const whole = [cleaner, ...(stage2 ? [stage2.vaeEncoder, stage2.vaeDecoder] : [])].map((one) => flop(one, side));
  const step = stage2 ? tiles * prompts * (flop(stage2.unet, tile) + flop(stage2.controlnet, tile)) : 0;
  const tiling = {
    cleaner: side,
    encoder: side,
    decoder: side,
    diffusion: tile,
    diffusionStride: isTiled ? stride : 0,
  };
  return {
    name: `${side} x ${side}, ${steps} steps${isTiled ? `, ${tiles} tiles` : ''}`,
    side,
    call: { steps, ...(prompts === 2 && { cfgScale: 4 }), tiling, seed: 231n },
    tflop: (sum(whole) + steps * step) / 1e12,
  };
}

/** The input that all pictures of a batch share. */
const SHARED = 'strength';

/** Inputs that each prompt has of its own. */
const OF_PROMPTS = /^(context|control_\d+)$/;

/** The inputs of one picture with one prompt for a batch; what has no batch stays. */
export function batched(inputs: NetworkInputs, [pictures, prompts]: Batch): NetworkInputs {
  const entries = Object.entries(inputs).map(([name, value]) => {
    const times = OF_PROMPTS.test(name) ? pictures * prompts : pictures;
    if (times === 1 || !('shape' in value) || name === SHARED) return [name, value] as const;
    const data = new Float32Array(times * value.data.length);
    for (let i = 0; i < times; i++) data.set(value.data, i * value.data.length);
    return [name, { shape: [times * (value.shape[0] ?? 1), ...value.shape.slice(1)], data }] as const;
  });
  return Object.fromEntries(entries);
}
