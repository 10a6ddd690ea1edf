import type { OpenModel } from '../loadModel';
import type { NetworkSpec, RestoreJob } from '../native/binding';
import type { Primitives } from '../native/primitives';
import type { ResolvedOptions } from '../options/resolve';
import { reuseOf } from '../speed';
import { type Size, workSize } from '../workSize';
import { predictions } from './calls';
import { flopsOf } from './flops';

/** What a stage of one picture computes. */
export interface StageWork {
  readonly stage: 'stage1' | 'encode' | 'sample' | 'decode';
  /** Tiles that the picture is cut into; 1: it stays whole. */
  readonly tiles: number;
  /** How often the networks go over the picture: once, or once for each prediction and prompt of the sampler. */
  readonly passes: number;
  readonly flop: number;
  /** The network that most of it is for. */
  readonly type: NetworkSpec['type'];
}

/** As in native/pipeline/networks.cpp, in pixels. */
const OVERLAP = { encoder: 32, decoder: 11 * 8 } as const;
const PROMPTS = 2;
const PROMPT_TOKENS = 77;
/** Of guidance between pictures, at each gradient step: the decoder forwards, and its gradient. */
const DECODINGS_PER_GRADIENT = 3;

type Tiles = RestoreJob['tiling'];

/** The work of `stage` stages on a picture of `size` pixels, with the tiles that were planned for it. */
export function workOf(
  model: OpenModel,
  { stage, size, tiles }: { stage: 1 | 2; size: Size; tiles: Tiles },
  options: ResolvedOptions,
  primitives: Pick<Primitives, 'slidingWindows' | 'overlappingTiles'>,
): StageWork[] {
  const { spec, footprint } = model;
  const { parity, samples } = options;
  const work = workSize(size, options.upscale, stage === 2 ? model.minShortEdge : 1);
  const tokens = spec.stage2?.textEncoder ? PROMPT_TOKENS : 1;

  const sliding = (picture: Size, { tile, stride }: Tiles['cleaner']): Size[] =>
    isCut(picture, tile, parity)
      ? primitives.slidingWindows(picture.height, picture.width, tile, stride).map(sizeOf)
      : [picture];
  const overlapping = (half: 'encoder' | 'decoder'): Size[] =>
    isCut(work, tiles[half], parity)
      ? primitives
          .overlappingTiles(work.height, work.width, tiles[half], OVERLAP[half])
          .map(({ input }) => sizeOf(input))
      : [work];
  const flop = (network: NetworkSpec, pieces: readonly Size[]) =>
    pieces.reduce((sum, { width, height }) => sum + flopsOf(network, { width, height, tokens }), 0);

  const seen = sliding(footprint.cleanerScale > 1 ? size : work, tiles.cleaner);
  const stages: StageWork[] = [
    { stage: 'stage1', tiles: seen.length, passes: 1, flop: flop(spec.cleaner, seen), type: spec.cleaner.type },
  ];
  if (stage === 2 && spec.stage2) {
    const { vaeEncoder, vaeDecoder, textEncoder, unet, controlnet } = spec.stage2;
    const encoded = overlapping('encoder');
    const encoding = flop(vaeEncoder, encoded) * repeats(vaeEncoder, 'encoder', encoded, tiles.encoderAtOnce);
    const text = textEncoder ? PROMPTS * flopsOf(textEncoder, { ...work, tokens }) : 0;
    stages.push({ ...describe('encode', encoded, 1, vaeEncoder), flop: encoding + text });

    const steered = sliding(work, tiles.diffusion);
    // The second prompt's prediction is made inside the interval of guidance alone.
    const guided = options.cfgScale === 1 ? 0 : Math.max(0, options.cfgStop - options.cfgStart);
    const passes = Math.round(predictions(options) * (1 + guided));
    const { reuse, reuseInterval } = reuseOf(options);
    const phases = Math.ceil(options.steps / reuseInterval);
    const due = reuse === 'none' ? passes : Math.min(passes, Math.round(phases * (1 + guided)));
    const rest: NetworkSpec = { ...unet, type: reuse === 'encoder' ? 'unet_decoder' : 'unet_shallow' };
    const { scale, space, repeat } = options.guidance;
    const gradients = scale > 0 && space === 'rgb' ? predictions(options) * repeat * DECODINGS_PER_GRADIENT : 0;
    const predicting = due * (flop(unet, steered) + flop(controlnet, steered)) + (passes - due) * flop(rest, steered);
    const guiding = gradients * flop(vaeDecoder, [work]);
    stages.push({ ...describe('sample', steered, passes, unet), flop: predicting + guiding });

    const decoded = overlapping('decoder');
    const decoding = flop(vaeDecoder, decoded) * repeats(vaeDecoder, 'decoder', decoded, tiles.decoderAtOnce);
    stages.push({ ...describe('decode', decoded, 1, vaeDecoder), flop: decoding });
  }
  // Every sample goes through all stages.
  return stages.map((one) => ({ ...one, passes: one.passes * samples, flop: one.flop * samples }));
}

function describe(stage: StageWork['stage'], pieces: readonly Size[], passes: number, { type }: NetworkSpec) {
  return { stage, tiles: pieces.length, passes, type };
}

/** Whether tiles apply: the reference drops them where one side is shorter, this package where both are. */
function isCut({ width, height }: Size, tile: number, parity: boolean): boolean {
  return tile > 0 && (parity ? Math.min(width, height) >= tile : Math.max(width, height) > tile);
}

/** From y, x, height, width. */
function sizeOf([, , height = 0, width = 0]: Int32Array): Size {
  return { width, height };
}

/** Tiles that are in memory one at a time run as far as each normalisation, half of the network on average. */
function repeats({ weights, prefix }: NetworkSpec, half: string, tiles: readonly Size[], atOnce: boolean): number {
  if (atOnce || tiles.length === 1) return 1;
  const norms = weights.tensors.filter(
    ({ name }) => name.startsWith(`${prefix}${half}.`) && /norm\w*\.weight$/.test(name),
  );
  return Math.max(1, norms.length / 2);
}
