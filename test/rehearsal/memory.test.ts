/** A GPU without enough memory: it is planned for, and what runs out all the same is an error or a smaller plan. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { RestoreOptions } from '../../src/options/RestoreOptions';
import { Restorer } from '../../src/restorer';
import { spread } from '../faults/spread';
import { testPicture } from '../gpu/pictures';
import { isBuilt, Rehearsal } from './hook';

const TRIES = 16;
const SIDE = 64;
const CALL: RestoreOptions = { steps: 2, seed: 1n };
const ON_GPU: RestoreOptions = { device: 'cuda' };

describe.skipIf(!isBuilt)('memory of a GPU that is rehearsed', () => {
  let rehearsal: Rehearsal;
  beforeAll(() => {
    rehearsal = new Rehearsal();
    rehearsal.begin();
  });

  const restore = (restorer: Restorer, call: RestoreOptions = {}) =>
    restorer.restore(testPicture(SIDE, SIDE), { ...CALL, ...call });
  const codeOf = (job: Promise<unknown>) =>
    job.then(
      () => 'none',
      (error) => error.code as string,
    );
  const allocationsOf = async (job: () => Promise<unknown>) => {
    rehearsal.begin();
    await job();
    return rehearsal.report().counts.allocations as number;
  };

  it('may end with any allocation of a picture: the next picture is well', { timeout: 300_000 }, async () => {
    const restorer = await Restorer.create(ON_GPU);
    const options: RestoreOptions = { guidance: { scale: 0.05, space: 'rgb' } };
    const picture = () => restore(restorer, options);
    const allocations = await allocationsOf(picture);
    for (const failsAt of spread(allocations, TRIES)) {
      rehearsal.begin({ failsAt });
      expect(['none', 'DIFFBIR_OUT_OF_MEMORY'], `allocation ${failsAt}`).toContain(await codeOf(picture()));
      expect(rehearsal.report().refused, `allocation ${failsAt}`).toEqual([]);
      rehearsal.begin();
      expect(await codeOf(picture()), `after allocation ${failsAt}`).toBe('none');
    }
    await restorer.dispose();
    expect(rehearsal.report().devices).toMatchObject([{ taken: 0 }]);
  });

  it('may end while a model is loaded: nothing is left of it', { timeout: 300_000 }, async () => {
    const load = async () => (await Restorer.create(ON_GPU)).dispose();
    const allocations = await allocationsOf(load);
    const codes = new Set<string>();
    for (const failsAt of spread(allocations, TRIES)) {
      rehearsal.begin({ failsAt });
      codes.add(await codeOf(load()));
      const { refused, devices } = rehearsal.report();
      expect({ refused, taken: devices[0]?.taken }, `allocation ${failsAt}`).toEqual({ refused: [], taken: 0 });
    }
    expect(codes).toContain('DIFFBIR_OUT_OF_MEMORY');
    codes.delete('DIFFBIR_OUT_OF_MEMORY');
    codes.delete('none'); // the arenas of ONNX Runtime ask for less where they do not get much
    expect([...codes]).toEqual([]);
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
