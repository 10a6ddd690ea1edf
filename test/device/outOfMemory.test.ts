/** A GPU that has less memory than was planned with. */
import { expect, it } from 'vitest';
import { embeddedModel } from '../../src/loadModel';
import { fakeNative, fakeRestorer, nativeError } from '../facade/fakes';
import { onGpus } from './gpus';

const picture = { data: new Uint8Array(3 * 64 * 64), width: 64, height: 64, channels: 3 } as const;
const NO_MEMORY = () => nativeError('DIFFBIR_OUT_OF_MEMORY', 'no memory for the decoder');

it('the picture is planned anew for less memory, and says so', async () => {
  const fake = fakeNative();
  const restorer = await fakeRestorer(onGpus(fake), { model: embeddedModel(), steps: 2, upscale: 16 });
  fake.failure = NO_MEMORY();
  const result = await restorer.restore(picture);
  expect(result.warnings).toEqual([expect.stringMatching(/^the device was out of memory: planned anew .* \d+$/)]);
  const plans = fake.jobs.map(({ tiling, reuse, keepNetworks }) => ({ tiling, reuse, keepNetworks }));
  expect(plans).toHaveLength(2);
  expect(plans[1]).not.toEqual(plans[0]);
  expect((await restorer.restore(picture)).warnings).toEqual([]);
});

it('where no plan is left the error is that of the device, and the next picture works', async () => {
  const fake = fakeNative();
  const restorer = await fakeRestorer(onGpus(fake), { model: embeddedModel(), steps: 2, upscale: 16 });
  let runs = 0;
  const get = () => {
    runs++;
    return NO_MEMORY();
  };
  Object.defineProperty(fake, 'failure', { configurable: true, get, set: () => {} });
  await expect(restorer.restore(picture)).rejects.toMatchObject({ code: 'DIFFBIR_OUT_OF_MEMORY' });
  expect(runs).toBeGreaterThan(1);
  Object.defineProperty(fake, 'failure', { value: undefined, writable: true });
  expect((await restorer.restore(picture)).warnings).toEqual([]);
});

it('on the CPU nothing is tried again', async () => {
  const fake = fakeNative();
  const restorer = await fakeRestorer(fake, { steps: 2 });
  fake.failure = NO_MEMORY();
  await expect(restorer.restore(picture)).rejects.toMatchObject({ code: 'DIFFBIR_OUT_OF_MEMORY' });
  expect(fake.jobs).toHaveLength(1);
});
