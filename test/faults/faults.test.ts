/**
 * Faults of the native part: an allocation, a call of ONNX Runtime, a file or a thread that fails ends in an error with
 * the right code, nothing stays behind, and the next picture is as it should be. `npm run faults` tries more of them.
 */
import { describe, expect, it } from 'vitest';
import { Faults, isBuilt, SITES } from './hook';
import { SCENARIOS } from './scenarios';
import { spread } from './spread';
import { sweep } from './sweep';

const TRIES = 6;
const pick = (calls: number) => spread(calls, TRIES);

describe.skipIf(!isBuilt)('faults', () => {
  for (const scenario of SCENARIOS) {
    describe(scenario.name, () => {
      for (const site of SITES) {
        it(`${site} fails once`, { timeout: 120_000 }, async () => {
          const { tried, codes, complaints } = await sweep(new Faults(), scenario, site, pick, { count: 1 });
          expect(complaints).toEqual([]);
          // Something must have failed, else this proves nothing.
          if (tried > 0) expect(Object.keys(codes)).not.toEqual(['none']);
        });
      }

      it('no allocation succeeds any more', { timeout: 120_000 }, async () => {
        const { tried, complaints } = await sweep(new Faults(), scenario, 'allocation', pick, { count: 'rest' });
        expect(complaints).toEqual([]);
        expect(tried).toBe(TRIES);
      });
    });
  }
});
