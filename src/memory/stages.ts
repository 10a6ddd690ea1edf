import { InvalidImageError, InvalidOptionError } from '../errors';
import type { RestoreJob } from '../native/binding';
import type { ResolvedOptions } from '../options/resolve';
import { type Size, workSize } from '../workSize';
import { CELL_PIXELS, type Footprint } from './footprint';
import { MOST_TILES_AT_ONCE, WAITING_SHARE } from './gpu';
import type { GpuWeights } from './weights';

export type Tiles = RestoreJob['tiling'];

const MIB = 2 ** 20;
const PIXELS = 64; // tiles are multiples of this: what every network takes
const SMALLEST = 128;
const LARGEST = 4096;
/** Pixels of the pictures that the weights of v2.1 were trained with: in less they see too little. */
export const TRAINED = 512;
/**
 * Networks with attention over all positions work on the picture whole up to this many pixels, also where more would fit:
 * the time of attention grows with the square.
 */
const MOST_ATTENDED = 2048 ** 2;
const LARGEST_ATTENDED = 1024;
/** Tiles of the autoencoder overlap by this on each side (native/pipeline/networks.cpp), in pixels. */
const ENCODER_OVERLAP = 32;
const DECODER_OVERLAP = 11 * 8;
/** How often the decoder's attention is in memory in its gradient, an eighth of its queries at a time. */
const GRADIENT_ATTENTIONS = 4 / 8;
/** Each tile in lock-step has a thread. */
const MOST_AT_ONCE = 256;

/** Bytes for each pixel of the picture that a stage finds in memory or makes: 8-bit pixels, floats of three channels. */
const LEVELS = 3;
const FLOATS = 12;
const FLOAT = 4;
/** Sum of the blending weights. */
const WEIGHTS = 4;
/** Latents: a float of 16 channels for 64 pixels is 1; samplers keep a few, noise and condition included. */
const LATENTS = 8;

/** What is planned for: a loaded model. */
export interface PlannedModel {
  readonly footprint: Footprint;
  /** Stage 2 enlarges pictures with a shorter side, in pixels. */
  readonly minShortEdge: number;
  /** What lies in a GPU's memory beside the work; undefined on the CPU, where the budget is for the work alone. */
  readonly gpuWeights?: GpuWeights | undefined;
}

export type PlanOptions = Pick<ResolvedOptions, 'upscale' | 'tiling' | 'parity' | 'memoryBudget' | 'guidance'> & {
  /** Bytes that the caller holds beside this picture. @default 0 */
  readonly held?: number;
  /** On a GPU: whether all networks are open, or those of one stage. @default true */
  readonly keepNetworks?: boolean;
};

/** What the memory of sampling depends on beside the tiles. */
export type SamplingOptions = PlanOptions & Pick<ResolvedOptions, 'cfgScale'>;

type Part = 'cleaner' | 'encoder' | 'diffusion' | 'decoder';
export const HALVES = ['encoder', 'decoder'] as const;
type Half = (typeof HALVES)[number];

/** A tile of this size is the picture. */
const WHOLE = Number.POSITIVE_INFINITY;

/** What one picture leaves of the budget, stage by stage. */
export class Stages {
  readonly work: Size;
  /** What the cleaner gets to see. */
  private readonly seen: Size;
  private readonly input: number;
  private readonly footprint: Footprint;
  /** Of a GPU whose networks stay open. */
  private readonly keeps: boolean;
  /** Tiles in one call. */
  private batch: number;
  /**
   * Bytes that UNet and ControlNet do not give back while they are open on a GPU, so that the next step need not ask for
   * them again (native/runtime/network.h): those that the other stages cannot have.
   */
  private retained = 0;
  /** Bytes of the gradient of guidance in rgb space; 0 where there is none. */
  private readonly gradient: number;
  /** Bytes of the autoencoder's work. */
  private readonly planned = { encoder: 0, decoder: 0 };

  constructor(
    size: Size,
    private readonly stage: 1 | 2,
    private readonly model: PlannedModel,
    private readonly options: PlanOptions,
  ) {
    this.footprint = model.footprint;
    this.work = workSize(size, options.upscale, stage === 2 ? model.minShortEdge : 1);
    this.seen = this.footprint.cleanerScale > 1 ? size : this.work;
    this.input = area(size);
    this.keeps = model.gpuWeights !== undefined && (options.keepNetworks ?? true);
    this.batch = options.tiling.batch || 1;
    const { scale, space } = options.guidance;
    this.gradient = stage === 2 && scale !== 0 && space === 'rgb' ? this.gradientBytes() : 0;
  }

  /** As they were planned. */
  with({ diffusion, batch }: Tiles): this {
    this.batch = batch;
    if (this.stage === 2) this.retain(diffusion.tile);
    return this;
  }

  retain(tile: number): void {
    if (this.keeps) this.retained = this.needed('diffusion', tile || WHOLE);
  }

  pairOf(part: 'cleaner' | 'diffusion'): Tiles['cleaner'] {
    return this.options.tiling[part]
      ? pair(this.options.tiling, part)
      : pair(this.options.tiling, part, this.tile(part));
  }

  private tile(part: 'cleaner' | 'diffusion'): number {
    const bytes = (tile: number) => this.needed(part, tile);
    const isCleaner = part === 'cleaner';
    const size = isCleaner ? this.seen : this.work;
    const countable = this.countable(part);
    const [limit, mostWhole] = isCleaner ? [LARGEST, countable] : [LARGEST_ATTENDED, MOST_ATTENDED];
    const side = Math.floor(Math.sqrt(countable / this.batch) / PIXELS) * PIXELS;
    const tile = this.largest(size, this.room(part), Math.min(limit, side), mostWhole, bytes);
    return this.model.gpuWeights ? evened(size, tile, this.options.tiling[`${part}Stride`]) : tile;
  }

  /** Tiles in one call, as they were given or, on a GPU, as many as fit: it has more to do at a time then. */
  planBatch({ cleaner, diffusion }: { cleaner: Tiles['cleaner']; diffusion?: Tiles['diffusion'] }): number {
    if (this.options.tiling.batch || !this.model.gpuWeights) return this.batch;
    const most = Math.max(windows(this.seen, cleaner), diffusion ? windows(this.work, diffusion) : 1);
    for (this.batch = Math.min(most, MOST_TILES_AT_ONCE); this.batch > 1; this.batch--) {
      if (diffusion) this.retain(diffusion.tile);
      const fits = (part: 'cleaner' | 'diffusion', tiles: Tiles['cleaner']) =>
        this.needed(part, tiles.tile || WHOLE) <= this.room(part) && this.isCountable(part, tiles);
      if (fits('cleaner', cleaner) && (!diffusion || fits('diffusion', diffusion))) break;
    }
    return this.batch;
  }

  /** Tile (as given, where it is), and whether all of them fit at once. */
  autoencoder(half: Half): [number, boolean] {
    const free = this.free(half);
    const tile = this.options.tiling[half] || this.autoencoderTile(half, free);
    this.checkCount(half, tile);
    const atOnce = this.count(tile) <= MOST_AT_ONCE && this.together(half, tile) <= free;
    this.planned[half] = atOnce ? this.together(half, tile) : this.needed(half, tile || WHOLE);
    return [tile, atOnce];
  }

  private autoencoderTile(half: Half, free: number): number {
    const { onGpu } = this.footprint;
    // A GPU has time for attention, and tiles overlap.
    const mostWhole = onGpu?.mostPixels.autoencoder ?? MOST_ATTENDED;
    const one = this.largest(this.work, free, LARGEST_ATTENDED, mostWhole, (tile) => this.needed(half, tile));
    if (!onGpu || one === 0) return one;
    for (let tile = one; tile >= SMALLEST; tile -= PIXELS) {
      if (this.count(tile) <= MOST_AT_ONCE && this.together(half, tile) <= free) return tile;
    }
    return one;
  }

  /** Refuses what no GPU can do, however much memory it has. */
  checkCount(half: Half, tile: number): void {
    const { onGpu } = this.footprint;
    if (!onGpu) return;
    const { width, height } = this.work;
    const isCut = tile > 0 && (this.options.parity ? Math.min(width, height) >= tile : Math.max(width, height) > tile);
    if (this.pixels(half, isCut ? tile : WHOLE) <= onGpu.mostPixels.autoencoder) return;
    throw new InvalidImageError(
      `The picture would be worked on at ${width} x ${height} pixels, and a GPU can count no more than ` +
        `${onGpu.mostPixels.autoencoder} of them in the autoencoder: choose a smaller tiling.${half}, or device: 'cpu'`,
      undefined,
      'DIFFBIR_IMAGE_TOO_LARGE',
    );
  }

  /** Bytes of a gradient of guidance in rgb space by itself, as the CPU has it between two predictions. */
  guiding(): number {
    return this.gradient > 0 ? this.held('decoder') + this.gradient : 0;
  }

  /** Refuses a gradient of guidance in rgb space, which takes the decoder whole, of more pixels than a GPU can count. */
  checkGradient(): void {
    const mostPixels = this.footprint.onGpu?.mostPixels.autoencoder ?? WHOLE;
    if (this.gradient === 0 || area(this.work) <= mostPixels) return;
    throw new InvalidOptionError(
      'guidance.space',
      `Expected latent for guidance.space but received rgb: ${this.wholeGradient()}, and a GPU can count no more than ` +
        `${mostPixels}`,
    );
  }

  /** And what the CPU has no memory for. A GPU has it beside what sampling keeps, and plans both together. */
  requireGradient(): void {
    this.checkGradient();
    const { memoryBudget } = this.options;
    const missing = (this.options.held ?? 0) + this.guiding() - memoryBudget * MIB;
    if (this.gradient === 0 || this.model.gpuWeights || missing <= 0) return;
    const needed = Math.ceil(memoryBudget + missing / MIB);
    throw new InvalidOptionError(
      'guidance.space',
      `Expected latent for guidance.space, or at least ${needed} MiB for memoryBudget, but received rgb and ` +
        `${memoryBudget}: ${this.wholeGradient()}`,
    );
  }

  private wholeGradient(): string {
    return `its gradient takes all ${this.work.width} x ${this.work.height} pixels at once`;
  }

  /** Pixels of one call that a GPU can count. */
  private countable(part: 'cleaner' | 'diffusion'): number {
    return this.footprint.onGpu?.mostPixels[part] ?? WHOLE;
  }

  /** Whether a GPU can count what the tiles of one call make. */
  private isCountable(part: 'cleaner' | 'diffusion', tiles: Tiles['cleaner']): boolean {
    const size = part === 'cleaner' ? this.seen : this.work;
    return inside(size, tiles.tile || WHOLE) * this.ofOneCall(size, tiles) <= this.countable(part);
  }

  /** Tiles that there are for one call. */
  private ofOneCall(size: Size, tiles: Tiles['cleaner']): number {
    return Math.min(this.batch, windows(size, tiles));
  }

  /** Refuses tiles of the caller's, and with parity pictures, of which a GPU cannot count those of one call. */
  checkCall(part: 'cleaner' | 'diffusion', tiles: Tiles['cleaner']): void {
    if (this.isCountable(part, tiles)) return;
    const { tile } = tiles;
    const size = part === 'cleaner' ? this.seen : this.work;
    throw new InvalidImageError(
      `A GPU can count no more than ${this.countable(part)} pixels in one call of ${part}, and would get ` +
        `${tile > 0 ? `${this.ofOneCall(size, tiles)} tiles of ${tile} x ${tile}` : `${size.width} x ${size.height}`}: ` +
        `choose a smaller tiling.${part} or tiling.batch, or device: 'cpu'`,
      undefined,
      'DIFFBIR_IMAGE_TOO_LARGE',
    );
  }

  /** Tiles that a network has in memory: one where the picture is whole. */
  private inOneCall({ width, height }: Size, tile: number): number {
    return tile < Math.max(width, height) ? this.batch : 1;
  }

  /** Of a stage, in bytes. A tile of 0: the picture whole. `atOnce`: all tiles are in memory. */
  peak(part: Part, tile: number, atOnce: boolean): number {
    const size = tile || Math.max(this.seen.width, this.seen.height, this.work.width, this.work.height);
    const beside = part === 'diffusion' ? 0 : this.retained;
    const isInTiles = (part === 'encoder' || part === 'decoder') && tile > 0;
    return this.held(part) + beside + (atOnce && isInTiles ? this.together(part, tile) : this.needed(part, size));
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
    return tile > 0 ? Math.ceil(this.work.width / tile) * Math.ceil(this.work.height / tile) : 1;
  }

  /** Bytes of all tiles in lock-step; of 0, of the picture whole. */
  private together(half: Half, tile: number): number {
    const one = this.needed(half, tile || WHOLE);
    const waiting = this.footprint.onGpu ? WAITING_SHARE[half] * this.footprint[half] * this.pixels(half, tile) : one;
    return one + (this.count(tile) - 1) * waiting;
  }

  /** Of the picture that one tile of the autoencoder sees. */
  private pixels(half: Half, tile: number): number {
    return inside(this.work, tile + 2 * (half === 'encoder' ? ENCODER_OVERLAP : DECODER_OVERLAP));
  }

  /** Bytes of a network's work on one tile. */
  private needed(part: Part, tile: number): number {
    if (part === 'cleaner') return this.footprint.cleaner * inside(this.seen, tile) * this.inOneCall(this.seen, tile);
    if (part === 'diffusion')
      return this.footprint.diffusion * inside(this.work, tile) * this.inOneCall(this.work, tile);
    const pixels = this.pixels(part, tile);
    const { whole, tiles } = this.footprint.onGpu?.perPair ?? { whole: 0, tiles: 0 };
    const perPair = pixels < area(this.work) ? tiles : whole;
    return this.footprint[part] * pixels + perPair * (pixels / CELL_PIXELS) ** 2;
  }

  /** On a GPU with the weights of its network. */
  private gradientBytes(): number {
    const pixels = area(this.work);
    const attention = FLOAT * (pixels / CELL_PIXELS) ** 2;
    const weights = this.model.gpuWeights?.gradient ?? 0;
    return this.footprint.gradient * pixels + GRADIENT_ATTENTIONS * attention + weights;
  }

  /** Bytes of the pictures that the pipeline holds beside the network; of sampling on a GPU the gradient too. */
  private held(part: Part): number {
    const input = LEVELS * this.input;
    const work = area(this.work);
    if (part === 'encoder') return input + FLOATS * work;
    if (part === 'diffusion') return input + (FLOATS + LATENTS) * work + (this.model.gpuWeights ? this.gradient : 0);
    if (part === 'decoder') return input + (2 * FLOATS + LATENTS / 4) * work;
    const { cleanerScale } = this.footprint;
    const made = area(this.seen) * cleanerScale ** 2;
    return 2 * input + (cleanerScale > 1 ? FLOATS : LEVELS) * work + (FLOATS + WEIGHTS) * made;
  }

  /** Bytes of the budget for pictures and the work of networks. */
  budget(part: Part): number {
    return this.options.memoryBudget * MIB - (this.options.held ?? 0) - this.weights(part);
  }

  /** Bytes of weights that lie in the budget's memory. */
  private weights(part: Part): number {
    const { gpuWeights } = this.model;
    if (!gpuWeights) return 0;
    if (this.keeps) return gpuWeights.all;
    return gpuWeights[part === 'encoder' || part === 'decoder' ? 'autoencoder' : part];
  }

  /** Bytes that are left for a network. */
  private free(part: Part): number {
    return this.budget(part) - this.held(part);
  }

  /** Of those, what a network may take that can do with tiles, so that the others fit beside what it retains. */
  private room(part: 'cleaner' | 'diffusion'): number {
    if (part === 'cleaner') return this.free(part) - this.retained;
    if (!this.keeps) return this.free(part);
    return Math.min(this.free(part), ...HALVES.map((half) => this.free(half) - this.planned[half]));
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
    throw this.tooLittle(least - free);
  }

  /** By how many bytes. */
  private tooLittle(bytes: number): InvalidOptionError {
    const { memoryBudget } = this.options;
    return new InvalidOptionError(
      'memoryBudget',
      `Expected at least ${Math.ceil(memoryBudget + bytes / MIB)} MiB for memoryBudget but received ${memoryBudget}: ` +
        `stage ${this.stage} would work on ${this.work.width} x ${this.work.height} pixels` +
        (this.gradient > 0 ? ', the gradient of guidance.space: rgb on all of them at once' : ''),
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

/** How many tiles cover a picture, as native/imaging/tiling.h lays them. */
function windows({ width, height }: Size, { tile, stride }: Tiles['cleaner']): number {
  const along = (side: number) => Math.max(0, Math.ceil((side - tile) / stride)) + 1;
  return tile > 0 && Math.max(width, height) > tile ? along(width) * along(height) : 1;
}

/** The smallest tile of which no more cover the picture: of 1024 pixels four of 960 would be nearly four times the work. */
function evened(size: Size, tile: number, stride: number): number {
  const count = (side: number) => windows(size, { tile: side, stride: stride || strideOf(side) });
  let even = tile;
  while (even - PIXELS >= TRAINED && even - PIXELS >= stride && count(even - PIXELS) === count(tile)) even -= PIXELS;
  return even;
}

/** Of a planned tile. */
function strideOf(tile: number): number {
  return (tile * 3) / 4;
}

/**
 * A tile and its stride. Left open, the stride is half of a tile that was given, as in the reference, and three quarters
 * of a planned one: Gaussian weights blend over a tenth of the tile, and what lies beyond is context.
 */
export function pair(
  tiling: ResolvedOptions['tiling'],
  name: 'cleaner' | 'diffusion',
  planned?: number,
): Tiles['cleaner'] {
  const tile = planned ?? tiling[name];
  const stride = tiling[`${name}Stride`] || (planned === undefined ? tile / 2 : strideOf(tile));
  if (planned === 0) return { tile: 0, stride: 1 };
  if (stride <= tile) return { tile, stride: Math.max(Math.floor(stride), 1) };
  throw new InvalidOptionError(
    `tiling.${name}Stride`,
    `Expected at most the tile of ${tile} for tiling.${name}Stride but received ${stride}: it would leave gaps`,
  );
}
