import { percent } from '../table';
import type { Measured } from './measure';

export interface Result {
  readonly group: string;
  readonly name: string;
  readonly measured: Measured | undefined;
  readonly error: string | undefined;
  /** Most that was taken of the device's memory. */
  readonly bytes: number;
}

const MIB = 2 ** 20;

/** Without the kind of the group, which the name tells. */
function titleOf(group: string, name: string): string {
  return [name, ...group.split(', ').slice(1)].join(', ');
}

function row(name: string, ...cells: readonly string[]): string {
  return (name.padEnd(48) + cells.map((cell) => cell.padStart(10)).join('')).trimEnd();
}

export const HEAD = row('', 'best s', 'median s', 'runs', 'TFLOP', 'TFLOP/s', 'of peak', 'MiB', 'load s');

/** `peak` in TFLOP/s: of the best run, in float32 as well. */
export function rowOf({ group, name, measured, error, bytes }: Result, peak: number | undefined): string {
  const title = titleOf(group, name);
  if (!measured) return `${title}: FAILED: ${error}`;
  const rate = measured.tflop / measured.best;
  return row(
    title,
    ...[measured.best, measured.median].map((seconds) => seconds.toFixed(4)),
    String(measured.runs),
    measured.tflop.toFixed(2),
    rate.toFixed(1),
    peak === undefined ? '' : percent(rate / peak),
    (bytes / MIB).toFixed(0),
    measured.load.toFixed(1),
  );
}

/** A line for a picture. */
export function stagesOf({ group, name, measured }: Result): string[] {
  if (!measured?.stages) return [];
  const times = Object.entries(measured.stages).map(([stage, seconds]) => `${stage} ${seconds.toFixed(4)}`);
  return [`${titleOf(group, name).padEnd(48)}  ${times.join('  ')}`];
}
