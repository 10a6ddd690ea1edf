import type { CaseResult, GoldenTensor } from './types';

type Numbers = ArrayLike<number | bigint>;

interface Compared {
  readonly shape?: readonly number[];
  readonly data: Numbers;
}

/** max |got - want|; NaN equals NaN and nothing else. */
export function maxAbs(got: Numbers, want: Numbers): number {
  let worst = 0;
  for (let i = 0; i < want.length; i++) worst = Math.max(worst, difference(got[i], want[i]));
  return worst;
}

/** max |got - want| / max |want|: how trajectories are measured. */
export function relToAbsMax(got: Numbers, want: Numbers): number {
  let largest = 0;
  for (let i = 0; i < want.length; i++) largest = Math.max(largest, Math.abs(Number(want[i])) || 0);
  const worst = maxAbs(got, want);
  return worst === 0 ? 0 : worst / largest;
}

/** max |got - want| / |want|, element by element. */
export function maxRel(got: Numbers, want: Numbers): number {
  let worst = 0;
  for (let i = 0; i < want.length; i++) {
    const error = difference(got[i], want[i]);
    if (error !== 0) worst = Math.max(worst, error / Math.abs(Number(want[i])));
  }
  return worst;
}

function difference(got: number | bigint | undefined, want: number | bigint | undefined): number {
  if (got === want) return 0;
  const error = Math.abs(Number(got) - Number(want));
  if (!Number.isNaN(error)) return error;
  return Number.isNaN(Number(got)) && Number.isNaN(Number(want)) && got !== undefined ? 0 : Number.POSITIVE_INFINITY;
}

/** Compares by `measure` and fails when the shapes (where both are known) or the lengths differ. */
export function compare(
  name: string,
  got: Compared,
  want: Compared | GoldenTensor,
  tolerance: number,
  measure: (got: Numbers, want: Numbers) => number = maxAbs,
): CaseResult {
  const kind = measure === maxAbs ? 'abs' : 'rel';
  if (got.shape && want.shape && String(got.shape) !== String(want.shape)) {
    return failed(name, `shape [${got.shape}] instead of [${want.shape}]`);
  }
  if (got.data.length !== want.data.length) return failed(name, `${got.data.length} values, not ${want.data.length}`);
  const error = measure(got.data, want.data);
  return { name, status: error <= tolerance ? 'pass' : 'fail', error, tolerance, measure: kind };
}

/** Integers, tokens, bytes: every value the same. */
export function compareExact(name: string, got: Compared, want: Compared): CaseResult {
  return { ...compare(name, got, want, 0), measure: 'exact' };
}

/** Text, lists, objects: equal as JSON. */
export function compareJson(name: string, got: unknown, want: unknown): CaseResult {
  const [a, b] = [JSON.stringify(got), JSON.stringify(want)];
  if (a === b) return { name, status: 'pass', error: 0, tolerance: 0, measure: 'exact' };
  return failed(name, `got ${brief(a)}, expected ${brief(b)}`);
}

export function failed(name: string, note: string): CaseResult {
  return { name, status: 'fail', note };
}

export function skipped(name: string, note = 'not implemented'): CaseResult {
  return { name, status: 'skip', note };
}

function brief(text: string | undefined): string {
  return text && text.length > 160 ? `${text.slice(0, 160)}...` : String(text);
}
