import { describe, expect, it } from 'vitest';
import type { Stage } from '../../src/native/binding';
import { withFraction, withStage } from '../../src/progress';

/** Fractions that a sequence of messages gives. */
function fractions(stages: 1 | 2, messages: readonly [Stage, number, number][], from = 0, to = 1): number[] {
  const seen: number[] = [];
  const report = withFraction(stages, ({ fraction }) => void seen.push(fraction), from, to);
  for (const [stage, step, steps] of messages) report({ stage, step, steps });
  return seen;
}

describe('fraction', () => {
  it('goes from 0 to 1 through the stages', () => {
    const [first, ...rest] = fractions(2, [
      ['stage1', 1, 1],
      ['encode', 1, 1],
      ['sample', 1, 2],
      ['sample', 2, 2],
      ['decode', 1, 1],
      ['finish', 1, 1],
    ]);
    expect(first).toBeCloseTo(0.05);
    expect(rest[1]).toBeCloseTo(0.5);
    expect(rest.at(-1)).toBeCloseTo(1);
    expect(
      fractions(1, [
        ['stage1', 1, 1],
        ['finish', 1, 1],
      ]).at(-1),
    ).toBeCloseTo(1);
  });

  it('never falls, whatever native code reports', () => {
    const seen = fractions(2, [
      ['decode', 1, 1],
      ['stage1', 1, 4],
      ['load', 0, 0],
    ]);
    expect(new Set(seen).size).toBe(1);
  });

  it('begins where loading ended', () => {
    const loaded: number[] = [];
    withStage(({ fraction }) => void loaded.push(fraction), 0, 0.1)({ stage: 'load', step: 2, steps: 2 });
    expect(loaded).toEqual([0.1]);
    expect(fractions(1, [['stage1', 0, 4]], 0.1)).toEqual([0.1]);
  });

  it('ends where the next picture begins', () => {
    const whole: [Stage, number, number][] = [
      ['stage1', 1, 1],
      ['finish', 1, 1],
    ];
    expect(fractions(1, whole, 0.25, 0.5).at(-1)).toBeCloseTo(0.5);
  });
});
