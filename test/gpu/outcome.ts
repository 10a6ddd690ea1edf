/** What a check found. */
export interface Outcome {
  readonly status: 'pass' | 'FAIL' | 'skip';
  /** What was measured, and what is allowed. */
  readonly measured?: string;
  readonly allowed?: string;
  readonly note?: string;
}

/** An error that may be as large as `tolerance`; NaN is too large. */
export function atMost(error: number, tolerance: number, note?: string): Outcome {
  const status = error <= tolerance ? 'pass' : 'FAIL';
  return { status, measured: error.toExponential(1), allowed: `<= ${tolerance.toExponential(1)}`, ...said(note) };
}

/** A ratio of signal to noise that must be as large as `least`. */
export function atLeast(decibels: number, least: number, note?: string): Outcome {
  const status = decibels >= least ? 'pass' : 'FAIL';
  const measured = decibels === Number.POSITIVE_INFINITY ? 'identical' : `${decibels.toFixed(1)} dB`;
  return { status, measured, allowed: `>= ${least} dB`, ...said(note) };
}

export function verdict(isRight: boolean, note: string): Outcome {
  return { status: isRight ? 'pass' : 'FAIL', note };
}

export function skipped(note: string): Outcome {
  return { status: 'skip', note };
}

function said(note: string | undefined) {
  return note === undefined ? {} : { note };
}
