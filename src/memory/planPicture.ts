import { InvalidOptionError } from '../errors';
import type { RestoreJob } from '../native/binding';
import type { ResolvedOptions } from '../options/resolve';
import { reuseOf } from '../speed';
import type { Size } from '../workSize';
import { featuresFit, peakBytes, planTiles } from './planTiles';
import { type PlannedModel, type PlanOptions, TRAINED } from './stages';
import { keepsNetworks } from './weights';

/** What a picture is restored with so that it fits `memoryBudget`, and the bytes that it then needs. */
export interface PicturePlan extends Pick<RestoreJob, 'tiling' | 'reuse' | 'reuseInterval' | 'keepNetworks'> {
  /** The picture and the work of the networks, with what the caller holds; weights are not part of it. */
  readonly work: number;
  readonly warnings: readonly string[];
}

type Model = PlannedModel & { readonly copied: number };
type Options = ResolvedOptions & Pick<PlanOptions, 'held'>;

/** The plan for one way of a picture through the stages. Throws as planTiles does. */
export function planPicture(size: Size, stage: 1 | 2, model: Model, options: Options): PicturePlan {
  const kept = keptPlan(size, stage, model, options);
  return kept ?? plan(size, stage, model, { ...options, keepNetworks: false });
}

/** With all networks open. Undefined on a GPU, where their weights are in the budget, if that leaves the picture too little. */
function keptPlan(size: Size, stage: 1 | 2, model: Model, options: Options): PicturePlan | undefined {
  if (!model.gpuWeights || options.parity) return plan(size, stage, model, options);
  try {
    const kept = plan(size, stage, model, options);
    const isSmall = (part: 'cleaner' | 'diffusion') => {
      const { tile } = kept.tiling[part];
      return options.tiling[part] === 0 && tile > 0 && tile < TRAINED;
    };
    const isSlow = (half: 'encoder' | 'decoder') => options.tiling[half] === 0 && !kept.tiling[`${half}AtOnce`];
    const isPoor = isSmall('cleaner') || isSmall('diffusion') || isSlow('encoder') || isSlow('decoder');
    return kept.keepNetworks && !isPoor ? kept : undefined;
  } catch (error) {
    if (error instanceof InvalidOptionError && error.option === 'memoryBudget') return undefined;
    throw error;
  }
}

function plan(
  size: Size,
  stage: 1 | 2,
  model: Model,
  options: Options & Pick<PlanOptions, 'keepNetworks'>,
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
  const keepNetworks = (options.keepNetworks ?? true) && keepsNetworks(model.copied, work, options);
  return { tiling, reuse, reuseInterval, work, keepNetworks, warnings };
}
