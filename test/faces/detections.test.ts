// Anchors, decoding and suppression beside a program of this test's own.
import { describe, expect, test } from 'vitest';
import { loadBinding } from '../../src/native/loadBinding';

const { primitives } = loadBinding();

/** Anchors as behaviour.md 9.2 says: [x, y, side] in pixels. */
function anchors(height: number, width: number): number[][] {
  const result: number[][] = [];
  for (const [step, sides] of [
    [8, [16, 32]],
    [16, [64, 128]],
    [32, [256, 512]],
  ] as const)
    for (let i = 0; i < Math.ceil(height / step); i++)
      for (let j = 0; j < Math.ceil(width / step); j++)
        for (const side of sides) result.push([(j + 0.5) * step, (i + 0.5) * step, side]);
  return result;
}

const [HEIGHT, WIDTH] = [75, 101];
const COUNT = anchors(HEIGHT, WIDTH).length;

/** Decodes with these scores; boxes and landmarks are those of `fill`. */
function decode(scores: Record<number, number>, fill: (i: number) => number = () => 0, overlap = 0.4) {
  const tensor = (values: number, of: (i: number) => number) => ({
    shape: [1, COUNT, values],
    data: Float32Array.from({ length: COUNT * values }, (_, i) => of(i)),
  });
  const score = tensor(2, (i) => (i % 2 === 0 ? 1 : 0) - 0);
  for (const [i, value] of Object.entries(scores)) score.data[2 * Number(i) + 1] = value;
  return primitives.decodeFaces(tensor(4, fill), score, tensor(10, fill), HEIGHT, WIDTH, 0.8, overlap);
}

describe('decoding', () => {
  test('there are anchors for the cells of a size that no step divides', () => {
    expect(COUNT).toBe(2 * (10 * 13 + 5 * 7 + 3 * 4));
    expect(() => primitives.decodeFaces(...empty(COUNT + 1), HEIGHT, WIDTH, 0.8, 0.4)).toThrow('anchors');
  });

  test.each([0, 131, 263, 300, COUNT - 1])('anchor %i', (i) => {
    const [x, y, side] = anchors(HEIGHT, WIDTH)[i] as [number, number, number];
    const value = (k: number) => ((k * 7) % 11) / 11 - 0.3;
    const [found] = decode({ [i]: 0.9 }, value);
    const [dx, dy, dw, dh] = [0, 1, 2, 3].map((k) => value(4 * i + k)) as [number, number, number, number];
    const [cx, cy] = [x + 0.1 * dx * side, y + 0.1 * dy * side];
    const [w, h] = [side * Math.exp(0.2 * dw), side * Math.exp(0.2 * dh)];
    for (const [k, wanted] of [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2].entries())
      expect(found?.box[k]).toBeCloseTo(wanted, 3);
    for (let k = 0; k < 10; k++)
      expect(found?.landmarks[k]).toBeCloseTo((k % 2 ? y : x) + 0.1 * value(10 * i + k) * side, 3);
  });

  test('a score of 0.8 is not above it, and the surest comes first', () => {
    const found = decode({ 0: 0.8, 40: 0.85, 80: 0.99, 120: 0.81 });
    expect(found.map(({ score }) => Math.fround(score))).toEqual([0.99, 0.85, 0.81].map(Math.fround));
  });
});

describe('suppression', () => {
  test('what overlaps a surer face by more than 0.4 goes', () => {
    // Neighbours of 32 pixels at 8 pixels distance share 25 x 33 of 1353; 16 pixels apart 17 x 33 of 1617.
    const [first, near, far] = [1, 3, 5];
    expect(decode({ [first]: 0.9, [near]: 0.95 })).toHaveLength(1);
    expect(decode({ [first]: 0.9, [near]: 0.95 })[0]?.score).toBeCloseTo(0.95, 6);
    expect(decode({ [first]: 0.9, [far]: 0.95 })).toHaveLength(2);
  });

  test('only what was kept suppresses', () => {
    const chain = { 1: 0.99, 3: 0.95, 5: 0.9 };
    expect(decode(chain).map(({ score }) => Math.fround(score))).toEqual([0.99, 0.9].map(Math.fround));
  });

  test('sides count one pixel more than their difference', () => {
    // 17 x 33 of 2 * 33 * 33 - 17 * 33 is 0.347; without the pixel 16 x 32 of 1536 is 0.333.
    expect(decode({ 1: 0.9, 5: 0.95 }, () => 0, 0.34)).toHaveLength(1);
    expect(decode({ 1: 0.9, 5: 0.95 }, () => 0, 0.35)).toHaveLength(2);
  });
});

test('a picture of which each anchor is a face does not run for ever', () => {
  const side = 3200;
  const count = anchors(side, side).length;
  const [boxes, scores, landmarks] = empty(count);
  scores.data.fill(0.9);
  boxes.data.fill(-20); // tiny: hardly one suppresses another
  const found = primitives.decodeFaces(boxes, scores, landmarks, side, side, 0.8, 0.4);
  expect(count).toBe(420_000);
  expect(found.length).toBeLessThanOrEqual(5000);
});

function empty(count: number) {
  const tensor = (values: number) => ({ shape: [1, count, values], data: new Float32Array(count * values) });
  return [tensor(4), tensor(2), tensor(10)] as const;
}
