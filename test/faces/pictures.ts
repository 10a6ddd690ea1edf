import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { NativeImage, NativeTensor } from '../../src/native/binding';

export const FIXTURES = path.join(import.meta.dirname, '../fixtures/faces');

/** What training/faces/record_vectors.py has written. */
export const vectors = JSON.parse(readFileSync(path.join(FIXTURES, 'vectors.json'), 'utf8'));

interface Packed {
  readonly shape: readonly number[];
  readonly data: string;
}

/** The picture of record_vectors.py. */
export function image(height: number, width: number): NativeImage {
  const data = new Uint8Array(height * width * 3);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < 3; c++) data[(y * width + x) * 3 + c] = x * 73 + y * 151 + c * 89 + x * y * 7;
  return { width, height, data };
}

/** The plane of record_vectors.py, times `scale`. */
export function plane(height: number, width: number, scale = 1): NativeTensor {
  return planeOf(height, width, (y, x) => Math.fround(((x * 37 + y * 91 + x * y * 11) % 101) / 100) * scale);
}

export function planeOf(height: number, width: number, value: (y: number, x: number) => number): NativeTensor {
  const data = Float32Array.from({ length: height * width }, (_, i) => value(Math.trunc(i / width), i % width));
  return { shape: [height, width], data };
}

export function bytesOf({ data }: Packed): Uint8Array {
  return new Uint8Array(Buffer.from(data, 'base64'));
}

export function floatsOf(packed: Packed): Float32Array {
  return new Float32Array(bytesOf(packed).buffer);
}

export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs((a[i] as number) - (b[i] as number)));
  return largest;
}
