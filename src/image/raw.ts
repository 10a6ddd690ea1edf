import { InvalidImageError, show } from '../errors';
import type { RawImage } from './types';

export interface Planes {
  readonly rgb: Uint8Array;
  readonly alpha: Uint8Array | undefined;
}

/** Checks raw pixels: positive sides, 1 to 4 channels, the right length, no NaN. Throws InvalidImageError. */
export function checkRaw(raw: RawImage, name: string): void {
  const { data, width, height, channels } = raw;
  for (const [side, value] of Object.entries({ width, height })) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw wrong(name, `${side} is ${show(value)}, not an integer above 0`);
  }
  if (![1, 2, 3, 4].includes(channels)) throw wrong(name, `channels is ${show(channels)}, not 1, 2, 3 or 4`);
  const known =
    ArrayBuffer.isView(data) &&
    (data instanceof Uint8Array || data instanceof Uint8ClampedArray || data instanceof Float32Array);
  if (!known) throw wrong(name, 'data is no Uint8Array, Uint8ClampedArray or Float32Array');
  const length = width * height * channels;
  if (data.length !== length) {
    throw wrong(name, `data has ${data.length} values, but ${width} x ${height} x ${channels} needs ${length}`);
  }
  if (data instanceof Float32Array) {
    const at = data.findIndex((value) => !Number.isFinite(value));
    if (at >= 0) throw wrong(name, `data[${at}] is ${data[at]}`);
  }
}

/** Whether floats lie outside 0..1; they are clamped. */
export function isClamped({ data }: RawImage): boolean {
  return data instanceof Float32Array && data.some((value) => value < 0 || value > 1);
}

/** Splits interleaved pixels of 1 to 4 channels into RGB and alpha; gray becomes three equal channels. */
export function splitAlpha({ data, width, height, channels }: RawImage): Planes {
  const bytes = data instanceof Float32Array ? toBytes(data) : data;
  const pixels = width * height;
  const hasAlpha = channels === 2 || channels === 4;
  if (channels === 3) return { rgb: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length), alpha: undefined };
  const [rgb, alpha] = [new Uint8Array(pixels * 3), hasAlpha ? new Uint8Array(pixels) : undefined];
  // In gray, green and blue are the first channel again.
  const [green, blue] = channels > 2 ? [1, 2] : [0, 0];
  for (let pixel = 0, from = 0, to = 0; pixel < pixels; pixel++, from += channels, to += 3) {
    rgb[to] = bytes[from] as number;
    rgb[to + 1] = bytes[from + green] as number;
    rgb[to + 2] = bytes[from + blue] as number;
    if (alpha) alpha[pixel] = bytes[from + channels - 1] as number;
  }
  return { rgb, alpha };
}

/** RGBA from RGB and alpha; RGB itself where there is no alpha. */
export function joinAlpha(rgb: Uint8Array, alpha: Uint8Array | undefined): Uint8Array {
  if (!alpha) return rgb;
  const rgba = new Uint8Array(alpha.length * 4);
  for (let pixel = 0, from = 0, to = 0; pixel < alpha.length; pixel++, from += 3, to += 4) {
    rgba[to] = rgb[from] as number;
    rgba[to + 1] = rgb[from + 1] as number;
    rgba[to + 2] = rgb[from + 2] as number;
    rgba[to + 3] = alpha[pixel] as number;
  }
  return rgba;
}

/** Uint8ClampedArray rounds and clamps. */
function toBytes(data: Float32Array): Uint8ClampedArray {
  return Uint8ClampedArray.from(data, (value) => value * 255);
}

function wrong(name: string, reason: string): InvalidImageError {
  return new InvalidImageError(`${name}: ${reason}`);
}
