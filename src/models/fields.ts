import { ManifestError } from '../errors';
import { nearest } from '../options/nearest';

/** Reads the members of a JSON object, refusing what is missing, wrong or unknown by file and key. */
export class Fields {
  private readonly members: ReadonlyMap<string, unknown>;

  /** @param key where the object is in the file, for instance `networks.cleaner`; empty for the top. */
  constructor(
    private readonly file: string,
    private readonly key: string,
    value: unknown,
    known: readonly string[],
  ) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.error('', 'an object', value);
    this.members = new Map(Object.entries(value));
    for (const name of this.members.keys()) {
      if (known.includes(name)) continue;
      const guess = nearest(name, known);
      throw new ManifestError(
        file,
        `unknown key ${this.path(name)}.${guess ? ` Did you mean ${this.path(guess)}?` : ''}`,
      );
    }
  }

  has(name: string): boolean {
    return this.members.has(name);
  }

  raw(name: string): unknown {
    return this.members.get(name);
  }

  object(name: string, known: readonly string[]): Fields {
    return new Fields(this.file, this.path(name), this.raw(name), known);
  }

  string(name: string, what = 'a string', accepts: (value: string) => boolean = () => true): string {
    return this.take(name, what, (value): value is string => typeof value === 'string' && accepts(value));
  }

  optionalString(name: string): string | undefined {
    return this.has(name) ? this.string(name) : undefined;
  }

  number(name: string, what: string, accepts: (value: number) => boolean): number {
    return this.take(name, what, (value): value is number => Number.isFinite(value) && accepts(value as number));
  }

  boolean(name: string): boolean {
    return this.take(name, 'true or false', (value): value is boolean => typeof value === 'boolean');
  }

  oneOf<const T extends string | number>(name: string, choices: readonly T[]): T {
    return this.take(name, choices.map((choice) => JSON.stringify(choice)).join(' or '), (value): value is T =>
      choices.includes(value as T),
    );
  }

  error(name: string, what: string, value: unknown): ManifestError {
    const shown = value === undefined ? 'it is missing' : `received ${(JSON.stringify(value) ?? '').slice(0, 100)}`;
    return new ManifestError(this.file, `expected ${what} for ${this.path(name) || 'the manifest'} but ${shown}`);
  }

  private take<T>(name: string, what: string, accepts: (value: unknown) => value is T): T {
    const value = this.raw(name);
    if (!accepts(value)) throw this.error(name, what, value);
    return value;
  }

  private path(name: string): string {
    return [this.key, name].filter(Boolean).join('.');
  }
}
