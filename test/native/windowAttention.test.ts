// Attention inside windows on a GPU: the body of its kernel against the formula. Its graphs are in cudaGraph.test.ts.
import { expect, test } from 'vitest';
import type { NativeTensor } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';

const { primitives } = loadBinding();

interface Windows {
  readonly pictures: number;
  readonly windows: number;
  readonly tokens: number;
  readonly heads: number;
  readonly width: number;
}

test.each<[Windows, 'plain' | 'masked' | 'hidden' | 'moved']>([
  [{ pictures: 1, windows: 3, tokens: 64, heads: 6, width: 30 }, 'plain'],
  [{ pictures: 2, windows: 2, tokens: 64, heads: 6, width: 30 }, 'masked'],
  [{ pictures: 2, windows: 3, tokens: 16, heads: 2, width: 30 }, 'moved'],
  [{ pictures: 1, windows: 4, tokens: 64, heads: 2, width: 32 }, 'hidden'],
  [{ pictures: 2, windows: 2, tokens: 9, heads: 3, width: 2 }, 'moved'],
])('%j, %s', (sizes, kind) => {
  const { pictures, windows, tokens, heads, width } = sizes;
  const channels = heads * width;
  const qkv = numbers(1, [pictures * windows, tokens, 3 * channels]);
  const bias = numbers(2, [3 * channels]);
  const table = numbers(3, [heads, tokens, tokens]);
  const mask = kind === 'plain' ? null : maskOf(sizes, kind === 'hidden' ? Number.NEGATIVE_INFINITY : -100);
  const order =
    kind === 'moved' ? Int32Array.from({ length: windows * tokens }, (_, i) => (7 * i + 3) % (windows * tokens)) : null;
  const got = primitives.kernels.windowAttention(qkv, bias, table, mask, order);
  expect(got.shape).toEqual([pictures * windows, tokens, channels]);
  const want = formula(sizes, { qkv: qkv.data, bias: bias.data, table: table.data }, mask?.data, order);
  const most = got.data.reduce((largest, value, i) => Math.max(largest, Math.abs(value - (want[i] as number))), 0);
  expect(most).toBeLessThan(2e-3); // half a step of the values from 2 to 4
  expect(most).toBeGreaterThan(0);
});

test('what has no kernel, or does not fit, is refused', () => {
  const call = (width: number, biases: number) =>
    primitives.kernels.windowAttention(
      numbers(1, [1, 4, 3 * width]),
      numbers(2, [biases]),
      numbers(3, [1, 4, 4]),
      null,
      null,
    );
  expect(() => call(34, 3 * 34)).toThrow('heads that have a kernel');
  expect(() => call(3, 9)).toThrow('heads that have a kernel');
  expect(() => call(4, 11)).toThrow('windows as the bias');
});

/** In float16. */
function numbers(seed: number, shape: number[]): NativeTensor {
  const [data] = primitives.torchDraws(BigInt(seed), [{ kind: 'randn', shape }]);
  return { shape, data: (data as Float32Array).map((value) => Math.round(value * 256) / 256) };
}

/** Two kinds of tokens, which do not look at each other. */
function maskOf({ windows, tokens }: Windows, masked: number): NativeTensor {
  const kindOf = (window: number, token: number) => (token * (window + 2)) % 3 === 0;
  const data = Float32Array.from({ length: windows * tokens * tokens }, (_, i) => {
    const window = Math.floor(i / tokens ** 2);
    return kindOf(window, Math.floor(i / tokens) % tokens) === kindOf(window, i % tokens) ? 0 : masked;
  });
  return { shape: [windows, 1, tokens, tokens], data };
}

/** softmax((q k^T) / sqrt(width) + table + mask) v, in float64. */
function formula(
  { pictures, windows, tokens, heads, width }: Windows,
  { qkv, bias, table }: Record<'qkv' | 'bias' | 'table', Float32Array>,
  mask: Float32Array | undefined,
  order: Int32Array | null,
): Float64Array {
  const channels = heads * width;
  const out = new Float64Array(pictures * windows * tokens * channels);
  for (let window = 0; window < pictures * windows; window++) {
    const inPicture = window % windows;
    const place = (token: number) => {
      const at = inPicture * tokens + token;
      return (window - inPicture) * tokens + (order?.[at] ?? at);
    };
    for (let head = 0; head < heads; head++) {
      const part = (which: number, token: number) => {
        const first = which * channels + head * width;
        const row = place(token) * 3 * channels;
        return Array.from({ length: width }, (_, c) => (qkv[row + first + c] as number) + (bias[first + c] as number));
      };
      const all = Array.from({ length: tokens }, (_, token) => ({ k: part(1, token), v: part(2, token) }));
      for (let query = 0; query < tokens; query++) {
        const q = part(0, query);
        const weights = all.map(({ k }, key) => {
          const pair = query * tokens + key;
          const logit = k.reduce((sum, value, c) => sum + value * (q[c] as number), 0) / Math.sqrt(width);
          return Math.exp(
            logit + (table[head * tokens ** 2 + pair] as number) + (mask?.[inPicture * tokens ** 2 + pair] ?? 0),
          );
        });
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        const to = place(query) * channels + head * width;
        for (let c = 0; c < width; c++) {
          out[to + c] = weights.reduce((sum, weight, key) => sum + (weight * (all[key]?.v[c] as number)) / total, 0);
        }
      }
    }
  }
  return out;
}
