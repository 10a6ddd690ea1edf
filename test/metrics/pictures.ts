import type { NativeImage } from '../../src/native/binding';

/** Ramps and a checkerboard with pseudo-random noise on them, in integers, so that any language draws the same. */
export function testPicture(width: number, height: number, noise: number): NativeImage {
  const data = new Uint8ClampedArray(width * height * 3);
  for (let i = 0; i < data.length; i++) {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    const base = (x * 5 + y * 3 + c * 40 + (((x >> 4) + (y >> 4)) % 2) * 60) % 256;
    const random = Math.imul(x * 7919 + y * 104729 + c * 1299709, 2654435761) >>> 24;
    data[i] = base + Math.floor((noise * (random - 128)) / 128);
  }
  return { width, height, data: new Uint8Array(data.buffer) };
}

/** The same picture with every value changed. */
export function mapped(image: NativeImage, change: (value: number, channel: number) => number): NativeImage {
  return { ...image, data: Uint8Array.from(image.data, (value, i) => change(value, i % 3)) };
}
