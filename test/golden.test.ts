import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { runGolden } from './golden-runner/run';

const here = import.meta.dirname;

/** The repository's own part of the recordings, and the full set where a checkout stands beside it. */
const FOLDERS = [path.join(here, 'golden'), path.join(here, '..', '..', 'shared', 'golden')];

describe.each(FOLDERS.filter((folder) => existsSync(path.join(folder, 'manifest.json'))))(
  'recordings in %s',
  (folder) => {
    it('are reproduced within their tolerance', { timeout: 1_200_000 }, async () => {
      const failures: string[] = [];
      const totals = await runGolden(folder, {
        report: ({ file }, { name, status, error, tolerance, note }) => {
          if (status === 'fail') failures.push(`${file} ${name}: ${note ?? `error ${error}, tolerance ${tolerance}`}`);
        },
      });
      expect(failures).toEqual([]);
      expect(totals.passed).toBeGreaterThan(0);
    });
  },
);
