import { describe, expect, test } from 'vitest';
import { loadBinding } from '../../src/native/loadBinding';
import { niqeModel } from '../../src/niqeModel';
import { mapped, testPicture } from './pictures';
import vectors from './vectors.json';

const binding = loadBinding();
const { primitives } = binding;
const model = await niqeModel();
const compared = (a: ReturnType<typeof testPicture>, b = a) => primitives.compareImages(a, b, model);

describe.each(vectors.cases)('$width x $height, noise $noise', ({ width, height, noise, ...wanted }) => {
  const found = compared(testPicture(width, height, 0), testPicture(width, height, noise));
  test.each(Object.entries(wanted))('%s', (name, value) => {
    const got = found[name as keyof typeof wanted];
    if (value === null) expect(got).toBeNull();
    else expect(got).toBeCloseTo(value, 9);
  });
});

test('equal pictures', () => {
  const { psnr, psnrY, ssim, msSsim, colorShift } = compared(testPicture(176, 180, 30));
  expect({ psnr, psnrY, colorShift }).toEqual({ psnr: Infinity, psnrY: Infinity, colorShift: [0, 0, 0] });
  for (const value of [ssim, msSsim]) expect(value).toBeCloseTo(1, 12);
});

test('a colour shift is picture minus reference, by channel', () => {
  const gray = mapped(testPicture(16, 16, 0), () => 100);
  const shifted = mapped(gray, (value, channel) => value + ([3, 0, -5][channel] ?? 0));
  expect(compared(gray, shifted).colorShift).toEqual([3, 0, -5]);
});

test('opposite pictures have no negative MS-SSIM', () => {
  const picture = testPicture(176, 176, 0);
  expect(
    compared(
      picture,
      mapped(picture, (value) => 255 - value),
    ).msSsim,
  ).toBe(0);
});

describe('NIQE', () => {
  const large = testPicture(300, 200, 40);

  test('equals an independent NumPy program', () => {
    // Of a model that does not change when the shipped one is fitted again.
    const covariance = Float64Array.from({ length: 36 * 36 }, (_, i) => Number(i % 37 === 0));
    const unit = { mean: new Float64Array(36).fill(1), covariance };
    expect(primitives.compareImages(large, large, unit).picture.niqe).toBeCloseTo(10.157339610271542, 6);
  });

  test('is not defined for small and for flat pictures', () => {
    expect(compared(testPicture(191, 95, 40)).picture.niqe).toBeNull();
    expect(compared(testPicture(96, 96, 40)).picture.niqe).toBeNull();
    expect(compared(mapped(large, () => 77)).picture.niqe).toBeNull();
  });

  test('looks at whole patches alone', async () => {
    const { features, sharpness } = await binding.niqePatches(large).promise;
    expect([features.length, sharpness.length]).toEqual([6 * 36, 6]);
    expect((await binding.niqePatches(testPicture(95, 400, 9)).promise).sharpness.length).toBe(0);
  });
});

test('the energy of the finest band: nothing in a flat picture, the square of its amplitude in a checkerboard', () => {
  const flat = mapped(testPicture(16, 16, 0), () => 50);
  expect(compared(flat).picture.highFrequency).toBe(0);
  // Every pixel 0 or 200: the binomial filter leaves 100 everywhere inside, so that the band is +-100.
  const data = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) =>
    (((i / 3) | 0) + ((i / 192) | 0)) % 2 === 0 ? 0 : 200,
  );
  const { highFrequency } = compared({ width: 64, height: 64, data }).picture;
  // Corners, two of whose three other pixels are themselves again, keep three quarters of it.
  expect(highFrequency).toBeCloseTo(100 ** 2 - (4 * (100 ** 2 - 75 ** 2)) / 64 ** 2, 2);
});

test('the inverse quadratic form takes the pseudoinverse of a singular matrix', () => {
  const form = (matrix: number[], x: number[]) =>
    primitives.inverseQuadraticForm(Float64Array.from(matrix), Float64Array.from(x));
  expect(form([2, 0, 0, 4], [2, 2])).toBeCloseTo(3, 12);
  expect(form([2, 1, 1, 2], [1, 0])).toBeCloseTo(2 / 3, 12);
  // Of rank 1: (1, 1) is its only direction, with the eigenvalue 2.
  expect(form([1, 1, 1, 1], [1, 1])).toBeCloseTo(1, 12);
  expect(form([1, 1, 1, 1], [1, -1])).toBeCloseTo(0, 12);
});

describe('refuses', () => {
  test.each([
    [
      'pictures of two sizes',
      testPicture(16, 16, 0),
      testPicture(16, 17, 0),
      /one size but received 16 x 16 and 16 x 17/,
    ],
    ['pictures below 8 pixels', testPicture(7, 16, 0), testPicture(7, 16, 0), /at least 8 x 8 pixels/],
  ])('%s', (_, a, b, message) => {
    const error = expect.objectContaining({ code: 'DIFFBIR_INVALID_IMAGE', message: expect.stringMatching(message) });
    expect(() => compared(a, b)).toThrow(error);
  });

  test('a model of another size', () => {
    const wrong = { mean: new Float64Array(3), covariance: new Float64Array(9) };
    expect(() => primitives.compareImages(testPicture(16, 16, 0), testPicture(16, 16, 0), wrong)).toThrow(
      /36 features/,
    );
  });
});
