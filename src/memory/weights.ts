import { elements, parametersOf } from '../models/networks';
import type { ModelSpec, NetworkSpec } from '../native/binding';
import type { ResolvedOptions } from '../options/resolve';

/** Bytes of a loaded model. */
export interface WeightMemory {
  /**
   * Mapped from the files, at most at a time: the system reads the pages when they are needed and can drop them, and each
   * stage gives back its own at its end.
   */
  readonly mapped: number;
  /** Copies that the process has to itself. */
  readonly copied: number;
}

/** Networks that compute with the mapped file (native/pipeline/networks.cpp); the others have packed copies. */
const MAPPED: readonly NetworkSpec['type'][] = ['unet', 'controlnet', 'clip_text'];
const FLOAT = 4;
/** Bytes of a weight of 8 bits with its share of a scale and a sum (native/weights/int8_weights.h). */
const INT8 = 1 + 8 / 320;
/** Sides of the smallest matrix of 8 bits (native/graph/builder.cpp). */
const SMALLEST_INT8 = 32;
const MIB = 2 ** 20;

/**
 * float32 stays where it is in the networks that can use it so; everything else becomes float32 in memory, or 8 bits where
 * the precision says so.
 * @param keepNetworks whether all networks are open at once, or those of one stage
 */
export function weightMemory(spec: Pick<ModelSpec, 'cleaner' | 'stage2' | 'faces'>, keepNetworks = true): WeightMemory {
  const stages = stagesOf(spec).map(stageMemory);
  const copies = stages.map(({ copied }) => copied);
  return {
    mapped: Math.max(...stages.map(({ mapped }) => mapped)),
    copied: keepNetworks ? copies.reduce((sum, bytes) => sum + bytes, 0) : Math.max(...copies),
  };
}

/**
 * Whether the copies of all networks fit `memoryBudget` beside `work` bytes, so that they stay open from picture to
 * picture. Where they do not, each stage opens its own and closes them, which takes the time of loading for every picture.
 * `parity` plans nothing.
 */
export function keepsNetworks(
  copied: number,
  work: number,
  { memoryBudget, parity }: Pick<ResolvedOptions, 'memoryBudget' | 'parity'>,
): boolean {
  return parity || copied + work <= memoryBudget * MIB;
}

/** Networks that are open at the same time. */
function stagesOf({ cleaner, stage2, faces }: Pick<ModelSpec, 'cleaner' | 'stage2' | 'faces'>): NetworkSpec[][] {
  const stages = [[cleaner]];
  // Both halves of the autoencoder have one prefix, and are counted together.
  if (stage2) stages.push([stage2.vaeDecoder], [stage2.unet, stage2.controlnet]);
  if (stage2?.textEncoder) stages.push([stage2.textEncoder]);
  if (faces) stages.push([faces.cleaner], [faces.detector, faces.parser]);
  return stages;
}

function stageMemory(networks: readonly NetworkSpec[]): WeightMemory {
  const memory = { mapped: 0, copied: 0 };
  for (const network of networks) {
    for (const { dtype, shape } of parametersOf(network)) {
      if (network.precision === 'int8' && isPacked(shape)) {
        memory.copied += INT8 * elements(shape);
        continue;
      }
      const isMapped = dtype === 'float32' && MAPPED.includes(network.type);
      memory[isMapped ? 'mapped' : 'copied'] += FLOAT * elements(shape);
    }
  }
  return memory;
}

function isPacked([outputs = 0, inputs = 0]: readonly number[]): boolean {
  return outputs >= SMALLEST_INT8 && inputs >= SMALLEST_INT8;
}
