import { InvalidOptionError } from '../errors';
import type { RestoreJob } from '../native/binding';
import type { ResolvedOptions } from '../options/resolve';
import { type Size, workSize } from '../workSize';
import { CELL_PIXELS, type Footprint } from './footprint';

type Tiles = RestoreJob['tiling'];

const MIB = 2 ** 20;
const PIXELS = 64; // tiles are multiples of this: what every network takes
const SMALLEST = 128;
const LARGEST = 4096;
/**
 * Networks with attention over all positions work on the picture whole up to this many pixels, also where more would fit:
 * the time of attention grows with the square.
 */
const MOST_ATTENDED = 2048 ** 2;
const LARGEST_ATTENDED = 1024;
/** Tiles of the autoencoder overlap by this on each side (native/pipeline/networks.cpp), in pixels. */
const ENCODER_OVERLAP = 32;
const DECODER_OVERLAP = 11 * 8;
/** Work of the decoder's gradient in that of the decoder, and how often its attention is in memory. */
const GRADIENT_FACTOR = 1.6;
const GRADIENT_ATTENTIONS = 4;
/** Each tile in lock-step has a thread. */
const MOST_AT_ONCE = 256;

/** Bytes for each pixel of the picture that a stage finds in memory or makes: 8-bit pixels, floats of three channels. */
const LEVELS = 3;
const FLOATS = 12;
/** Sum of the blending weights. */
const WEIGHTS = 4;
/** Latents: a float of 16 channels for 64 pixels is 1; samplers keep a few, noise and condition included. */
const LATENTS = 8;

const AT_ONCE = { encoderAtOnce: true, decoderAtOnce: true };

/** What is planned for: a loaded model. */
export interface PlannedModel {
  readonly footprint: Footprint;
  /** Stage 2 enlarges pictures with a shorter side, in pixels. */
  readonly minShortEdge: number;
}

export type PlanOptions = Pick<ResolvedOptions, 'upscale' | 'tiling' | 'parity' | 'memoryBudget' | 'guidance'> & {
  /** Bytes that the caller holds beside this picture. @default 0 */
  readonly held?: number;
};

/**
 * Sizes of tiles for a picture of `size` pixels, so that its restoration needs at most `memoryBudget`: the picture whole
 * where it fits, else the largest tiles that do. What the caller gave in `tiling` stays as it is, and `parity` leaves
 * everything to the caller, as the reference does.
 * Throws InvalidOptionError for a budget that the smallest tiles exceed, or guidance in rgb space, which has none, and for
 * a stride that would leave gaps.
 */
export function planTiles(size: Size, stage: 1 | 2, model: PlannedModel, options: PlanOptions): Tiles {
  const { tiling, parity } = options;
  if (parity) {
    const { encoder, decoder, batch } = tiling;
    const diffusion = pair(tiling, 'diffusion');
    return { cleaner: pair(tiling, 'cleaner'), encoder, decoder, diffusion, batch, ...AT_ONCE };
  }
  const stages = new Stages(size, stage, model, options);
  const cleaner = tiling.cleaner ? pair(tiling, 'cleaner') : pair(tiling, 'cleaner', stages.cleaner());
  if (stage === 1) {
    return { cleaner, encoder: 0, decoder: 0, diffusion: { tile: 0, stride: 1 }, batch: tiling.batch, ...AT_ONCE };
  }
  if (options.guidance.scale !== 0 && options.guidance.space === 'rgb') stages.requireGradient();
  const diffusion = tiling.diffusion ? pair(tiling, 'diffusion') : pair(tiling, 'diffusion', stages.diffusion());
  const [encoder, encoderAtOnce] = stages.autoencoder('encoder', tiling.encoder);
  const [decoder, decoderAtOnce] = stages.autoencoder('decoder', tiling.decoder);
  return { cleaner, encoder, decoder, diffusion, batch: tiling.batch, encoderAtOnce, decoderAtOnce };
}

/** What the memory of sampling depends on beside the tiles. */
type SamplingOptions = PlanOptions & Pick<ResolvedOptions, 'cfgScale'>;

/**
 * Bytes that a picture of `size` pixels needs in the stage that needs most, with the tiles and the `reuse` that were planned
 * for it: its own pixels and floats, and the work of the networks.
 */
export function peakBytes(
  size: Size,
  stage: 1 | 2,
  model: PlannedModel,
  options: SamplingOptions,
  tiles: Tiles,
  reuse: RestoreJob['reuse'],
): number {
  const stages = new Stages(size, stage, model, options);
  const parts = [stages.peak('cleaner', tiles.cleaner.tile, false)];
  if (stage === 2) {
    parts.push(stages.peak('encoder', tiles.encoder, tiles.encoderAtOnce));
    parts.push(stages.sampling(tiles, options, reuse));
    parts.push(stages.peak('decoder', tiles.decoder, tiles.decoderAtOnce));
  }
  return Math.max(...parts);
}

/** Whether what `reuse` keeps between the steps fits beside the tiles that were planned. */
export function featuresFit(
  size: Size,
  model: PlannedModel,
  options: SamplingOptions,
  tiles: Tiles,
  reuse: 'encoder' | 'deep',
): boolean {
  const peak = new Stages(size, 2, model, options).sampling(tiles, options, reuse);
  return peak <= options.memoryBudget * MIB - (options.held ?? 0);
}

type Part = 'cleaner' | 'encoder' | 'diffusion' | 'decoder';

/** What one picture leaves of the budget, stage by stage. */
class Stages {
  readonly work: Size;
  /** What the cleaner gets to see. */
  private readonly seen: Size;
  private readonly input: number;
  private readonly footprint: Footprint;

  constructor(
    size: Size,
    private readonly stage: 1 | 2,
    { footprint, minShortEdge }: PlannedModel,
    private readonly options: PlanOptions,
  ) {
    this.footprint = footprint;
    this.work = workSize(size, options.upscale, stage === 2 ? minShortEdge : 1);
    this.seen = footprint.cleanerScale > 1 ? size : this.work;
    this.input = area(size);
  }

  cleaner(): number {
    const bytes = (tile: number) => this.needed('cleaner', tile);
    return this.largest(this.seen, this.free('cleaner'), LARGEST, Number.POSITIVE_INFINITY, bytes);
  }

  diffusion(): number {
    const bytes = (tile: number) => this.needed('diffusion', tile);
    return this.largest(this.work, this.free('diffusion'), LARGEST_ATTENDED, MOST_ATTENDED, bytes);
  }

  /** Tile (as given, where it is), and whether all of them fit at once. */
  autoencoder(half: 'encoder' | 'decoder', given: number): [number, boolean] {
    const free = this.free(half);
    const bytes = (tile: number) => this.needed(half, tile);
    const tile = given || this.largest(this.work, free, LARGEST_ATTENDED, MOST_ATTENDED, bytes);
    const count = this.count(tile);
    return [tile, count <= MOST_AT_ONCE && count * bytes(tile) <= free];
  }

  /** The gradient of guidance in rgb space takes the decoder whole and back, its attention written out. */
  requireGradient(): void {
    const pixels = area(this.work);
    const attention = 4 * (pixels / CELL_PIXELS) ** 2;
    const bytes = GRADIENT_FACTOR * this.footprint.decoder * pixels + GRADIENT_ATTENTIONS * attention;
    const free = this.free('decoder');
    if (bytes <= free) return;
    const { memoryBudget } = this.options;
    const needed = Math.ceil(memoryBudget + (bytes - free) / MIB);
    throw new InvalidOptionError(
      'guidance.space',
      `Expected latent for guidance.space, or at least ${needed} MiB for memoryBudget, but received rgb and ${memoryBudget}: ` +
        `its gradient takes all ${this.work.width} x ${this.work.height} pixels at once`,
    );
  }

  /** Tiles that a network has in memory: one where the picture is whole. */
  private inOneCall({ width, height }: Size, tile: number): number {
    return tile < Math.max(width, height) ? this.options.tiling.batch : 1;
  }

  /** Of a stage, in bytes. A tile of 0: the picture whole. `atOnce`: all tiles are in memory. */
  peak(part: Part, tile: number, atOnce: boolean): number {
    const size = tile || Math.max(this.seen.width, this.seen.height, this.work.width, this.work.height);
    return this.held(part) + this.needed(part, size) * (atOnce && tile > 0 ? this.count(tile) : 1);
  }

  /** Of sampling, with the features that `reuse` keeps. */
  sampling({ diffusion: { tile, stride } }: Tiles, { cfgScale }: SamplingOptions, reuse: RestoreJob['reuse']): number {
    const { width, height } = this.work;
    const isCut = tile > 0 && Math.max(width, height) > tile;
    // What overlaps is kept twice, and each prompt has its own.
    const pixels = width * height * (isCut ? (tile / stride) ** 2 : 1) * (cfgScale === 1 ? 1 : 2);
    const features = reuse === 'none' ? 0 : this.footprint.features[reuse];
    return this.peak('diffusion', isCut ? tile : 0, false) + pixels * features;
  }

  private count(tile: number): number {
    return Math.ceil(this.work.width / Math.max(1, tile)) * Math.ceil(this.work.height / Math.max(1, tile));
  }

  /** Bytes of a network's work on one tile. */
  private needed(part: Part, tile: number): number {
    if (part === 'cleaner') return this.footprint.cleaner * inside(this.seen, tile) * this.inOneCall(this.seen, tile);
    if (part === 'diffusion')
      return this.footprint.diffusion * inside(this.work, tile) * this.inOneCall(this.work, tile);
    const overlap = part === 'encoder' ? ENCODER_OVERLAP : DECODER_OVERLAP;
    return this.footprint[part] * inside(this.work, tile + 2 * overlap);
  }

  /** Bytes of the pictures that the pipeline holds beside the network. */
  private held(part: Part): number {
    const input = LEVELS * this.input;
    const work = area(this.work);
    if (part === 'encoder') return input + FLOATS * work;
    if (part === 'diffusion') return input + (FLOATS + LATENTS) * work;
    if (part === 'decoder') return input + (2 * FLOATS + LATENTS / 4) * work;
    const { cleanerScale } = this.footprint;
    const made = area(this.seen) * cleanerScale ** 2;
    return 2 * input + (cleanerScale > 1 ? FLOATS : LEVELS) * work + (FLOATS + WEIGHTS) * made;
  }

  /** Bytes that are left for a network. */
  private free(part: Part): number {
    return this.options.memoryBudget * MIB - this.held(part) - (this.options.held ?? 0);
  }

  /** 0 where the picture fits whole, else the largest tile that does. */
  private largest(size: Size, free: number, limit: number, mostWhole: number, bytes: (tile: number) => number): number {
    const least = bytes(SMALLEST);
    const longer = Math.max(size.width, size.height);
    if (area(size) <= mostWhole && bytes(longer) <= free) return 0;
    for (let tile = Math.min(limit, Math.floor((longer - 1) / PIXELS) * PIXELS); tile > SMALLEST; tile -= PIXELS) {
      if (bytes(tile) <= free) return tile;
    }
    if (least <= free) return SMALLEST;
    const { memoryBudget } = this.options;
    const needed = Math.ceil(memoryBudget + (least - free) / MIB);
    throw new InvalidOptionError(
      'memoryBudget',
      `Expected at least ${needed} MiB for memoryBudget but received ${memoryBudget}: stage ${this.stage} would work on ` +
        `${this.work.width} x ${this.work.height} pixels`,
    );
  }
}

function area({ width, height }: Size): number {
  return width * height;
}

/** Pixels of a square tile inside the picture. */
function inside({ width, height }: Size, tile: number): number {
  return Math.min(width, tile) * Math.min(height, tile);
}

/**
 * A tile and its stride. Left open, the stride is half of a tile that was given, as in the reference, and three quarters
 * of a planned one: Gaussian weights blend over a tenth of the tile, and what lies beyond is context.
 */
function pair(tiling: ResolvedOptions['tiling'], name: 'cleaner' | 'diffusion', planned?: number): Tiles['cleaner'] {
  const tile = planned ?? tiling[name];
  const stride = tiling[`${name}Stride`] || (planned === undefined ? tile / 2 : (tile * 3) / 4);
  if (planned === 0) return { tile: 0, stride: 1 };
  if (stride <= tile) return { tile, stride: Math.max(Math.floor(stride), 1) };
  throw new InvalidOptionError(
    `tiling.${name}Stride`,
    `Expected at most the tile of ${tile} for tiling.${name}Stride but received ${stride}: it would leave gaps`,
  );
}
