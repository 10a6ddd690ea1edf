import type { RestoreJob } from '../native/binding';
import type { ResolvedOptions } from '../options/resolve';
import { reuseOf } from '../speed';
import type { Size } from '../workSize';
import { featuresFit, type PlannedModel, type PlanOptions, peakBytes, planTiles } from './planTiles';
import { keepsNetworks } from './weights';

/** What a picture is restored with so that it fits `memoryBudget`, and the bytes that it then needs. */
export interface PicturePlan extends Pick<RestoreJob, 'tiling' | 'reuse' | 'reuseInterval' | 'keepNetworks'> {
  /** The picture and the work of the networks, with what the caller holds; weights are not part of it. */
  readonly work: number;
  readonly warnings: readonly string[];
}

/** The plan for one way of a picture through the stages. Throws as planTiles does. */
export function planPicture(
  size: Size,
  stage: 1 | 2,
  model: PlannedModel & { readonly copied: number },
  options: ResolvedOptions & Pick<PlanOptions, 'held'>,
): PicturePlan {
  const tiling = planTiles(size, stage, model, options);
  const warnings: string[] = [];
  const { reuseInterval, ...asked } = reuseOf(options);
  let { reuse } = asked;
  if (stage === 2 && reuse !== 'none' && !featuresFit(size, model, options, tiling, reuse)) {
    warnings.push('memoryBudget is too small to reuse features: every step computes all');
    reuse = 'none';
  }
  const work = (options.held ?? 0) + peakBytes(size, stage, model, options, tiling, reuse);
  return { tiling, reuse, reuseInterval, work, keepNetworks: keepsNetworks(model.copied, work, options), warnings };
}
