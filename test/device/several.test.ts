/** Pictures of one Restorer on several GPUs, none of which is there. */
import { describe, expect, it } from 'vitest';
import { runFake } from '../cli/runFake';
import { fakeNative, fakeRestorer, nativeError, temporaryFolder } from '../facade/fakes';
import { onGpus } from './gpus';

const gray = (level: number) => ({ data: new Uint8Array(48).fill(level), width: 4, height: 4, channels: 3 }) as const;
const LEVELS = [1, 2, 3, 4, 5, 6];

describe('several devices', () => {
  it('each have a model, and a picture at a time', async () => {
    const fake = fakeNative();
    const restorer = await fakeRestorer(onGpus(fake, { free: [8000, 8000, 8000] }), { steps: 4 });
    expect(fake.specs.map(({ execution }) => execution.device)).toEqual([0, 1, 2]);
    expect(restorer.devices.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect([restorer.device.index, restorer.capacity]).toEqual([0, 3]);
    const results = await Promise.all(LEVELS.map((level) => restorer.restore(gray(level))));
    expect(results.map(({ data }) => data[0])).toEqual(LEVELS);
    expect(fake.atOnce).toBe(3);
    expect([...fake.ranOn].sort()).toEqual([0, 0, 1, 1, 2, 2]);
  });

  it('have as many models as concurrency says, and pictures go where least is done', async () => {
    const fake = fakeNative();
    const restorer = await fakeRestorer(onGpus(fake, { free: [8000, 8000] }), { concurrency: 2, steps: 4 });
    expect(fake.specs.map(({ execution }) => execution.device)).toEqual([0, 0, 1, 1]);
    await Promise.all(LEVELS.slice(0, 2).map((level) => restorer.restore(gray(level))));
    expect(fake.ranOn).toEqual([0, 1]);
    await Promise.all(LEVELS.map((level) => restorer.restore(gray(level))));
    expect(fake.atOnce).toBe(4);
  });

  it('restoreAll() has one picture more in work for each', async () => {
    const fake = fakeNative();
    const restorer = await fakeRestorer(onGpus(fake, { free: [8000, 8000] }), { steps: 2 });
    const levels: unknown[] = [];
    for await (const { result } of restorer.restoreAll(LEVELS.map(gray))) levels.push(result?.data[0]);
    expect([levels, fake.atOnce]).toEqual([LEVELS, 2]);
  });

  it('an error on one leaves the pictures of the others, and the next one there, alone', async () => {
    const fake = fakeNative();
    const restorer = await fakeRestorer(onGpus(fake, { free: [8000, 8000] }), { steps: 4 });
    fake.failure = nativeError('DIFFBIR_NUMERIC', 'cuda:0 cannot count');
    const ends = await Promise.allSettled([1, 2, 3].map((level) => restorer.restore(gray(level))));
    const failed = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []));
    expect(failed).toEqual([expect.objectContaining({ code: 'DIFFBIR_NUMERIC' })]);
    fake.ranOn.length = 0;
    await Promise.all([restorer.restore(gray(1)), restorer.restore(gray(2))]);
    expect([...fake.ranOn].sort()).toEqual([0, 1]);
  });

  it('dispose() ends what runs on all and frees all', async () => {
    const fake = fakeNative();
    fake.pace = 5;
    const restorer = await fakeRestorer(onGpus(fake, { free: [8000, 8000] }), { concurrency: 2 });
    const ends = Promise.allSettled(LEVELS.map((level) => restorer.restore(gray(level))));
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(restorer.counters()).toEqual({ queued: 2, running: 4 });
    await restorer.dispose();
    expect([fake.disposed, fake.running.size]).toEqual([4, 0]);
    for (const end of await ends) expect(end).toMatchObject({ reason: { code: 'DIFFBIR_DISPOSED' } });
  });

  it('where one cannot be opened, those that were are freed', async () => {
    const fake = fakeNative();
    const { loadBinding } = fake.internals;
    const internals = {
      ...fake.internals,
      loadBinding: () => ({
        ...loadBinding(),
        createModel: (...args: Parameters<ReturnType<typeof loadBinding>['createModel']>) => {
          if (args[0].execution.device === 2) throw nativeError('DIFFBIR_NO_DEVICE', 'cuda:2 is gone');
          return loadBinding().createModel(...args);
        },
      }),
    };
    const gpus = onGpus({ ...fake, internals }, { free: [8000, 8000, 8000] });
    await expect(fakeRestorer(gpus, { concurrency: 2 })).rejects.toMatchObject({ code: 'DIFFBIR_NO_DEVICE' });
    expect(fake.disposed).toBe(4);
  });

  it('are loaded one after the other, and the progress goes over all of them', async () => {
    const fractions: number[] = [];
    const onProgress = ({ fraction }: { fraction: number }) => void fractions.push(fraction);
    await fakeRestorer(onGpus(fakeNative(), { free: [8000, 8000] }), { onProgress });
    expect(fractions).toEqual([0.25, 0.5, 0.75, 1]);
  });
});

it('the command line gives each device a picture', async () => {
  const fake = fakeNative();
  fake.pace = 5;
  const gpus = onGpus(fake, { free: [8000, 8000] });
  const words = ['examples/sample/degraded.jpg', '-o', temporaryFolder(), '--samples', '4', '--steps', '2'];
  const { code } = await runFake(gpus, 'restore', ...words, '--device', 'cuda:0,1');
  expect([code, fake.atOnce]).toEqual([0, 2]);
});

it.each(['cuda:0,0', 'cuda:0,cpu', 'cpu,cuda:0', 'cuda:0,tensorrt:1'])('--device %s is refused', async (device) => {
  const { code, stderr } = await runFake(fakeNative(), 'restore', 'a.png', '-o', 'b.png', '--device', device);
  expect([code, stderr]).toEqual([2, expect.stringMatching(/--device <device>.*'cuda:0,1', each once/)]);
});
