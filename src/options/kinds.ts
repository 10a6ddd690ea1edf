/**
 * Kinds of option values: what is accepted, how it is named in an error, and how the command line spells it.
 * A kind is data plus one predicate, so that validation, help and documentation cannot drift apart.
 */

export interface Kind<T> {
  /** The TypeScript type, as the generated interface and the README show it. */
  readonly type: string;
  /** Completes "Expected ... for name". */
  readonly expected: string;
  is(value: unknown): value is T;
  /** How the value is named on the command line, for instance `<n>`; absent: the option has no flag. */
  readonly placeholder?: string;
  /** Accepted words, where the placeholder does not name them. */
  readonly choices?: readonly string[];
  /**
   * The value that a command-line word stands for. A word that means nothing comes back as it is, so that `is`
   * refuses it and the message shows what was typed.
   */
  fromWord?(word: string): unknown;
}

/** A finite number from `min` (or, with `above`, greater than it) to `max`. */
export function number(min: number, max: number, { above = false } = {}): Kind<number> {
  return {
    type: 'number',
    expected: above ? `a number above ${min}, at most ${max}` : `a number from ${min} to ${max}`,
    is: (value): value is number =>
      typeof value === 'number' && (above ? value > min : value >= min) && value <= max && Number.isFinite(value),
    placeholder: '<n>',
    fromWord: numberFromWord,
  };
}

/** An integer from `min` to `max`, and a multiple of `multipleOf`. */
export function integer(min: number, max: number, { multipleOf = 1 } = {}): Kind<number> {
  return {
    type: 'number',
    expected: `${multipleOf > 1 ? `a multiple of ${multipleOf}` : 'an integer'} from ${min} to ${max}`,
    is: (value): value is number =>
      Number.isSafeInteger(value) && Number(value) >= min && Number(value) <= max && Number(value) % multipleOf === 0,
    placeholder: '<n>',
    fromWord: numberFromWord,
  };
}

export function boolean(): Kind<boolean> {
  return { type: 'boolean', expected: 'true or false', is: (value) => typeof value === 'boolean', placeholder: '' };
}

/** Longer lists of choices would not fit beside a flag. */
const SHOWN_CHOICES = 6;

/** One of a few words or numbers. */
export function oneOf<const T extends string | number>(choices: readonly T[]): Kind<T> {
  const literals = choices.map((choice) => (typeof choice === 'string' ? `'${choice}'` : String(choice)));
  return {
    type: literals.join(' | '),
    expected: literals.length > 1 ? `one of ${literals.join(', ')}` : String(literals[0]),
    is: (value): value is T => choices.includes(value as T),
    placeholder: choices.length > SHOWN_CHOICES ? '<name>' : `<${choices.join('|')}>`,
    ...(choices.length > SHOWN_CHOICES && { choices: choices.map(String) }),
    fromWord: (word) => choices.find((choice) => String(choice) === word) ?? word,
  };
}

/** Text of at most `maxLength` UTF-16 units, without NUL (which would cut it short in C). */
export function text(maxLength: number): Kind<string> {
  return {
    type: 'string',
    expected: `a string of at most ${maxLength} characters without NUL`,
    is: (value): value is string => typeof value === 'string' && value.length <= maxLength && !value.includes('\0'),
    placeholder: '<text>',
    fromWord: (word) => word,
  };
}

const SEED_LIMIT = 2n ** 64n;

/** A seed: every 64-bit value as a bigint, or a number as long as it is exact. */
export function seed(): Kind<number | bigint> {
  return {
    type: 'number | bigint',
    expected: 'an integer from 0 to 2^53-1, or a bigint from 0 to 2^64-1,',
    is: (value): value is number | bigint =>
      typeof value === 'bigint'
        ? value >= 0n && value < SEED_LIMIT
        : Number.isSafeInteger(value) && (value as number) >= 0,
    placeholder: '<n>',
    fromWord: (word) => (/^\d{1,20}$/.test(word) ? BigInt(word) : word),
  };
}

/** `T`, or `false` for no limit, or `true` for the default limit: as sharp's `limitInputPixels`. */
export function limit(kind: Kind<number>): Kind<number | boolean> {
  return {
    type: 'number | boolean',
    expected: `${kind.expected}, true for the default, or false for no limit,`,
    is: (value): value is number | boolean => typeof value === 'boolean' || kind.is(value),
    placeholder: '<n|false>',
    fromWord: (word) => (word === 'false' ? false : numberFromWord(word)),
  };
}

/** The kind without its command-line form. */
export function withoutFlag<T>({ type, expected, is }: Kind<T>): Kind<T> {
  return { type, expected, is };
}

/** A value with no command-line form, accepted by a predicate of its own. */
export function custom<T>(type: string, expected: string, is: (value: unknown) => boolean): Kind<T> {
  return { type, expected, is: is as (value: unknown) => value is T };
}

function numberFromWord(word: string): unknown {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(word) ? Number(word) : word;
}
