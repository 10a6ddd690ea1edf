/** Pictures at once: never more memory than planned, nobody kept out for ever. */
import { describe, expect, it } from 'vitest';
import { DiffBIRError, type ErrorCode } from '../../src/errors';
import { Admission, type Demand } from '../../src/memory/admission';
import type { NativeModel } from '../../src/native/binding';

const untimed = { signal: undefined, paused: <T>(wait: () => Promise<T>) => wait() };
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Models are counted over all devices: of two with three places each, the second has 3, 4 and 5. */
function setup({ devices = 1, places = 3, copied = 10, form = undefined as Demand['form'] } = {}) {
  const closed: number[] = [];
  const natives = Array.from(
    { length: devices * places },
    (_, i) =>
      ({
        closeNetworks: async () => void closed.push(i),
        dispose: async () => {},
      }) as unknown as NativeModel,
  );
  const own = Array.from({ length: devices }, (_, k) => natives.slice(k * places, (k + 1) * places));
  const admission = new Admission(own, copied, form);
  const running = new Map<string, () => void>();
  const used = new Map<string, number>();
  /** Runs until `end` is called for it. */
  const enter = (name: string, demand: Partial<Demand>, signal?: AbortSignal) =>
    admission.run({ work: 0, budget: 100, form: 'none', ...demand }, { ...untimed, signal }, (native) => {
      used.set(name, natives.indexOf(native));
      return new Promise<string>((resolve) => running.set(name, () => resolve(name)));
    });
  const end = async (name: string) => {
    running.get(name)?.();
    running.delete(name);
    await turn();
    return [...running.keys()];
  };
  const names = async () => {
    await turn();
    return [...running.keys()];
  };
  return { admission, enter, end, names, closed, used };
}

describe('Admission', () => {
  it('lets in what fits the budget with the copied weights, each on a model of its own', async () => {
    const { enter, end, names, used } = setup();
    enter('a', { work: 40 });
    enter('b', { work: 50 });
    enter('c', { work: 1 });
    expect(await names()).toEqual(['a', 'b']); // 40 + 50 + 10
    expect(used.get('a')).not.toBe(used.get('b'));
    expect(await end('a')).toEqual(['b', 'c']);
  });

  it('lets in no more than there are models', async () => {
    const { enter, end, names } = setup({ places: 2 });
    for (const name of ['a', 'b', 'c']) enter(name, { work: 1 });
    expect(await names()).toEqual(['a', 'b']);
    expect(await end('b')).toEqual(['a', 'c']);
  });

  it('the smallest of the budgets counts, of those that run too', async () => {
    const { enter, end, names } = setup();
    enter('small', { work: 20, budget: 40 });
    enter('large', { work: 20, budget: 1000 });
    expect(await names()).toEqual(['small']);
    expect(await end('small')).toEqual(['large']);
    enter('small again', { work: 20, budget: 40 });
    expect(await names()).toEqual(['large']);
  });

  it('a picture alone is always let in', async () => {
    const { enter, names } = setup();
    enter('huge', { work: 10_000 });
    expect(await names()).toEqual(['huge']);
  });

  it('small ones do not overtake a large one for ever', async () => {
    const { enter, end, names } = setup();
    enter('a', { work: 10 });
    enter('large', { work: 90 });
    enter('b', { work: 10 });
    expect(await names()).toEqual(['a']);
    expect(await end('a')).toEqual(['large']);
    expect(await end('large')).toEqual(['b']);
  });

  it('other networks count once more, and are closed where nobody runs them', async () => {
    const { enter, end, names, closed, used } = setup();
    enter('a', { work: 40 });
    enter('deep', { work: 41, form: 'deep' });
    expect(await names()).toEqual(['a']); // 40 + 41 + 2 * 10
    expect(await end('a')).toEqual(['deep']);
    expect(closed).toEqual([used.get('a')].filter((place) => place !== used.get('deep')));
    await end('deep');
    enter('b', { work: 40 });
    enter('deep again', { work: 40, form: 'deep' });
    expect(await names()).toEqual(['b', 'deep again']);
  });

  it('one that opens its networks by stages is alone, and finds none open', async () => {
    const { enter, end, names, closed } = setup();
    enter('a', { work: 1 });
    enter('b', { work: 1 });
    enter('by stages', { work: 1, form: undefined });
    enter('c', { work: 1 });
    expect(await names()).toEqual(['a', 'b']);
    await end('a');
    expect(await end('b')).toEqual(['by stages']);
    expect([...closed].sort()).toEqual([0, 1]);
    expect(await end('by stages')).toEqual(['c']);
  });

  it('knows of the networks that were opened by loading', async () => {
    const { enter, names, closed, used } = setup({ form: 'none' });
    enter('by stages', { form: undefined });
    await names();
    expect([...closed, used.get('by stages')].sort()).toEqual([0, 1, 2]); // its own model closes them itself
  });

  it('takes a model that has its networks open before one that has not', async () => {
    const { enter, end, names, used } = setup();
    enter('a', {});
    enter('b', { form: 'deep' });
    await names();
    await end('a');
    await end('b');
    enter('c', { form: 'deep' });
    await names();
    expect(used.get('c')).toBe(used.get('b'));
  });

  it('one of any form leaves the networks of its model as they are', async () => {
    const { enter, end, names, closed, used } = setup({ places: 2 });
    enter('deep', { form: 'deep' });
    await names();
    await end('deep');
    enter('stage 1', { work: 50, form: 'any' });
    await names();
    expect([used.get('stage 1'), closed]).toEqual([used.get('deep'), []]);
    enter('none', { work: 31 });
    expect(await names()).toEqual(['stage 1']); // 50 + 31 + 2 * 10
    await end('stage 1');
    expect(closed).toEqual([used.get('deep')].filter((place) => place !== used.get('none')));
  });

  it('an abort while it waits is heard at once, and lets those behind it in', async () => {
    const { enter, names } = setup();
    const controller = new AbortController();
    enter('a', { work: 50 });
    const large = enter('large', { work: 90 }, controller.signal);
    enter('b', { work: 1 });
    expect(await names()).toEqual(['a']);
    controller.abort('why');
    await expect(large).rejects.toMatchObject({ code: 'DIFFBIR_ABORTED', cause: 'why' });
    expect(await names()).toEqual(['a', 'b']);
    await expect(enter('c', {}, controller.signal)).rejects.toMatchObject({ code: 'DIFFBIR_ABORTED' });
  });

  it('work that fails makes room', async () => {
    const { admission, enter, names } = setup({ places: 1 });
    const failing = admission.run({ work: 1, budget: 100, form: 'none' }, untimed, async () => {
      throw new Error('mine');
    });
    enter('b', {});
    await expect(failing).rejects.toThrow('mine');
    expect(await names()).toEqual(['b']);
  });

  it('dispose() refuses those that wait and those that come', async () => {
    const { admission, enter, names } = setup({ places: 1 });
    enter('a', {});
    const waiting = enter('b', {});
    await names();
    await admission.dispose();
    for (const refused of [waiting, enter('c', {})]) {
      await expect(refused).rejects.toMatchObject({ code: 'DIFFBIR_DISPOSED' });
    }
  });
});

describe('Admission to several devices', () => {
  it('each has a budget of its own', async () => {
    const { admission, enter, end, names, used } = setup({ devices: 2, places: 2 });
    expect(admission.size).toBe(4);
    enter('a', { work: 60 });
    enter('b', { work: 70 });
    enter('c', { work: 30 });
    enter('d', { work: 30 });
    expect(await names()).toEqual(['a', 'b', 'c']); // 60 + 30 + 10, and 70 + 30 + 10 is too much
    const deviceOf = (name: string) => Math.floor((used.get(name) as number) / 2);
    expect(deviceOf('a')).not.toBe(deviceOf('b'));
    expect(deviceOf('c')).toBe(deviceOf('a'));
    expect(await end('b')).toEqual(['a', 'c', 'd']);
    expect(deviceOf('d')).toBe(deviceOf('b'));
  });

  it('the one with least to do is taken', async () => {
    const { enter, names, used } = setup({ devices: 3, places: 2 });
    for (const name of ['a', 'b', 'c', 'd']) enter(name, { work: 1 });
    await names();
    const devices = ['a', 'b', 'c', 'd'].map((name) => Math.floor((used.get(name) as number) / 2));
    expect(devices).toEqual([0, 1, 2, 0]);
  });

  it('networks of the others stay open', async () => {
    const { enter, names, closed, used } = setup({ devices: 2, places: 2, form: 'none' });
    enter('by stages', { form: undefined });
    await names();
    expect(used.get('by stages')).toBe(0);
    expect(closed).toEqual([1]);
  });

  it('one that is broken takes few of many pictures, and as many as the other when it works again', async () => {
    const natives = [0, 1].map((device) => ({ device, closeNetworks: async () => {} }) as unknown as NativeModel);
    const admission = new Admission(
      natives.map((native) => [native]),
      0,
      'none',
    );
    const demand = { work: 1, budget: 100, form: 'none' };
    const restore = async (isBroken: boolean, code: ErrorCode) => {
      const ran = [0, 0];
      const one = async () => {
        await admission.run(demand, untimed, async (native) => {
          const device = natives.indexOf(native);
          ran[device] = (ran[device] ?? 0) + 1;
          if (device === 0 && isBroken) throw new DiffBIRError(code, 'broken');
          await turn();
        });
      };
      await Promise.allSettled(Array.from({ length: 100 }, one));
      return ran;
    };
    expect((await restore(true, 'DIFFBIR_OUT_OF_MEMORY'))[0]).toBeGreaterThan(50); // those are the pictures' own
    const [failed = 0] = await restore(true, 'DIFFBIR_RUNTIME_FAILED');
    expect(failed).toBeGreaterThan(1);
    expect(failed).toBeLessThan(6);
    for (let i = 0; i < 4; i++) await restore(false, 'DIFFBIR_RUNTIME_FAILED');
    const [worked = 0, others = 0] = await restore(false, 'DIFFBIR_RUNTIME_FAILED');
    expect(Math.abs(worked - others)).toBeLessThan(10);
    expect((await restore(true, 'DIFFBIR_RUNTIME_FAILED'))[0]).toBeGreaterThan(1); // what was before is forgotten
  });

  it('dispose() frees the models of all', async () => {
    let disposed = 0;
    const native = { dispose: async () => void disposed++ } as unknown as NativeModel;
    await new Admission([[native, native], [native]], 0, undefined).dispose();
    expect(disposed).toBe(3);
  });
});
