// What a block of the UNet's decoder reads, on a GPU: the body of its kernel against the formula. Its graphs are in
// cudaGraph.test.ts.
import { expect, test } from 'vitest';
import type { NativeTensor } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';

const { kernels, torchDraws } = loadBinding().primitives;
const [HEIGHT, WIDTH] = [3, 5];

test.each([
  { batch: 1, skips: 1, channels: 8, skipChannels: 8, bias: false, other: false },
  { batch: 4, skips: 2, channels: 16, skipChannels: 24, bias: true, other: false },
  { batch: 6, skips: 2, channels: 24, skipChannels: 8, bias: true, other: true },
  { batch: 2, skips: 2, channels: 8, skipChannels: 16, bias: false, other: true },
])('%j', ({ batch, skips, channels, skipChannels, ...has }) => {
  const x = numbers(1, [batch, HEIGHT, WIDTH, channels]);
  const skip = numbers(2, [skips, HEIGHT, WIDTH, skipChannels]);
  const control = numbers(3, [batch, HEIGHT, WIDTH, skipChannels]);
  const bias = has.bias ? numbers(4, [channels]) : null;
  const other = has.other ? numbers(5, [batch, HEIGHT, WIDTH, channels]) : null;
  const got = kernels.controlledConcat(x, skip, control, 0.75, bias, other);
  const all = channels + skipChannels;
  expect(got.shape).toEqual([batch, HEIGHT, WIDTH, all]);
  const pixels = HEIGHT * WIDTH;
  const wrong = got.data.findIndex((value, i) => {
    const [pixel, channel] = [Math.floor(i / all), i % all];
    const own = pixel * channels + channel;
    const inSkip = channel - channels;
    const want =
      channel < channels
        ? at(x, own) + at(bias, channel) + at(other, own)
        : at(skip, (pixel % (skips * pixels)) * skipChannels + inSkip) +
          0.75 * at(control, pixel * skipChannels + inSkip);
    return !(Math.abs(value - want) <= 2 ** -11 * Math.max(1, Math.abs(want)));
  });
  expect(wrong).toBe(-1);
});

test('what does not fit is refused', () => {
  const map = (batch: number, channels: number) => numbers(1, [batch, HEIGHT, WIDTH, channels]);
  expect(() => kernels.controlledConcat(map(1, 12), map(1, 8), map(1, 8), 1, null, null)).toThrow('channels in eights');
  expect(() => kernels.controlledConcat(map(3, 8), map(2, 8), map(3, 8), 1, null, null)).toThrow('what fits x');
  expect(() => kernels.controlledConcat(map(2, 8), map(2, 8), map(1, 8), 1, null, null)).toThrow('what fits x');
});

/** In float16. */
function numbers(seed: number, shape: number[]): NativeTensor {
  const [data] = torchDraws(BigInt(seed), [{ kind: 'randn', shape }]);
  return { shape, data: (data as Float32Array).map((value) => Math.round(value * 256) / 256) };
}

function at(tensor: NativeTensor | null, i: number): number {
  if (!tensor) return 0;
  if (!(i in tensor.data)) throw new RangeError(`${i} is outside`);
  return tensor.data[i] as number;
}
