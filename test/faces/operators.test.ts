// The picture operators beside OpenCV 4's (training/faces/record_vectors.py).
import { describe, expect, test } from 'vitest';
import { loadBinding } from '../../src/native/loadBinding';
import { bytesOf, floatsOf, image, largestDifference, plane, planeOf, vectors } from './pictures';

const { primitives } = loadBinding();
const part = (y: number, x: number, height: number, width: number) => Int32Array.of(y, x, height, width);
const GRAY = Uint8Array.of(135, 133, 132);

describe('warpAffine', () => {
  test.each([
    ['warpDown', image(24, 30)],
    ['warpUp', image(11, 9)],
  ])('of 8-bit pictures, bit for bit: %s', (name, picture) => {
    const m = Float64Array.from(vectors[name].m);
    expect(primitives.warpImage(picture, m, part(0, 0, 17, 22), GRAY).data).toEqual(bytesOf(vectors[name].image));
  });

  test('of floats, with 0 outside', () => {
    const warped = primitives.warpPlane(plane(20, 20), Float64Array.from(vectors.warpUp.m), part(0, 0, 22, 24));
    expect(largestDifference(warped.data, floatsOf(vectors.warpPlane))).toBeLessThan(1e-6);
  });

  test('a part has the pixels of the whole', () => {
    const m = Float64Array.from(vectors.warpUp.m);
    const whole = primitives.warpPlane(plane(20, 20), m, part(0, 0, 22, 24));
    const cut = primitives.warpPlane(plane(20, 20), m, part(5, 7, 9, 11));
    const wanted = planeOf(9, 11, (y, x) => whole.data[(y + 5) * 24 + x + 7] as number);
    expect(cut.data).toEqual(wanted.data);
  });

  test.each([
    [1e300, 0, 0],
    [0, 0, 0],
    [Number.NaN, 1, 0],
    [1e-12, 0, 1e12],
  ])('a matrix without sense (%d, %d, %d) gives a picture', (a, b, c) => {
    const warped = primitives.warpImage(image(8, 8), Float64Array.of(a, -b, c, b, a, c), part(0, 0, 4, 4), GRAY);
    expect(warped.data).toHaveLength(48);
  });
});

test('invertAffineTransform', () => {
  const found = primitives.invertAffine(Float64Array.from(vectors.warpUp.m));
  expect(largestDifference(found, vectors.inverse)).toBeLessThan(1e-12);
});

test.each(Object.keys(vectors.erode))('erode with ones of %s', (side) => {
  const { data } = primitives.erode(plane(12, 14), Number(side));
  expect(data).toEqual(floatsOf(vectors.erode[side]));
});

test.each(Object.keys(vectors.blur))('GaussianBlur, side and sigma %s', (name) => {
  const [side, sigma] = name.split('_').map(Number) as [number, number];
  const { data } = primitives.gaussianBlur(plane(15, 13), side, sigma);
  expect(largestDifference(data, floatsOf(vectors.blur[name]))).toBeLessThan(1e-6);
});

test('a blur wider than the plane reflects to and fro', () => {
  const { data } = primitives.gaussianBlur(
    planeOf(1, 2, (_, x) => x),
    9,
    50,
  );
  expect([...data]).toEqual([expect.closeTo(4 / 9, 2), expect.closeTo(5 / 9, 2)]);
});

describe.each(['linear', 'lanczos4'] as const)('resize, %s, bit for bit', (name) => {
  test.each(Object.keys(vectors[name]))('to %s', (size) => {
    const [width, height] = size.split('x').map(Number) as [number, number];
    const resize = name === 'linear' ? primitives.resizeLinear : primitives.resizeLanczos4;
    expect(resize(image(11, 13), width, height).data).toEqual(bytesOf(vectors[name][size]));
  });
});

describe('estimateAffinePartial2D by LMEDS', () => {
  const cases: { points: number[]; m: number[]; inliers: number[] }[] = vectors.similarity;

  test.each(cases.map((one, i) => [i, one] as const))('case %i', (_, { points, m }) => {
    const found = primitives.faceAlignment(Float64Array.from(points), true) as Float64Array;
    // In aligned pixels, at the landmarks.
    const moved = (by: ArrayLike<number>) =>
      Array.from({ length: 10 }, (_, i) => {
        const [x, y] = [points[i - (i % 2)], points[i - (i % 2) + 1]] as [number, number];
        const row = (i % 2) * 3;
        return (by[row] as number) * x + (by[row + 1] as number) * y + (by[row + 2] as number);
      });
    expect(largestDifference(moved(found), moved(m))).toBeLessThan(1e-4);
  });

  test('an outlier among the cases is left out', () => {
    expect(cases.some(({ inliers }) => inliers.includes(0))).toBe(true);
  });

  test('one landmark far off changes nothing where the others fit exactly', () => {
    const m = Float64Array.of(2.5, -0.5, 30, 0.5, 2.5, -20);
    const back = primitives.invertAffine(m);
    const template = [
      192.98138, 239.94708, 318.90277, 240.1936, 256.63416, 314.01935, 201.26117, 371.41043, 313.08905, 371.15118,
    ];
    const points = Float64Array.from(template, (_, i) => {
      const [x, y] = [template[i - (i % 2)], template[i - (i % 2) + 1]] as [number, number];
      const row = (i % 2) * 3;
      return (back[row] as number) * x + (back[row + 1] as number) * y + (back[row + 2] as number);
    });
    points[8] = (points[8] as number) + 40;
    const found = primitives.faceAlignment(points, false) as Float64Array;
    expect(largestDifference(found, m)).toBeLessThan(1e-3);
  });

  test('every pair is tried but for parity: OpenCV draws six of the ten', () => {
    const points = Float64Array.of(140.1, 160, 201.3, 157.3, 164.9, 189, 145.4, 214.6, 190.6, 209.7);
    // By OpenCV itself 2.31172, of all five landmarks; without the right eye the others fit better.
    expect(primitives.faceAlignment(points, true)?.[0]).toBeCloseTo(2.3117172, 6);
    expect(primitives.faceAlignment(points, false)?.[0]).toBeCloseTo(2.4692896, 6);
  });

  test('landmarks at one point have no alignment', () => {
    expect(primitives.faceAlignment(new Float64Array(10).fill(7), false)).toBeNull();
    expect(primitives.faceAlignment(new Float64Array(10).fill(Number.NaN), true)).toBeNull();
  });
});

test('an aligned face at the border is gray beyond it: BGR as the networks were trained, RGB as the reference does', () => {
  const half = Float64Array.of(1, 0, 256, 0, 1, 256);
  const pixel = (parity: boolean) => [...primitives.alignedFace(image(512, 512), half, parity).data.subarray(0, 3)];
  expect([pixel(false), pixel(true)]).toEqual([
    [132, 133, 135],
    [135, 133, 132],
  ]);
});
