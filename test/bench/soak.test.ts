import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { slope, soak } from '../../bench/soak/soak';
import { loadBinding } from '../../src/native/loadBinding';

it('the growth that a soak finds', () => {
  const x = Array.from({ length: 40 }, (_, i) => i + 1);
  expect(
    slope(
      x,
      x.map((value) => 200 + 0.02 * value),
    ),
  ).toBeCloseTo(0.02);
  // A spike now and then, or a step in the noise, is no growth.
  expect(
    slope(
      x,
      x.map((value) => (value % 9 === 0 ? 260 : 200)),
    ),
  ).toBe(0);
});

it.runIf(process.platform === 'linux')('pictures of all sorts leave no file and no network open', async () => {
  const { samples, outcomes } = await soak(24, 7);
  expect(Object.keys(outcomes).sort()).toEqual(['DIFFBIR_ABORTED', 'DIFFBIR_INVALID_IMAGE', 'restored']);
  expect(samples.at(-1)?.jobs).toBe(24);
  expect(loadBinding().primitives.openNetworks()).toBe(0);
  const mapped = readdirSync('/proc/self/fd').length;
  expect(mapped).toBeLessThan(samples[0]?.files as number); // those of the weights are closed
});
