import { InvalidOptionError } from './errors';
import type { ResolvedOptions } from './options/resolve';

/**
 * The seed of sample number `index` of a picture, counted from 0: `seed + index` modulo 2^64. Sample 0 is the picture
 * that the seed gives alone, and every sample can be had again by its own seed.
 */
export function sampleSeed(seed: bigint, index: number): bigint {
  return BigInt.asUintN(64, seed + BigInt(index));
}

/** Throws InvalidOptionError for several samples that would all be one picture. */
export function checkSamples({ samples, noise }: Pick<ResolvedOptions, 'samples' | 'noise'>, stage: 1 | 2): void {
  if (samples === 1 || (stage === 2 && !noise?.length)) return;
  const reason = stage === 1 ? 'stage 1 leaves nothing to chance' : 'recorded noise gives one picture';
  throw new InvalidOptionError('samples', `Expected 1 for samples but received ${samples}: ${reason}`);
}
