// Pasting aligned faces back.
import { describe, expect, test } from 'vitest';
import type { NativeImage } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import { floatsOf, image, largestDifference, plane, planeOf, vectors } from './pictures';

const { primitives } = loadBinding();
const ALL = planeOf(512, 512, () => 1);

/** A smooth picture: what warping there and back hardly changes. */
function smooth(height: number, width: number): NativeImage {
  const data = new Uint8Array(height * width * 3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      data.fill(128 + 60 * Math.sin(x / 23) + 50 * Math.cos(y / 19), (y * width + x) * 3, (y * width + x) * 3 + 3);
  return { width, height, data };
}

function channel({ width, height, data }: NativeImage) {
  return planeOf(height, width, (y, x) => data[(y * width + x) * 3] as number);
}

/** Cuts a face out, and pastes it back as it is. Returns the picture before and after. */
function thereAndBack(toAligned: Float64Array, parity = false) {
  const picture = smooth(200, 240);
  const face = primitives.alignedFace(picture, toAligned, parity);
  const before = channel(picture);
  return { before, after: primitives.blendFace(before, toAligned, face, ALL, parity) };
}

describe('a face that is pasted back as it was cut out', () => {
  test.each([
    ['inside', [4, -0.6, -180, 0.6, 4, -150]],
    ['at the left border', [4, 0.3, 200, -0.3, 4, -100]],
    ['at a corner', [5, 0, -800, 0, 5, -600]],
    ['larger than the picture', [1, 0.1, 60, -0.1, 1, 120]],
    ['tiny', [40, 0, -4000, 0, 40, -3000]],
  ])('leaves the picture as it was, without a seam: %s', (_, m) => {
    const { before, after } = thereAndBack(Float64Array.from(m));
    expect(largestDifference(before.data, after.data)).toBeLessThan(3);
  });

  test("the reference's leaves gray at the edge of the picture", () => {
    const { before, after } = thereAndBack(Float64Array.of(1, 0.1, 60, -0.1, 1, 120), true);
    expect(largestDifference(before.data, after.data)).toBeGreaterThan(10);
  });

  test('does nothing beyond the picture', () => {
    const { before, after } = thereAndBack(Float64Array.of(1, 0, 5000, 0, 1, 0));
    expect(after.data).toEqual(before.data);
  });
});

test('blending equals that of OpenCV over the whole picture', () => {
  const { toAligned, edge, result } = vectors.blend;
  const data = new Uint8Array(512 * 512 * 3);
  for (let i = 0; i < 512 * 512; i++)
    data.fill(Math.trunc(((i % 512) + 2 * Math.trunc(i / 512)) / 6), 3 * i, 3 * i + 3);
  const mask = planeOf(512, 512, (y, x) => Math.min(1, Math.max(0, (300 - Math.hypot(x - 256, y - 256)) / 60)));
  const face = { width: 512, height: 512, data };
  const blended = primitives.blendFace(plane(60, 70, 255), Float64Array.from(toAligned), face, mask, true);
  expect(edge).toBeGreaterThan(0);
  const rows = planeOf(15, 70, (y, x) => blended.data[4 * y * 70 + x] as number);
  expect(largestDifference(rows.data, floatsOf(result))).toBeLessThan(2e-3);
});

test('a face reaches into the picture where its mask lets it, softly', () => {
  const white = { width: 512, height: 512, data: new Uint8Array(512 * 512 * 3).fill(255) };
  const m = Float64Array.of(4, 0, -100, 0, 4, -100);
  const pasted = (mask: typeof ALL) =>
    primitives.blendFace(
      planeOf(200, 200, () => 0),
      m,
      white,
      mask,
      false,
    ).data;
  const whole = pasted(ALL);
  expect(whole[90 * 200 + 90]).toBeCloseTo(255, 2);
  expect(whole[10 * 200 + 10]).toBe(0);
  // No step from one pixel to the next along a row through the edge.
  for (let x = 1; x < 200; x++) {
    expect(Math.abs((whole[90 * 200 + x] as number) - (whole[90 * 200 + x - 1] as number))).toBeLessThan(60);
  }
  expect(Math.max(...pasted(planeOf(512, 512, () => 0)))).toBe(0);
});

test('the parse mask: skin and features, not hair, neck, clothes or hat', () => {
  const label = (y: number, x: number) => (Math.trunc(y / 64) * 5 + Math.trunc(x / 96)) % 19;
  const logits = {
    shape: [1, 19, 512, 512],
    data: Float32Array.from({ length: 19 * 512 * 512 }, (_, i) => {
      const at = i % (512 * 512);
      return label(Math.trunc(at / 512), at % 512) === Math.trunc(i / (512 * 512)) ? 1 : 0;
    }),
  };
  const mask = primitives.parseMask(logits);
  const picked = planeOf(32, 32, (y, x) => mask.data[(5 + 16 * y) * 512 + 5 + 16 * x] as number);
  expect(largestDifference(picked.data, floatsOf(vectors.parse))).toBeLessThan(1e-5);
});

test('a picture is not changed by cutting faces out of it', () => {
  const picture = image(30, 30);
  const before = picture.data.slice();
  primitives.alignedFace(picture, Float64Array.of(3, 0, 0, 0, 3, 0), false);
  expect(picture.data).toEqual(before);
});
