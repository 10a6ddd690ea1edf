import type { Guidance, RestoreOptions } from './RestoreOptions';
import { GUIDANCE, OPTION_NAMES, specOf } from './table';

type Optional = 'model' | 'stage' | 'format' | 'onProgress' | 'signal' | 'logger' | 'noise';

/** Options with every default filled in. */
export type ResolvedOptions = {
  readonly [K in Exclude<keyof RestoreOptions, Optional | 'seed' | 'guidance'>]-?: Exclude<
    RestoreOptions[K],
    undefined
  >;
} & { readonly [K in Optional]: RestoreOptions[K] | undefined } & {
  readonly seed: bigint;
  readonly guidance: { readonly [K in keyof Guidance]-?: number };
};

/**
 * Fills in defaults. The first layer that has an option wins: the call's, then the Restorer's, then the model's; the
 * table comes last. Members of `guidance` are resolved one by one. Layers must have been through `validateOptions`.
 */
export function resolveOptions(...layers: readonly RestoreOptions[]): ResolvedOptions {
  const resolved: Record<string, unknown> = {};
  for (const name of OPTION_NAMES) {
    resolved[name] = first(layers, name) ?? specOf(name).default;
  }
  const groups = layers.flatMap((layer) => (Object.hasOwn(layer, 'guidance') ? [layer.guidance ?? {}] : []));
  const guidance: Record<string, number> = {};
  for (const [member, { default: value }] of Object.entries(GUIDANCE)) {
    const name = member as keyof Guidance;
    guidance[name] = first(groups, name) ?? value;
  }
  return { ...resolved, guidance, seed: BigInt(resolved.seed as number | bigint) } as ResolvedOptions;
}

/** The first layer's own value: what a polluted prototype adds is nobody's choice. */
function first<T, K extends keyof T>(layers: readonly T[], name: K): T[K] | undefined {
  return layers.find((layer) => Object.hasOwn(layer as object, name) && layer[name] !== undefined)?.[name];
}
