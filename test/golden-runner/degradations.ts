/** What the cases of degradations need beside the cases themselves: layouts, kernels, blocks. */
import type { NativeTensor } from '../../src/native/binding';
import type { BlurKernel } from '../../src/native/degradation';
import type { GoldenTensor } from './types';

/** [H,W,C] or [B,H,W,C] as [B,C,H,W]; `reverse` turns BGR into RGB. */
export function fromHwc(image: GoldenTensor, { reverse = false } = {}): { shape: number[]; data: Float32Array } {
  const [channels = 1, width = 1, height = 1, batch = 1] = [...image.shape].reverse();
  const data = new Float32Array(batch * channels * height * width);
  const plane = height * width;
  for (let i = 0; i < data.length; i++) {
    const [b, c, pixel] = [Math.floor(i / (plane * channels)), Math.floor(i / plane) % channels, i % plane];
    const from = reverse ? channels - 1 - c : c;
    data[i] = Number(image.data[(b * plane + pixel) * channels + from]);
  }
  return { shape: [batch, channels, height, width], data };
}

/** [K,size,size] as kernels. */
export function kernelsOf({ shape, data }: GoldenTensor): BlurKernel[] {
  const [count = 1, size = 1] = shape;
  return Array.from({ length: count }, (_, i) => ({
    size,
    weights: Float64Array.from({ length: size * size }, (_, j) => Number(data[i * size * size + j])),
  }));
}

/** The first samples of a batch. */
export function sampleOf({ shape, data }: NativeTensor, samples: number): NativeTensor {
  const [batch = 1, ...rest] = shape;
  return { shape: [samples, ...rest], data: data.subarray(0, (data.length / batch) * samples) };
}

/** How many macroblocks (16 x 16, over all channels) differ by more than `limit`, and the worst difference elsewhere. */
export function differingBlocks(got: NativeTensor, want: NativeTensor, limit: number) {
  const [batch = 1, channels = 1, height = 1, width = 1] = want.shape;
  const [rows, columns] = [Math.ceil(height / 16), Math.ceil(width / 16)];
  const worst = new Float64Array(batch * rows * columns);
  want.data.forEach((value, i) => {
    const [row, column] = [Math.floor(i / width) % height, i % width];
    const block = (Math.floor(i / (channels * height * width)) * rows + (row >> 4)) * columns + (column >> 4);
    worst[block] = Math.max(worst[block] as number, Math.abs((got.data[i] as number) - value));
  });
  const equal = worst.filter((error) => error <= limit);
  return { worst: Math.max(0, ...equal), differing: worst.length - equal.length, blocks: worst.length };
}
