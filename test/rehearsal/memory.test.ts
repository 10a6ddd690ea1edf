/** A GPU without enough memory: it is planned for, and what runs out all the same is an error or a smaller plan. */
import { beforeAll, describe, expect, it } from 'vitest';
import { createRestorer } from '../../bench/gpu/restorers';
import type { RestoreOptions } from '../../src/options/RestoreOptions';
import type { RestoreResult } from '../../src/restoreResult';
import { Restorer } from '../../src/restorer';
import { spread } from '../faults/spread';
import { testPicture } from '../gpu/pictures';
import { isBuilt, Rehearsal } from './hook';

const MIB = 2 ** 20;
const TRIES = 16;
const SIDE = 64;
const CALL: RestoreOptions = { steps: 2, seed: 1n };
/** What may come of a picture for which one allocation fails: the arenas of ONNX Runtime ask for less where they do not get much. */
const OUTCOMES = ['a picture', 'a smaller plan', 'DIFFBIR_OUT_OF_MEMORY'];
const ON_GPU: RestoreOptions = { device: 'cuda' };

describe.skipIf(!isBuilt)('memory of a GPU that is rehearsed', () => {
  let rehearsal: Rehearsal;
  beforeAll(() => {
    rehearsal = new Rehearsal();
    rehearsal.begin();
  });

  const restore = (restorer: Restorer, call: RestoreOptions = {}) =>
    restorer.restore(testPicture(SIDE, SIDE), { ...CALL, ...call });
  const outcomeOf = (job: Promise<RestoreResult>) =>
    job.then(
      ({ warnings }) => (warnings.some((text) => text.includes('planned anew')) ? 'a smaller plan' : 'a picture'),
      (error) => error.code as string,
    );

  it.each<[string, RestoreOptions]>([
    ['', { guidance: { scale: 0.05, space: 'rgb' } }],
    [' in tiles of the autoencoder', { tiling: { encoder: 64, decoder: 64 }, upscale: 4 }],
  ])(
    'may end with any allocation of a first picture%s: the next picture is well',
    { timeout: 300_000 },
    async (_, options) => {
      const outcomes = new Set<string>();
      const first = async (failsAt: number) => {
        const restorer = await Restorer.create(ON_GPU);
        rehearsal.begin({ failsAt });
        outcomes.add(await outcomeOf(restore(restorer, options)));
        const { counts, refused } = rehearsal.report();
        expect(refused, `allocation ${failsAt}`).toEqual([]);
        rehearsal.begin();
        expect(await outcomeOf(restore(restorer, options)), `after allocation ${failsAt}`).toBe('a picture');
        await restorer.dispose();
        expect(rehearsal.report().devices, `allocation ${failsAt}`).toMatchObject([{ taken: 0 }]);
        return counts.allocations as number;
      };
      const allocations = await first(0);
      expect([...outcomes]).toEqual(['a picture']);
      outcomes.clear();
      for (const failsAt of spread(allocations, TRIES)) await first(failsAt);
      expect(outcomes).toContain('a smaller plan');
      for (const outcome of outcomes) expect(OUTCOMES).toContain(outcome);
    },
  );

  it('may end while a model is loaded: nothing is left of it', { timeout: 300_000 }, async () => {
    const load = async () => (await Restorer.create(ON_GPU)).dispose();
    rehearsal.begin();
    await load();
    const codes = new Set<string>();
    for (const failsAt of spread(rehearsal.report().counts.allocations as number, TRIES)) {
      rehearsal.begin({ failsAt });
      codes.add(
        await load().then(
          () => 'none',
          (error) => error.code as string,
        ),
      );
      const { refused, devices } = rehearsal.report();
      expect({ refused, taken: devices[0]?.taken }, `allocation ${failsAt}`).toEqual({ refused: [], taken: 0 });
    }
    expect(codes).toContain('DIFFBIR_OUT_OF_MEMORY');
    codes.delete('DIFFBIR_OUT_OF_MEMORY');
    codes.delete('none'); // the arenas of ONNX Runtime ask for less where they do not get much
    expect([...codes]).toEqual([]);
  });

  it('holds the weights of UNet and ControlNet in a block each', async () => {
    rehearsal.begin();
    const restorer = await Restorer.create(ON_GPU);
    // Beside them a few of the provider's, and numbers of shapes.
    expect(rehearsal.report().counts['allocations from no pool']).toBeLessThan(20);
    await restorer.dispose();
  });

  it('is no more than a limit, where a picture begins again with smaller plans', async () => {
    const restorer = await createRestorer({ ...ON_GPU, precision: 'float32' }, { memoryLimit: 32 * MIB });
    rehearsal.begin();
    expect(await outcomeOf(restorer.restore(testPicture(1024, 1024), CALL))).toBe('a smaller plan');
    expect(await outcomeOf(restore(restorer))).toBe('a picture');
    await restorer.dispose();
    expect(rehearsal.report()).toMatchObject({ refused: [], devices: [{ taken: 0 }] });
  });

  it('of another program makes a picture begin again with smaller plans', { timeout: 300_000 }, async () => {
    const call = { ...CALL, steps: 1 };
    const picture = testPicture(1024, 1024);
    const restorer = await Restorer.create(ON_GPU);
    rehearsal.begin();
    const { warnings } = await restorer.restore(picture, call);
    expect(warnings).toEqual([]);
    const peak = rehearsal.report().devices[0]?.peak as number;
    await restorer.dispose();

    const another = await Restorer.create(ON_GPU); // its plans are for what is free now
    rehearsal.begin({ bytesEach: Math.round(0.4 * peak) });
    const result = await another.restore(picture, call);
    expect(result.warnings.join()).toMatch(/out of memory: planned anew/);
    expect(rehearsal.report().refused).toEqual([]);
    await another.dispose();
    expect(rehearsal.report().devices).toMatchObject([{ taken: 0 }]);
  });
});
