import { expect, test } from 'vitest';
import { loadBinding } from '../../src/native/loadBinding';

const { primitives } = loadBinding();

test('turns are taken one at a time and in order, and whoever is cancelled waits no longer', () => {
  const others = [0, 2, 3, 4, 5, 6, 7];
  expect(primitives.takeTurns(8)).toEqual({ order: others, most: 1, code: 'DIFFBIR_ABORTED' });
});
