// Single operations and their limits; what they compute is compared with the recorded results of the reference.
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import type { NativeTensor } from '../../src/native/binding';
import type { BlurKernelSpec, DegradationOperation } from '../../src/native/degradation';
import { loadBinding } from '../../src/native/loadBinding';
import { testPicture } from '../metrics/pictures';

const { primitives } = loadBinding();
const apply = (x: NativeTensor, ...plan: DegradationOperation[]) => primitives.applyDegradation(x, plan, []);
const kernel = (changes: Partial<BlurKernelSpec> = {}) =>
  primitives.blurKernel({ shape: 'gaussian', size: 21, sigmaX: 2, sigmaY: 2, theta: 0, beta: 1, ...changes });
const invalid = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

describe('kernels', () => {
  test.each([
    [{ sigmaX: -1 }, /above 0 for sigma but received -1/],
    [{ sigmaY: 0 }, /above 0 for sigma/],
    [{ sigmaX: Number.NaN }, /above 0 for sigma/],
    [{ shape: 'plateau' as const, beta: 0 }, /above 0 for beta/],
    [{ size: 20 }, /odd kernel size/],
    [{ size: 257 }, /odd kernel size/],
    [{ size: 0 }, /odd kernel size/],
  ])('%o is refused', (changes, message) => {
    expect(() => kernel(changes)).toThrow(invalid('DIFFBIR_INVALID_OPTION', message));
  });

  test.each([0, -1, 3.2])('a cutoff of %d is refused', (cutoff) => {
    expect(() => primitives.sincKernel(cutoff, 21, 0)).toThrow(invalid('DIFFBIR_INVALID_OPTION', /cutoff/));
  });

  test('sums are 1, whatever the form', () => {
    for (const shape of ['gaussian', 'generalized', 'plateau'] as const) {
      const { weights } = kernel({ shape, sigmaY: 5, theta: 1, beta: 0.6 });
      expect(weights.reduce((sum, weight) => sum + weight)).toBeCloseTo(1, 12);
    }
  });
});

describe('filters', () => {
  const filter = { kind: 'filter' as const, kernels: [kernel()] };

  test('a kernel may reach to the far border, not beyond it', () => {
    expect(apply(flat(11, 11), filter).data[60]).toBeCloseTo(0.5, 6);
    const error = invalid('DIFFBIR_INVALID_IMAGE', /40 x 10 pixels is too small for a kernel of 21 x 21/);
    expect(() => apply(flat(10, 40), filter)).toThrow(error);
  });

  test('kernels are not flipped, and borders are reflected without repeating them', () => {
    const weights = new Float64Array(9);
    weights[3] = 1; // takes the left neighbour
    const x = { shape: [1, 1, 3, 3], data: Float32Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9]) };
    const { data } = apply(x, { kind: 'filter', kernels: [{ size: 3, weights }] });
    expect([...data]).toEqual([2, 1, 2, 5, 4, 5, 8, 7, 8]);
  });

  test('sharpening leaves a flat picture alone and needs 26 pixels', () => {
    expect(apply(flat(26, 30), { kind: 'sharpen' }).data.every((value) => Math.abs(value - 0.5) < 1e-6)).toBe(true);
    expect(() => apply(flat(25, 30), { kind: 'sharpen' })).toThrow(invalid('DIFFBIR_INVALID_IMAGE', /too small/));
  });
});

describe('noise', () => {
  const zeros = flat(4, 4, 3, 0);

  test.each(['gaussianNoise', 'poissonNoise'] as const)('%s refuses a negative strength', (kind) => {
    const run = () => primitives.applyDegradation(zeros, [{ kind, strength: [-1], gray: [false] }], [zeros]);
    expect(run).toThrow(invalid('DIFFBIR_INVALID_OPTION', /strength of at least 0/));
  });

  test('says when recorded draws are used up or have another shape', () => {
    const operation = { kind: 'gaussianNoise' as const, strength: [5], gray: [false] };
    for (const draws of [[], [flat(4, 5, 3)]]) {
      expect(() => primitives.applyDegradation(zeros, [operation], draws)).toThrow(
        invalid('DIFFBIR_INVALID_OPTION', /draws/),
      );
    }
  });
});

describe('codecs', () => {
  test.each([0, 100, -3, Number.NaN])('DiffJPEG refuses the quality %d', (quality) => {
    const codec = { kind: 'diffJpeg' as const, quality: [quality], standardTable: false, softRounding: false };
    expect(() => apply(flat(16, 16, 3), codec)).toThrow(invalid('DIFFBIR_INVALID_OPTION', /quality/));
  });

  test.each([0, 101, -5])('JPEG refuses the quality %d', (quality) => {
    expect(() => apply(flat(16, 16, 3), { kind: 'jpeg', quality })).toThrow(
      invalid('DIFFBIR_INVALID_OPTION', /quality from 1 to 100/),
    );
  });

  test("DiffJPEG's standard table is the transpose of the reference's", () => {
    const x = fromImage(testPicture(32, 32, 60));
    const codec = { kind: 'diffJpeg' as const, quality: [40], softRounding: false };
    const turned = (tensor: NativeTensor) => transposed(tensor, 32);
    const standard = apply(x, { ...codec, standardTable: true });
    const reference = turned(apply(turned(x), { ...codec, standardTable: false }));
    expect(maxDifference(standard.data, reference.data)).toBeLessThan(1e-5);
    expect(maxDifference(standard.data, apply(x, { ...codec, standardTable: false }).data)).toBeGreaterThan(0.01);
  });

  test.each([20, 40, 75, 95])('JPEG at quality %d is what a real encoder and decoder make', async (quality) => {
    const image = testPicture(70, 45, 30);
    const raw = { raw: { width: image.width, height: image.height, channels: 3 as const } };
    const file = await sharp(image.data, raw).jpeg({ quality, chromaSubsampling: '4:2:0' }).toBuffer();
    const real = await sharp(file).raw().toBuffer();
    const ours = toLevels(apply(fromImage(image), { kind: 'jpeg', quality }));
    // Their integer transforms round a few coefficients the other way, and with them a block.
    const differences = ours.map((level, i) => Math.abs(level - (real[i] as number)));
    const mean = differences.reduce((sum, difference) => sum + difference) / differences.length;
    expect(mean).toBeLessThan(1.5);
    expect(differences.filter((difference) => difference <= 1).length / differences.length).toBeGreaterThan(0.75);
  });
});

function flat(height: number, width: number, channels = 1, value = 0.5): NativeTensor {
  return { shape: [1, channels, height, width], data: new Float32Array(channels * height * width).fill(value) };
}

function fromImage({ width, height, data }: { width: number; height: number; data: Uint8Array }): NativeTensor {
  const plane = width * height;
  return {
    shape: [1, 3, height, width],
    data: Float32Array.from(
      { length: data.length },
      (_, i) => (data[(i % plane) * 3 + Math.floor(i / plane)] as number) / 255,
    ),
  };
}

function toLevels({ data }: NativeTensor): number[] {
  const plane = data.length / 3;
  return Array.from({ length: data.length }, (_, i) =>
    Math.round((data[(i % 3) * plane + Math.floor(i / 3)] as number) * 255),
  );
}

function transposed({ shape, data }: NativeTensor, side: number): NativeTensor {
  const at = (i: number) =>
    Math.floor(i / side / side) * side * side + (i % side) * side + (Math.floor(i / side) % side);
  return { shape, data: Float32Array.from(data, (_, i) => data[at(i)] as number) };
}

function maxDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (b[i] as number))), 0);
}
