/** Numbers in 0..1, the same for a seed: a 32-bit multiplicative-congruential generator is enough to choose by. */
export function seededRandom(seed: number): () => number {
  let state = (seed * 2 + 1) >>> 0;
  return () => {
    state = Math.imul(state, 1664525) + 1013904223;
    return (state >>> 8) / 2 ** 24;
  };
}
