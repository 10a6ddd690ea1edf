import type { RestoreJob } from '../native/binding';
import type { Size } from '../workSize';
import { HALVES, type PlannedModel, type PlanOptions, pair, type SamplingOptions, Stages, type Tiles } from './stages';

const AT_ONCE = { encoderAtOnce: true, decoderAtOnce: true };

/**
 * Sizes of tiles for a picture of `size` pixels, so that its restoration needs at most `memoryBudget`: the picture whole
 * where it fits, else the largest tiles that do, and on a GPU as many of them in one call as fit. What the caller gave in
 * `tiling` stays as it is, and `parity` leaves everything to the caller, as the reference does.
 *
 * On a GPU a tile of the autoencoder that waits for the others has given most of its memory back, so that all at once are
 * preferred to larger ones of which each is run many times.
 * Throws InvalidOptionError for a budget that the smallest tiles exceed, or what has none (guidance in rgb space), and for a
 * stride that would leave gaps; InvalidImageError for a picture or tile beyond what a GPU can count.
 */
export function planTiles(size: Size, stage: 1 | 2, model: PlannedModel, options: PlanOptions): Tiles {
  const { tiling, parity } = options;
  const stages = new Stages(size, stage, model, options);
  const batch = tiling.batch || 1;
  if (parity) {
    for (const half of stage === 2 ? HALVES : []) stages.checkCount(half, tiling[half]);
    const { encoder, decoder } = tiling;
    const [cleaner, diffusion] = [pair(tiling, 'cleaner'), pair(tiling, 'diffusion')];
    stages.checkCall('cleaner', cleaner);
    if (stage === 2) stages.checkCall('diffusion', diffusion);
    stages.checkGradient();
    return { cleaner, encoder, decoder, diffusion, batch, ...AT_ONCE };
  }
  if (stage === 1) {
    const cleaner = stages.pairOf('cleaner');
    const none = { encoder: 0, decoder: 0, diffusion: { tile: 0, stride: 1 } };
    const planned = stages.planBatch({ cleaner });
    stages.checkCall('cleaner', cleaner);
    return { cleaner, ...none, batch: planned, ...AT_ONCE };
  }
  stages.requireGradient();
  const [decoder, decoderAtOnce] = stages.autoencoder('decoder');
  const [encoder, encoderAtOnce] = stages.autoencoder('encoder');
  const diffusion = stages.pairOf('diffusion');
  stages.retain(diffusion.tile);
  const cleaner = stages.pairOf('cleaner');
  const planned = stages.planBatch({ cleaner, diffusion });
  stages.checkCall('cleaner', cleaner);
  stages.checkCall('diffusion', diffusion);
  return { cleaner, encoder, decoder, diffusion, batch: planned, encoderAtOnce, decoderAtOnce };
}

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
  const stages = new Stages(size, stage, model, options).with(tiles);
  const parts = [stages.peak('cleaner', tiles.cleaner.tile, false)];
  if (stage === 2) {
    parts.push(stages.peak('encoder', tiles.encoder, tiles.encoderAtOnce));
    parts.push(stages.sampling(tiles, options, reuse), stages.guiding());
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
  const stages = new Stages(size, 2, model, options).with(tiles);
  return stages.sampling(tiles, options, reuse) <= stages.budget('diffusion');
}
