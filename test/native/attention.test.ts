/** Attention by itself, against the formula in double precision. */
import { expect, test } from 'vitest';
import type { NativeTensor, Precision } from '../../src/native/binding';
import type { Provider } from '../../src/native/devices';
import { loadBinding } from '../../src/native/loadBinding';

const { primitives } = loadBinding();

interface Case {
  readonly batch: number;
  readonly heads: number;
  readonly width: number;
  readonly queries: number;
  readonly keys: number;
}
type Inputs = Record<'q' | 'k' | 'v', NativeTensor>;

const TOLERANCES: readonly (readonly [Precision, number])[] = [
  ['float32', 1e-5],
  ['int8', 0.03],
];

/** An infinite key may have the score -infinity, which is a weight of 0: not this one. */
const BROKEN = [
  ['q', Number.NaN],
  ['k', Number.NaN],
  ['v', Number.NaN],
  ['q', Number.POSITIVE_INFINITY],
  ['v', Number.POSITIVE_INFINITY],
] as const;

const [HEADS, QUERIES] = [2, 50]; // more than one task has
const one = { batch: 1, heads: HEADS, queries: QUERIES };

test.each(
  TOLERANCES.flatMap(([precision, tolerance]) =>
    [
      { ...one, width: 64, keys: 64 },
      { ...one, width: 64, keys: 1 },
      { ...one, width: 32, keys: 77, batch: 2 },
      { ...one, width: 16, keys: 129, queries: 1 },
      { ...one, width: 64, keys: 300, queries: 97 },
      { ...one, width: 24, keys: 10 }, // no kernel of ours has it
    ].map((sizes) => [precision, sizes, tolerance] as const),
  ),
)('%s, %j', (precision, sizes, tolerance) => {
  const inputs = random(sizes);
  expect(relativeError(attend(inputs, sizes, precision), formula(inputs, sizes))).toBeLessThan(tolerance);
});

test('in 8 bits: what all keys have in common takes no part of their range', () => {
  const sizes = { ...one, width: 64, keys: 200 };
  const inputs = random(sizes);
  for (let i = 0; i < inputs.k.data.length; i++) (inputs.k.data[i] as number) += i % 64 === 7 ? 40 : 0;
  expect(relativeError(attend(inputs, sizes, 'int8'), formula(inputs, sizes))).toBeLessThan(0.03);
});

test('in 8 bits: many weak keys together count as much as a strong one', () => {
  const sizes = { ...one, heads: 1, width: 64, keys: 8 * 64 };
  const inputs = random(sizes);
  // The first key has the score 6.5, all others 0: each weighs a 665th of it, less than a byte can say. Those of its own
  // block, an eighth, are lost; all others would be too if weights were relative to the largest of all.
  inputs.q.data.fill(0).forEach((_, i, q) => {
    if (i % 64 === 0) q[i] = 1;
  });
  inputs.k.data.fill(0)[0] = 6.5 * 8;
  inputs.v.data.fill(1).fill(0, 0, 64);
  expect(relativeError(attend(inputs, sizes, 'int8'), formula(inputs, sizes))).toBeLessThan(0.1);
});

test.each(TOLERANCES)('%s: zeros everywhere give the mean of the values', (precision, tolerance) => {
  const sizes = { ...one, width: 64, keys: 77 };
  const inputs = random(sizes);
  inputs.q.data.fill(0);
  inputs.k.data.fill(0);
  expect(relativeError(attend(inputs, sizes, precision), formula(inputs, sizes))).toBeLessThan(tolerance);
  inputs.v.data.fill(0);
  expect(attend(inputs, sizes, precision).every((value) => value === 0)).toBe(true);
});

test.each(TOLERANCES.flatMap(([precision]) => BROKEN.map(([input, value]) => [precision, value, input] as const)))(
  '%s: %d in %s is in every result that it is for, and in no other head',
  (precision, value, input) => {
    const sizes = { ...one, width: 64, keys: 77 };
    const inputs = random(sizes);
    const row = 70; // of the second block of keys
    const place = (input === 'q' ? 3 : row) * HEADS * 64 + 64 + 5; // of the second head
    inputs[input].data[place] = value;
    const out = attend(inputs, sizes, precision);
    const heads = Array.from({ length: QUERIES * HEADS }, (_, i) => out.subarray(i * 64, i * 64 + 64));
    for (const [i, head] of heads.entries()) {
      const concerned = i % HEADS === 1 && (input !== 'q' || Math.floor(i / HEADS) === 3);
      if (concerned) expect(head.every(Number.isFinite), `row ${i}`).toBe(false);
      else expect(head.every(Number.isFinite), `row ${i}`).toBe(true);
    }
  },
);

// CUDA's kernels are reported not to start for such heads: eight parts of the queries, in operators that the CPU has, too.
test.each(
  [1, 7, 8, 9, 25, 49, 64, 65, 80, 101, 4096].flatMap((queries) => [1, 2].map((heads) => [queries, heads] as const)),
)('for a GPU, %d queries of %d heads of 320: part by part, the whole', (queries, heads) => {
  const sizes = { batch: 2, heads, width: 320, queries, keys: 5 };
  const inputs = random(sizes);
  expect(relativeError(attend(inputs, sizes, 'float32', 'cuda'), formula(inputs, sizes))).toBeLessThan(1e-5);
});

function attend(inputs: Inputs, { heads, width }: Case, precision: Precision, provider?: Provider): Float32Array {
  const { out } = primitives.createAttention(heads, width, precision, 2, provider).run({ ...inputs });
  return (out as NativeTensor).data as Float32Array;
}

function formula({ q, k, v }: Inputs, { batch, heads, width, queries, keys }: Case): Float32Array {
  const out = new Float32Array(q.data.length);
  const at = (x: NativeTensor, row: number, head: number, i: number) =>
    x.data[(row * heads + head) * width + i] as number;
  for (let item = 0; item < batch; item++) {
    for (let head = 0; head < heads; head++) {
      for (let query = 0; query < queries; query++) {
        const row = item * queries + query;
        const scores = Array.from({ length: keys }, (_, key) => {
          let sum = 0;
          for (let i = 0; i < width; i++) sum += at(q, row, head, i) * at(k, item * keys + key, head, i);
          return sum / Math.sqrt(width);
        });
        const weights = scores.map((score) => Math.exp(score - Math.max(...scores)));
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        for (let i = 0; i < width; i++) {
          const sum = weights.reduce((all, weight, key) => all + weight * at(v, item * keys + key, head, i), 0);
          out[(row * heads + head) * width + i] = sum / total;
        }
      }
    }
  }
  return out;
}

/** Numbers of deviation 1 and mean 0, the same each time. */
function random({ batch, heads, width, queries, keys }: Case): Inputs {
  let state = 12345;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  const tokens = (count: number): NativeTensor => {
    const data = Float32Array.from({ length: batch * count * heads * width }, () => Math.sqrt(12) * uniform());
    return { shape: [batch, count, heads * width], data };
  };
  return { q: tokens(queries), k: tokens(keys), v: tokens(keys) };
}

function relativeError(values: ArrayLike<number>, wanted: Float32Array): number {
  const square = (sum: number, value: number) => sum + value * value;
  const difference = wanted.map((value, i) => value - (values[i] as number));
  return Math.sqrt(difference.reduce(square, 0) / wanted.reduce(square, 0));
}
