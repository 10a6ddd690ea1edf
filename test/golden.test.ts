import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { OPTIMIZATIONS, type Optimization } from '../src/native/binding';
import { handlers } from './golden-runner/cases/networks';
import { type RunOptions, runGolden } from './golden-runner/run';

const here = import.meta.dirname;

/** Every result of the cases that fails, in words, and how many passed. */
async function outcome(folder: string, options: RunOptions) {
  const failures: string[] = [];
  const { passed } = await runGolden(folder, {
    ...options,
    report: ({ file }, { name, status, error, tolerance, note }) => {
      if (status === 'fail') failures.push(`${file} ${name}: ${note ?? `error ${error}, tolerance ${tolerance}`}`);
    },
  });
  return { failures, passed };
}

/** The repository's own part of the recordings. */
const OWN = path.join(here, 'golden');
const FULL = path.join(here, '..', '..', 'shared', 'golden');
/** All that are there: the full set, of which ours is a part, where a checkout stands beside it. */
const ALL = existsSync(path.join(FULL, 'manifest.json')) ? FULL : OWN;

it(`recordings in ${ALL} are reproduced within their tolerance`, { timeout: 1_200_000 }, async () => {
  const { failures, passed } = await outcome(ALL, {});
  expect(failures).toEqual([]);
  expect(passed).toBeGreaterThan(0);
});

describe('networks', () => {
  const run = (optimizations: readonly Optimization[]) => outcome(OWN, { handlers, optimizations });

  it.each(['none', ...OPTIMIZATIONS])(
    'are reproduced with this optimization alone: %s',
    { timeout: 300_000 },
    async (name) => {
      const { failures, passed } = await run(OPTIMIZATIONS.filter((optimization) => optimization === name));
      expect(failures).toEqual([]);
      expect(passed).toBeGreaterThan(30);
    },
  );
});
