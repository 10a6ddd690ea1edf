import { elements, networksOf, parametersOf } from '../models/networks';
import type { ModelSpec, NetworkSpec } from '../native/binding';

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

/**
 * float32 stays where it is in the networks that can use it so; everything else becomes float32 in memory, or 8 bits where
 * the precision says so.
 */
export function weightMemory(spec: Pick<ModelSpec, 'cleaner' | 'stage2'>): WeightMemory {
  let [prompts, sampling, copied] = [0, 0, 0];
  for (const [, network] of networksOf(spec)) {
    for (const { dtype, shape } of parametersOf(network)) {
      const bytes = FLOAT * elements(shape);
      if (network.precision === 'int8' && isPacked(shape)) copied += INT8 * elements(shape);
      else if (dtype !== 'float32' || !MAPPED.includes(network.type)) copied += bytes;
      else if (network.type === 'clip_text') prompts += bytes;
      else sampling += bytes;
    }
  }
  return { mapped: Math.max(prompts, sampling), copied };
}

function isPacked([outputs = 0, inputs = 0]: readonly number[]): boolean {
  return outputs >= SMALLEST_INT8 && inputs >= SMALLEST_INT8;
}
