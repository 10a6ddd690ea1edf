/** A short run of the fuzzer (`npm run fuzz`), always with the same cases; and what it sees, shown by a reader that is wrong. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import * as entries from './entries';
import { fuzz, replay } from './run';
import { inputsOf } from './target';
import { TARGETS, targetOf } from './targets';

const folder = () => mkdtempSync(path.join(tmpdir(), 'diffbir-fuzz-test-'));

/** A fiftieth of what `npm run fuzz` does unasked. */
const CASES = 20_000;

describe('every reader of what comes from strangers', () => {
  it.each(TARGETS.map(({ name, share }) => [name, share] as const))('%s', { timeout: 120_000 }, async (name, share) => {
    const all = TARGETS.reduce((sum, target) => sum + target.share, 0);
    const cases = Math.max(50, Math.round((CASES * share) / all));
    const [result] = await fuzz({ seed: 'npm test', cases, targets: [name], folder: folder() });
    expect(result?.failures).toEqual([]);
    expect((result?.accepted ?? 0) + (result?.refused ?? 0) + (result?.unconfirmed ?? 0)).toBe(cases);
  });

  it('has an entry for fuzzers that are led by coverage', async () => {
    expect(Object.keys(entries)).toHaveLength(TARGETS.length);
    await entries.safetensors(new Uint8Array(3));
  });
});

describe('the fuzzer', () => {
  it('sees other errors, crashes, hangs and memory; keeps their inputs, and runs them again', {
    timeout: 120_000,
  }, async () => {
    const [result] = await fuzz({ seed: '1', cases: 6, targets: ['faulty'], folder: folder(), patience: 1.5 });
    expect(result).toMatchObject({ accepted: 1, refused: 1, unconfirmed: 0 });
    expect(result?.failures.map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/^TypeError: of nobody/),
      expect.stringMatching(/^the process ended with SIGABRT/),
      expect.stringMatching(/^had not ended after/),
      expect.stringMatching(/MiB of memory$/),
    ]);
    const [untyped] = result?.failures ?? [];
    expect(readFileSync(untyped?.file as string, 'latin1')).toBe('untyped');
    expect(await replay('faulty', untyped?.file as string)).toMatch(/^TypeError: of nobody/);
  });

  it('has the same inputs for the same seed, and others for another', async () => {
    const inputs = async (seed: string) => {
      const inputOf = await inputsOf(targetOf('torch-zip'), seed);
      return Array.from({ length: 50 }, (_, i) => inputOf(100 + i).toString('hex'));
    };
    expect(await inputs('a')).toEqual(await inputs('a'));
    expect(await inputs('a')).not.toEqual(await inputs('b'));
  });
});
