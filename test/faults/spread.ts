import { seededRandom } from '../../bench/random';

export function all(calls: number): number[] {
  return Array.from({ length: calls }, (_, i) => i + 1);
}

/** The first third of `most` calls, and others at random, the same each time. */
export function spread(calls: number, most: number): number[] {
  if (calls <= most) return all(calls);
  const first = Math.ceil(most / 3);
  const random = seededRandom(calls);
  const others = new Set<number>();
  while (others.size < most - first) others.add(first + 1 + Math.floor(random() * (calls - first)));
  return [...all(first), ...[...others].sort((a, b) => a - b)];
}
