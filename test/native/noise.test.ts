// Random numbers of the host: how they are computed fast, with the bits that they have anyhow.
import { describe, expect, test } from 'vitest';
import type { NativeTensor } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';

const { primitives } = loadBinding();

test('logarithm, sine and cosine of every uniform number, with the same bits on every processor', () => {
  const [all, chunk] = [2 ** 24, 2 ** 18];
  const uniforms = new Float32Array(2 * chunk);
  let worst = 0;
  for (let first = 0; first < all; first += chunk) {
    // Every number once under the logarithm and once as an angle, in another order.
    for (let i = 0; i < chunk; i++) {
      const at = Math.floor(i / 8) * 16 + (i % 8);
      uniforms[at] = (first + i) / all;
      uniforms[at + 8] = (((first + i) * 10_000_019) % all) / all;
    }
    const got = primitives.normalsOfUniforms(uniforms, false);
    if (first % (64 * chunk) === 0) expect(primitives.normalsOfUniforms(uniforms, true)).toEqual(got);
    for (let i = 0; i < chunk; i++) {
      const at = Math.floor(i / 8) * 16 + (i % 8);
      const radius = Math.sqrt(-2 * Math.log(1 - (uniforms[at] as number)));
      const angle = Math.fround(Math.fround(2 * Math.PI) * (uniforms[at + 8] as number)); // torch's, which is rounded
      const cosine = Math.abs((got[at] as number) - radius * Math.cos(angle));
      const sine = Math.abs((got[at + 8] as number) - radius * Math.sin(angle));
      worst = Math.max(worst, cosine / (radius || 1), sine / (radius || 1)); // NaN stays
    }
  }
  expect(worst).toBeLessThan(2.4e-7);
});

describe('a Brownian motion', () => {
  const [low, high] = [0.0292, 10_000].map(Math.fround) as [number, number];
  const increments = (shape: number[], steps: number[][], rng?: 'cuda') =>
    primitives.brownianIncrements(231n, shape, low, high, Float32Array.from(steps.flat()), rng);
  const levels = [high, 157.4, 31.2, 30.9, 14.6, 3.2, 3.1, 0.5, 0.03, low];
  const downwards = levels.slice(1).map((level, i) => [levels[i] as number, level]);
  const orders = {
    downwards,
    upwards: [...downwards].reverse(),
    'back and forth': [0, 5, 2, 7, 1, 8, 3, 6, 4].map((i) => downwards[i] as number[]),
    'of one level': levels.slice(1).map((level) => [high, level]),
    'ends alone': [
      [low, high],
      [high, low],
      [low, 2],
      [high, 2],
    ],
    'beyond the ends': [
      [20_000, 3],
      [0.001, 3],
      [3, 20_000],
    ],
  };

  test.each(Object.entries(orders))('is the same path from whichever level the last step came: %s', (_, steps) => {
    const alone = steps.map((step) => increments([1, 4, 3, 5], [step])[0]);
    expect(increments([1, 4, 3, 5], steps)).toEqual(alone);
  });

  test('also of a shape of which few intervals are kept', () => {
    // Six tensors of 2.25 MiB are less than what is kept, fourteen are more than it.
    const shape = [1, 4, 384, 384];
    const steps = downwards.slice(2, 6);
    const alone = steps.map((step) => increments(shape, [step])[0] as NativeTensor);
    increments(shape, steps).forEach((increment, i) => {
      expect(Buffer.compare(bytes(increment), bytes(alone[i] as NativeTensor))).toBe(0);
    });
  });

  test('with the numbers of a card, too', () => {
    const alone = downwards.map((step) => increments([1, 4, 3, 5], [step], 'cuda')[0]);
    expect(increments([1, 4, 3, 5], downwards, 'cuda')).toEqual(alone);
  });
});

function bytes({ data }: NativeTensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
