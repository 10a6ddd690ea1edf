/**
 * The name most like a misspelt one, or undefined when none is near. Case, `-` and `_` do not count, so that the
 * reference's `cfg_scale` finds `cfgScale`.
 * @example nearest('cfg_scale', ['steps', 'cfgScale']) // 'cfgScale'
 */
export function nearest(word: string, names: readonly string[]): string | undefined {
  const wanted = plain(word);
  // Longer words cost time and are no misspelling.
  if (wanted.length > 40) return undefined;
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(wanted.length / 3)) + 1;
  for (const name of names) {
    const distance = editDistance(wanted, plain(name));
    if (distance < bestDistance) [best, bestDistance] = [name, distance];
  }
  return best;
}

function plain(name: string): string {
  return name.replace(/[-_]/g, '').toLowerCase();
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] as number) + 1, (next[j - 1] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
