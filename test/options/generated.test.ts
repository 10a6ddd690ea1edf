import { readFileSync } from 'node:fs';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { GENERATED } from '../../scripts/option-docs';
import type { ValueOf } from '../../src/options/groups';
import type { RestoreOptions } from '../../src/options/RestoreOptions';
import { OPTION_NAMES, type OPTIONS, specOf } from '../../src/options/table';

describe('what is generated from the option table', () => {
  it.each(Object.entries(GENERATED))('%s is up to date (npm run docs:options)', (file, make) => {
    const now = readFileSync(file, 'utf8');
    expect(now).toBe(make(now));
  });

  it('README.md explains every error code', () => {
    const codes = readFileSync('src/errors.ts', 'utf8').matchAll(/^ {2}(DIFFBIR_\w+):/gm);
    const readme = readFileSync('README.md', 'utf8');
    for (const [, code] of codes) expect(readme).toContain(`\`${code}\``);
  });

  it('the interface has the types that the table accepts', () => {
    type FromTable = { -readonly [K in keyof typeof OPTIONS]?: ValueOf<(typeof OPTIONS)[K]> | undefined };
    expectTypeOf<RestoreOptions>().toEqualTypeOf<FromTable>();
  });

  it('every default is a value that its option accepts', () => {
    for (const name of OPTION_NAMES) {
      const { kind, default: value } = specOf(name);
      if (value !== undefined) expect(kind.is(value), name).toBe(true);
    }
  });
});
