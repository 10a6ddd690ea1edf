import { sum } from '../statistics';
import { percent } from '../table';
import type { Measured } from './measure';
import { SIDE } from './plan';

export interface Result {
  readonly group: string;
  readonly name: string;
  readonly measured: Measured | undefined;
  readonly error: string | undefined;
  /** Most that was taken of the device's memory; undefined where nobody looked. */
  readonly bytes: number | undefined;
}

const MIB = 2 ** 20;
/** `2048 x 2048, 10 steps, 49 tiles, float16, CUDA graphs` and a space. */
const TITLE = 54;
/** Characters of an error: it is one line of a table. */
const ERROR = 300;

/** Without the kind of the group, which the name tells. */
function titleOf(group: string, name: string): string {
  return [name, ...group.split(', ').slice(1)].join(', ');
}

function row(name: string, ...cells: readonly string[]): string {
  return (name.padEnd(TITLE) + cells.map((cell) => cell.padStart(10)).join('')).trimEnd();
}

export const HEAD = row('', 'best ms', 'median ms', 'runs', 'TFLOP', 'TFLOP/s', 'of peak', 'MiB', 'first s', 'load s');

export const LEGEND = `A network has pictures x prompts of ${SIDE} pixels a side, where it does not say others. TFLOP/s and share of the peak (NVIDIA's, dense
float16, for float32 too) are those of the best run. MiB: most that was taken of the card's memory, CUDA's own included.
First: the first run, not among the others. Load: before it.`;

/** `peak` in TFLOP/s: of the best run, in float32 as well. */
export function rowOf({ group, name, measured, error, bytes }: Result, peak: number | undefined): string {
  const title = titleOf(group, name);
  if (!measured) return `${title}: FAILED: ${error?.replaceAll(/\s+/g, ' ').slice(0, ERROR)}`;
  const rate = measured.tflop / measured.best;
  return row(
    title,
    ...[measured.best, measured.median].map((seconds) => (1000 * seconds).toFixed(2)),
    String(measured.runs),
    measured.tflop.toFixed(2),
    rate.toFixed(1),
    peak === undefined ? '' : percent(rate / peak),
    bytes === undefined ? '' : (bytes / MIB).toFixed(0),
    ...[measured.first, measured.load].map((seconds) => seconds.toFixed(1)),
  );
}

/** A line for a picture. */
export function stagesOf({ group, name, measured }: Result): string[] {
  if (!measured?.stages) return [];
  const times = Object.entries(measured.stages).map(([stage, seconds]) => `${stage} ${(1000 * seconds).toFixed(1)}`);
  return [`${titleOf(group, name).padEnd(TITLE)}  ${times.join('  ')}`];
}

/** The operators of a network that was profiled; what is left is ONNX Runtime's own time between them. */
export function profileOf({ group, name, measured }: Result): string[] {
  if (!measured?.profile) return [];
  const { seconds, operators } = measured.profile;
  const between = seconds - sum(operators.map((operator) => operator.seconds));
  const line = (type: string, time: number, calls: string) =>
    row(type, (1000 * time).toFixed(3), percent(time / seconds), calls);
  return [
    row(titleOf(group, name), 'ms', 'share', 'calls'),
    ...operators.map((operator) => line(operator.type, operator.seconds, String(operator.calls))),
    line('(between operators)', between, ''),
  ];
}
