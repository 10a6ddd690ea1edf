import { GROUPS, type GroupName, groupOf, type OptionSpec, type ValueOf } from './groups';
import type { RestoreOptions } from './RestoreOptions';
import { OPTION_NAMES, specOf } from './table';

type Optional =
  | 'model'
  | 'nativeBinding'
  | 'stage'
  | 'reuse'
  | 'reuseInterval'
  | 'captioner'
  | 'format'
  | 'onProgress'
  | 'signal'
  | 'logger'
  | 'noise';

/** Options with every default filled in. */
export type ResolvedOptions = {
  readonly [K in Exclude<keyof RestoreOptions, Optional | 'seed' | GroupName>]-?: Exclude<RestoreOptions[K], undefined>;
} & { readonly [K in Optional]: RestoreOptions[K] | undefined } & {
  readonly seed: bigint;
} & { readonly [G in GroupName]: { readonly [K in keyof (typeof GROUPS)[G]]: ValueOf<(typeof GROUPS)[G][K]> } };

/**
 * Fills in defaults. The first layer that has an option wins: the call's, then the Restorer's, then the model's; the
 * table comes last. Members of groups (`guidance`, `tiling`) are resolved one by one. Layers must have been through `validateOptions`.
 */
export function resolveOptions(...layers: readonly RestoreOptions[]): ResolvedOptions {
  const resolved: Record<string, unknown> = {};
  for (const name of OPTION_NAMES) {
    resolved[name] = first(layers, name) ?? specOf(name).default;
  }
  for (const group of Object.keys(GROUPS) as GroupName[]) {
    resolved[group] = resolveGroup(group, groupOf(group) ?? {}, layers);
  }
  return { ...resolved, seed: BigInt(resolved.seed as number | bigint) } as ResolvedOptions;
}

function resolveGroup(
  group: GroupName,
  members: Readonly<Record<string, OptionSpec>>,
  layers: readonly RestoreOptions[],
): Record<string, unknown> {
  const given = layers.flatMap((layer): Record<string, unknown>[] =>
    Object.hasOwn(layer, group) ? [{ ...layer[group] }] : [],
  );
  const resolved: Record<string, unknown> = {};
  for (const [member, spec] of Object.entries(members)) resolved[member] = first(given, member) ?? spec.default;
  return resolved;
}

/** The first layer's own value: what a polluted prototype adds is nobody's choice. */
function first<T, K extends keyof T>(layers: readonly T[], name: K): T[K] | undefined {
  return layers.find((layer) => Object.hasOwn(layer as object, name) && layer[name] !== undefined)?.[name];
}
