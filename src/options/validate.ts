import { expected, InvalidOptionError } from '../errors';
import { groupOf, type OptionSpec } from './groups';
import { nearest } from './nearest';
import type { RestoreOptions } from './RestoreOptions';
import { OPTION_NAMES, type OptionName, specOf } from './table';

/** Which options a door takes. */
export interface Door {
  /** `call`: options fixed at load time are refused. */
  readonly scope?: 'call';
  /** What was fixed then: the same value again is no error, since a picture records what it was made with. */
  readonly loaded?: RestoreOptions;
  /** Put before names in messages, for instance `defaults.` for those of a manifest. */
  readonly prefix?: string;
  /** Only options that a manifest may set. */
  readonly manifest?: true;
  /** Only these: for a door that needs few of them. */
  readonly only?: readonly OptionName[];
}

/**
 * Checks options at the door, synchronously, and returns a copy: own members alone, each read once, so that neither a
 * getter nor a polluted prototype can change a value after it was checked. `undefined` counts as absent.
 * Throws InvalidOptionError: `Expected X for name but received Y of type Z`, or the nearest name for an unknown one.
 */
export function validateOptions(options: unknown, door: Door = {}): RestoreOptions {
  const names = (door.only ?? OPTION_NAMES).filter((name) => !door.manifest || specOf(name).manifest);
  const values = ownMembers(
    options,
    door.prefix ? door.prefix.replace(/\.$/, '') : 'options',
    names,
    door.prefix ?? '',
  );
  for (const [name, value] of Object.entries(values)) {
    const spec = specOf(name as OptionName);
    check(spec, `${door.prefix ?? ''}${name}`, value);
    if (door.scope === 'call' && spec.scope === 'load' && value !== door.loaded?.[name as OptionName]) {
      throw new InvalidOptionError(name, `${name} is fixed when the Restorer is created: give it to Restorer.create()`);
    }
    const group = groupOf(name);
    if (group) values[name] = validateGroup(group, `${door.prefix ?? ''}${name}`, value);
  }
  return values as RestoreOptions;
}

/** Checks one value, as the command line does for each flag. */
export function check(spec: Pick<OptionSpec, 'kind'>, name: string, value: unknown): void {
  if (!safely(() => spec.kind.is(value))) throw expected(spec.kind.expected, name, value);
}

function validateGroup(group: Readonly<Record<string, OptionSpec>>, name: string, value: unknown) {
  const members = ownMembers(value, name, Object.keys(group), `${name}.`);
  for (const [member, inner] of Object.entries(members)) check(group[member] as OptionSpec, `${name}.${member}`, inner);
  return members;
}

/**
 * Own members of an object that may be hostile, without `undefined` ones. Throws InvalidOptionError for a name that is
 * not in `names`, with `prefix` before it.
 */
export function ownMembers(
  value: unknown,
  name: string,
  names: readonly string[],
  prefix: string,
): Record<string, unknown> {
  const members: Record<string, unknown> = Object.create(null);
  if (value === undefined) return members;
  // Bytes are a mistake for an object of options too, and to list their millions of members takes seconds.
  if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value)) {
    throw expected('an object', name, value);
  }
  for (const key of attempt(name, () => Reflect.ownKeys(value))) {
    if (typeof key !== 'string' || !names.includes(key)) throw unknownName(String(key), names, prefix);
    const member = attempt(`${prefix}${key}`, () => (value as Record<string, unknown>)[key]);
    if (member !== undefined) members[key] = member;
  }
  return members;
}

function unknownName(key: string, names: readonly string[], prefix: string): InvalidOptionError {
  const guess = nearest(key, names);
  const shown = key.length > 100 ? `${key.slice(0, 100)}...` : key;
  const hint = guess ? ` Did you mean ${prefix}${guess}?` : ` Known: ${names.join(', ')}.`;
  return new InvalidOptionError(`${prefix}${shown}`, `Unknown option ${prefix}${shown}.${hint}`);
}

/** Reads something that can throw (a getter, a proxy) and says which option it was. */
function attempt<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new InvalidOptionError(name, `Reading ${name} threw an error`, { cause });
  }
}

/** A predicate that throws (a value with hostile getters) has not accepted the value. */
function safely(accepts: () => boolean): boolean {
  try {
    return accepts();
  } catch {
    return false;
  }
}
