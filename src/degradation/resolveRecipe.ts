import { expected, InvalidOptionError } from '../errors';
import type { ClassicalRecipe, Range, Recipe, TwoPassRecipe } from '../native/degradation';
import { boolean, custom, integer, type Kind, number } from '../options/kinds';
import { nearest } from '../options/nearest';
import { check, ownMembers } from '../options/validate';
import { RECIPE_NAMES, RECIPES, type RecipeName } from './recipes';

type Changes<T> = {
  readonly [K in keyof T]?: (T[K] extends Range | number | boolean | null ? T[K] : Changes<T[K]>) | undefined;
};

/**
 * A named recipe with changes, as an object or as JSON: members that are left out are those of `base`.
 * @example { base: 'medium', noise: [0, 5], jpeg: null }
 */
export type RecipeObject = { readonly base: RecipeName } & (
  | Changes<Omit<ClassicalRecipe, 'kind'>>
  | Changes<Omit<TwoPassRecipe, 'kind'>>
);

/** What a member may be: a value of a kind, the same or null, or an object of members. */
type Schema = { readonly [member: string]: Member };
type Member = Kind<unknown> | { readonly orNull: Member } | { readonly members: Schema };

const PROBABILITY = number(0, 1);
const WEIGHT = number(0, 1e6);
const POSITIVE = number(0, 1000, { above: true });

const BLUR: Schema = {
  sizes: range(
    custom<number>('number', 'an odd integer from 1 to 255', (value) => integer(1, 255).is(value) && value % 2 === 1),
  ),
  sinc: PROBABILITY,
  forms: {
    members: {
      iso: WEIGHT,
      aniso: WEIGHT,
      generalizedIso: WEIGHT,
      generalizedAniso: WEIGHT,
      plateauIso: WEIGHT,
      plateauAniso: WEIGHT,
    },
  },
  sigma: range(POSITIVE),
  betaGeneralized: range(POSITIVE),
  betaPlateau: range(POSITIVE),
};

const CLASSICAL: Schema = {
  blur: { orNull: { members: BLUR } },
  downscale: range(number(1, 1024)),
  noise: range(number(0, 255)),
  gray: PROBABILITY,
  jpeg: { orNull: range(number(1, 100)) },
};

const PASS: Schema = {
  blur: { members: BLUR },
  blurProbability: PROBABILITY,
  resize: { members: { up: WEIGHT, down: WEIGHT, keep: WEIGHT } },
  scale: range(number(0, 16, { above: true })),
  gaussianProbability: PROBABILITY,
  gaussian: range(number(0, 255)),
  poisson: range(number(0, 255)),
  gray: PROBABILITY,
  jpeg: range(number(1, 99)),
};

const TWO_PASS: Schema = {
  sharpen: boolean(),
  first: { members: PASS },
  second: { members: PASS },
  reduction: integer(1, 64),
  finalSinc: PROBABILITY,
  sincBeforeJpeg: PROBABILITY,
};

const MEMBERS = Object.keys({ ...CLASSICAL, ...TWO_PASS });

/**
 * The recipe that a name or an object stands for, every member set and checked.
 * Throws InvalidOptionError that names the member, or the nearest name where there is no such one.
 */
export function resolveRecipe(recipe: unknown): Recipe {
  if (typeof recipe === 'string') return named(recipe, 'recipe');
  const members = ownMembers(recipe ?? null, 'recipe', ['base', ...MEMBERS], 'recipe.');
  const { base, ...changes } = members;
  if (typeof base !== 'string') throw expected(`one of ${RECIPE_NAMES.join(', ')}`, 'recipe.base', base);
  const start = named(base, 'recipe.base');
  return merge(start.kind === 'classical' ? CLASSICAL : TWO_PASS, start, changes, 'recipe') as unknown as Recipe;
}

function named(name: string, option: string): Recipe {
  if (Object.hasOwn(RECIPES, name)) return RECIPES[name as RecipeName];
  const guess = nearest(name, RECIPE_NAMES);
  const hint = guess ? `Did you mean ${guess}?` : `Known: ${RECIPE_NAMES.join(', ')}.`;
  throw new InvalidOptionError(option, `Unknown recipe ${name.slice(0, 100)}. ${hint}`);
}

/** `base` with the members of `changes` in place of its own, checked. */
function merge(schema: Schema, base: object, changes: unknown, name: string): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...base };
  const members = ownMembers(changes, name, Object.keys(schema), `${name}.`);
  for (const [member, value] of Object.entries(members)) {
    merged[member] = checked(schema[member] as Member, merged[member], value, `${name}.${member}`);
  }
  return merged;
}

function checked(member: Member, base: unknown, value: unknown, name: string): unknown {
  if ('orNull' in member) return value === null ? null : checked(member.orNull, base, value, name);
  if ('members' in member) return merge(member.members, base as object, value, name);
  check({ kind: member }, name, value);
  // A copy: what was checked must not change any more.
  return Array.isArray(value) ? [...value] : value;
}

/** [low, high], both of a kind. */
function range(of: Kind<number>): Kind<Range> {
  return custom<Range>('readonly [number, number]', `[low, high] with low <= high, each ${of.expected},`, (value) => {
    if (!Array.isArray(value) || value.length !== 2) return false;
    const [low, high] = value;
    return of.is(low) && of.is(high) && low <= high;
  });
}
