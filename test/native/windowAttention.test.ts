// Attention inside windows on a GPU: the body of its kernel against the formula. Its graphs are in cudaGraph.test.ts.
import { expect, test } from 'vitest';
import type { NativeTensor } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';

const { primitives } = loadBinding();

/** Of all pictures, each of down x across windows with side x side tokens. */
interface Windows {
  readonly pictures: number;
  readonly down: number;
  readonly across: number;
  readonly side: number;
  readonly heads: number;
  readonly width: number;
}

const SWINIR = { heads: 6, width: 30, masked: -100 };
const SCUNET = { heads: 2, width: 32, masked: Number.NEGATIVE_INFINITY };

test.each<[string, Windows & { masked?: number }]>([
  ['plain', { pictures: 1, down: 1, across: 3, side: 8, heads: 6, width: 30 }],
  ['plain, of two pictures', { pictures: 2, down: 2, across: 1, side: 8, heads: 2, width: 32 }],
  ["SwinIR's, shifted, of two pictures", { pictures: 2, down: 2, across: 3, side: 8, ...SWINIR }],
  ["SCUNet's, shifted", { pictures: 1, down: 3, across: 2, side: 8, ...SCUNET }],
  ['shifted, one window', { pictures: 1, down: 1, across: 1, side: 8, ...SCUNET }],
  ['shifted, one row of small windows', { pictures: 2, down: 1, across: 4, side: 4, ...SWINIR }],
  ['shifted, of more tokens than a block has', { pictures: 1, down: 2, across: 2, side: 9, ...SWINIR }],
  ['shifted, of an odd side, narrow', { pictures: 2, down: 3, across: 2, side: 5, heads: 3, width: 2, masked: -100 }],
])('%s', (_, sizes) => {
  const { pictures, down, across, side, heads, width, masked } = sizes;
  const [windows, tokens, channels] = [pictures * down * across, side ** 2, heads * width];
  const qkv = numbers(1, [windows, tokens, 3 * channels]);
  const bias = numbers(2, [3 * channels]);
  const table = numbers(3, [heads, tokens, tokens]);
  const shift = masked === undefined ? null : { side, down, across, masked };
  const got = primitives.kernels.windowAttention(qkv, bias, table, shift);
  expect(got.shape).toEqual([windows, tokens, channels]);
  const want = formula(sizes, { qkv: qkv.data, bias: bias.data, table: table.data });
  const most = got.data.reduce((largest, value, i) => Math.max(largest, Math.abs(value - (want[i] as number))), 0);
  expect(most).toBeLessThan(2e-3); // half a step of the values from 2 to 4
  expect(most).toBeGreaterThan(0);
});

test('what has no kernel, or does not fit, is refused', () => {
  const call = (width: number, biases: number, down = 1) =>
    primitives.kernels.windowAttention(numbers(1, [1, 4, 3 * width]), numbers(2, [biases]), numbers(3, [1, 4, 4]), {
      side: 2,
      down,
      across: 1,
      masked: -100,
    });
  expect(() => call(34, 3 * 34)).toThrow('heads that have a kernel');
  expect(() => call(3, 9)).toThrow('heads that have a kernel');
  expect(() => call(4, 11)).toThrow('windows as the bias');
  expect(() => call(4, 12, 2)).toThrow('windows as the bias');
});

/** In float16. */
function numbers(seed: number, shape: number[]): NativeTensor {
  const [data] = primitives.torchDraws(BigInt(seed), [{ kind: 'randn', shape }]);
  return { shape, data: (data as Float32Array).map((value) => Math.round(value * 256) / 256) };
}

/** Where a token of a picture's window lies among its windows that are not shifted. */
function place({ down, across, side }: Windows, window: number, token: number, shift: number): number {
  const y = (Math.floor(window / across) * side + Math.floor(token / side) + shift) % (down * side);
  const x = ((window % across) * side + (token % side) + shift) % (across * side);
  return (Math.floor(y / side) * across + Math.floor(x / side)) * side ** 2 + (y % side) * side + (x % side);
}

/** As the reference labels regions of the shifted picture: they end before its last window, and inside of that. */
function region({ down, across, side }: Windows, window: number, token: number, shift: number): number {
  const along = (position: number, size: number) => (position < size - side ? 0 : position < size - shift ? 1 : 2);
  const y = Math.floor(window / across) * side + Math.floor(token / side);
  const x = (window % across) * side + (token % side);
  return 3 * along(y, down * side) + along(x, across * side);
}

/** softmax((q k^T) / sqrt(width) + table + mask) v, in float64. */
function formula(
  sizes: Windows & { masked?: number },
  { qkv, bias, table }: Record<'qkv' | 'bias' | 'table', Float32Array>,
): Float64Array {
  const { pictures, down, across, side, heads, width, masked } = sizes;
  const [tokens, windows, channels] = [side ** 2, down * across, heads * width];
  const shift = masked === undefined ? 0 : Math.floor(side / 2);
  const out = new Float64Array(pictures * windows * tokens * channels);
  for (let window = 0; window < pictures * windows; window++) {
    const inPicture = window % windows;
    const placeOf = (token: number) => (window - inPicture) * tokens + place(sizes, inPicture, token, shift);
    const maskOf = (query: number, key: number) => {
      const [ofQuery, ofKey] = [query, key].map((token) => region(sizes, inPicture, token, shift));
      return masked === undefined || ofQuery === ofKey ? 0 : masked;
    };
    for (let head = 0; head < heads; head++) {
      const part = (which: number, token: number) => {
        const first = which * channels + head * width;
        const row = placeOf(token) * 3 * channels;
        return Array.from({ length: width }, (_, c) => (qkv[row + first + c] as number) + (bias[first + c] as number));
      };
      const all = Array.from({ length: tokens }, (_, token) => ({ k: part(1, token), v: part(2, token) }));
      for (let query = 0; query < tokens; query++) {
        const q = part(0, query);
        const weights = all.map(({ k }, key) => {
          const logit = k.reduce((sum, value, c) => sum + value * (q[c] as number), 0) / Math.sqrt(width);
          return Math.exp(logit + (table[(head * tokens + key) * tokens + query] as number) + maskOf(query, key));
        });
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        const to = placeOf(query) * channels + head * width;
        for (let c = 0; c < width; c++) {
          out[to + c] = weights.reduce((sum, weight, key) => sum + (weight * (all[key]?.v[c] as number)) / total, 0);
        }
      }
    }
  }
  return out;
}
