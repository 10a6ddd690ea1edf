/** Options that are objects of options: part of the one table (table.ts). */
import { GUIDANCE_LOSSES, type Task } from './choices';
import { integer, type Kind, number, oneOf } from './kinds';

export interface OptionSpec<T = unknown> {
  readonly kind: Kind<T>;
  /** One or two sentences: meaning, unit, and what a larger value does. */
  readonly doc: string;
  readonly default?: T;
  /** How the documentation names the default where `default` alone does not tell. */
  readonly defaultDoc?: string;
  /**
   * - `load`: fixed when a Restorer is created.
   * - `call`: may differ in each call of `restore`.
   */
  readonly scope: 'load' | 'call';
  /** A model's manifest may give it another default. */
  readonly manifest?: true;
  /** The picture depends on it from this stage on: it is written into the output's metadata (parameters/). */
  readonly recordedFrom?: 1 | 2;
  /** The task that alone reads it. */
  readonly onlyFor?: Task;
}

export type ValueOf<S> = S extends { readonly kind: Kind<infer T> } ? T : never;

/** The members of `guidance`: pulling the sampled picture towards the stage-1 result (DiffBIR paper, section 3.3). */
export const GUIDANCE = {
  loss: {
    kind: oneOf(GUIDANCE_LOSSES),
    default: 'w_mse',
    doc: '`mse`: the same pull everywhere. `w_mse`: less at edges and in texture, so that detail is still generated there.',
    scope: 'call',
  },
  space: {
    kind: oneOf(['latent', 'rgb']),
    default: 'latent',
    doc: '`latent` compares latents, at no cost. `rgb` compares pictures through the decoder, whole: about three decodings more at each gradient step, and several times the memory of one.',
    scope: 'call',
  },
  scale: {
    kind: number(0, 1000),
    default: 0,
    doc: 'Strength of the pull; 0 switches it off. Larger: closer to stage 1, less invented detail.',
    scope: 'call',
  },
  start: {
    kind: integer(-1, 1001),
    default: 1001,
    doc: 'Timestep (noise level, 1000 = pure noise) below which guidance applies.',
    scope: 'call',
  },
  stop: { kind: integer(-1, 1001), default: -1, doc: 'Timestep above which guidance applies.', scope: 'call' },
  repeat: { kind: integer(1, 100), default: 1, doc: 'Gradient steps at each sampling step.', scope: 'call' },
} as const satisfies Record<string, OptionSpec>;

export type Guidance = { -readonly [K in keyof typeof GUIDANCE]?: ValueOf<(typeof GUIDANCE)[K]> | undefined };

/**
 * The members of `tiling`: how the picture is cut up, stage by stage (behaviour.md 2.5 and 6). Sizes in pixels. 0 leaves a
 * size to the plan for `memoryBudget` (memory/planTiles.ts); a picture no larger than a tile is not cut.
 */
export const TILING = {
  cleaner: {
    kind: integer(0, 16384),
    default: 0,
    doc: 'Tile of stage 1, in pixels of its input; 0: as `memoryBudget` allows. A tile as large as the picture keeps it whole, here and below.',
    scope: 'call',
  },
  cleanerStride: {
    kind: integer(0, 16384),
    default: 0,
    doc: 'Distance between tiles of stage 1, at most their size; 0: half of a given tile, 3/4 of a planned one. Tiles are blended where they overlap.',
    scope: 'call',
  },
  encoder: {
    kind: integer(0, 16384, { multipleOf: 8 }),
    default: 0,
    doc: 'Tile of the VAE encoder; 0: as `memoryBudget` allows. Group statistics are those of the whole picture; where not all tiles fit at once, that takes several times as long.',
    scope: 'call',
  },
  decoder: {
    kind: integer(0, 16384, { multipleOf: 8 }),
    default: 0,
    doc: 'Tile of the VAE decoder; 0: as `memoryBudget` allows. Group statistics are those of the whole picture; where not all tiles fit at once, that takes several times as long.',
    scope: 'call',
  },
  diffusion: {
    kind: integer(0, 16384, { multipleOf: 64 }),
    default: 0,
    doc: 'Tile of the diffusion model; 0: as `memoryBudget` allows. 512 is what its weights were trained at.',
    scope: 'call',
  },
  diffusionStride: {
    kind: integer(0, 16384, { multipleOf: 8 }),
    default: 0,
    doc: 'Distance between tiles of the diffusion model, at most their size; 0: half of a given tile, 3/4 of a planned one.',
    scope: 'call',
  },
  batch: {
    kind: integer(0, 64),
    default: 0,
    doc: 'Most tiles of stage 1 or of the diffusion model that go through their networks in one call; 0: one on the CPU, where more hardly change the time, and on a GPU as many as `memoryBudget` allows, up to 64. Each needs memory of its own.',
    scope: 'call',
  },
} as const satisfies Record<string, OptionSpec>;

export type Tiling = { -readonly [K in keyof typeof TILING]?: number | undefined };

/** A group's own kind says only that it is an object: its members are checked one by one against these. */
export const GROUPS = { guidance: GUIDANCE, tiling: TILING } as const satisfies Record<
  string,
  Readonly<Record<string, OptionSpec>>
>;
export type GroupName = keyof typeof GROUPS;

/** The members of a group, typed loosely; nothing for an option that is none. */
export function groupOf(name: string): Readonly<Record<string, OptionSpec>> | undefined {
  return Object.hasOwn(GROUPS, name)
    ? (GROUPS[name as GroupName] as Readonly<Record<string, unknown>> as Readonly<Record<string, OptionSpec>>)
    : undefined;
}
