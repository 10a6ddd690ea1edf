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
const HALF = 2;
/** Bytes of a weight of 8 bits with its share of a scale and a sum (native/weights/int8_weights.h). */
const INT8 = 1 + 8 / 320;
/** Sides of the smallest matrix of 8 bits (native/graph/builder.cpp). */
const SMALLEST_INT8 = 32;
const MIB = 2 ** 20;

/** Networks, and where they run. */
type Weighed = Pick<ModelSpec, 'cleaner' | 'stage2' | 'faces' | 'execution'>;

/** Bytes that the weights of a model take of a GPU's memory: of all, and of what is open in a stage that opens its own. */
export interface GpuWeights {
  readonly all: number;
  readonly cleaner: number;
  readonly autoencoder: number;
  readonly diffusion: number;
  /** Of the decoder's gradient, in float32: forwards, and turned around for the way back. It is opened when it is asked for. */
  readonly gradient: number;
}

/**
 * float32 stays where it is in the networks that can use it so; everything else becomes float32 in memory, or 8 bits where
 * the precision says so. A GPU has all of them in its own memory, in 16 bits where the precision says so.
 * @param keepNetworks whether all networks are open at once, or those of one stage
 */
export function weightMemory(spec: Weighed, keepNetworks = true): WeightMemory {
  const stages = stagesOf(spec).map((networks) => stageMemory(networks, isOnGpu(spec)));
  const copies = stages.map(({ copied }) => copied);
  return {
    mapped: Math.max(...stages.map(({ mapped }) => mapped)),
    copied: keepNetworks ? copies.reduce((sum, bytes) => sum + bytes, 0) : Math.max(...copies),
  };
}

/** Undefined for a model on the CPU, whose weights come on top of the budget. */
export function gpuWeights(spec: Weighed): GpuWeights | undefined {
  if (!isOnGpu(spec)) return undefined;
  const { cleaner, stage2, faces } = spec;
  const bytes = (...networks: readonly (NetworkSpec | null)[]) =>
    stageMemory(
      networks.flatMap((network) => network ?? []),
      true,
    ).copied;
  return {
    all: weightMemory(spec).copied,
    cleaner: Math.max(bytes(cleaner), faces ? bytes(faces.cleaner) : 0),
    // Prompts are read while the autoencoder is not open, or not yet: whichever is larger is there.
    autoencoder: stage2 ? Math.max(bytes(stage2.vaeDecoder), bytes(stage2.textEncoder)) : 0,
    diffusion: stage2 ? bytes(stage2.unet, stage2.controlnet) : 0,
    gradient: stage2 ? 2 * bytes(decoderAlone(stage2.vaeDecoder)) : 0,
  };
}

/** Without the encoder, which has the same prefix, in float32. */
function decoderAlone(vaeDecoder: NetworkSpec): NetworkSpec {
  return { ...vaeDecoder, prefix: `${vaeDecoder.prefix}decoder.`, precision: 'float32' };
}

function isOnGpu({ execution }: Weighed): boolean {
  return execution.provider !== 'cpu';
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
function stagesOf({ cleaner, stage2, faces }: Weighed): NetworkSpec[][] {
  const stages = [[cleaner]];
  // Both halves of the autoencoder have one prefix, and are counted together.
  if (stage2) stages.push([stage2.vaeDecoder], [stage2.unet, stage2.controlnet]);
  if (stage2?.textEncoder) stages.push([stage2.textEncoder]);
  if (faces) stages.push([faces.cleaner], [faces.detector, faces.parser]);
  return stages;
}

function stageMemory(networks: readonly NetworkSpec[], onGpu: boolean): WeightMemory {
  const memory = { mapped: 0, copied: 0 };
  for (const network of networks) {
    for (const { dtype, shape } of parametersOf(network)) {
      if (network.precision === 'int8' && isPacked(shape)) {
        memory.copied += INT8 * elements(shape);
        continue;
      }
      const isMapped = !onGpu && dtype === 'float32' && MAPPED.includes(network.type);
      memory[isMapped ? 'mapped' : 'copied'] += (network.precision === 'float16' ? HALF : FLOAT) * elements(shape);
    }
  }
  return memory;
}

function isPacked([outputs = 0, inputs = 0]: readonly number[]): boolean {
  return outputs >= SMALLEST_INT8 && inputs >= SMALLEST_INT8;
}
