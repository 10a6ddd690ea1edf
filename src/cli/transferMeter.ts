import type { PullProgress } from '../hub/pullWeights';
import type { Reporter } from './reporter';

/** The rate is that of the last so many milliseconds: it follows the line, and does not flicker. */
const WINDOW = 5000;
/** Where there is no bar, a line comes after so many milliseconds. */
const LINES = 10_000;

/**
 * Tells a person how a download goes, with rate and time left: a bar on a terminal, a line now and then elsewhere.
 * @param now a clock in milliseconds
 */
export function createTransferMeter(
  reporter: Reporter,
  isQuiet: boolean,
  now: () => number = () => performance.now(),
): (progress: PullProgress) => void {
  const marks: { at: number; received: number }[] = [];
  let lineAt: number | undefined;
  return ({ file, received, total }) => {
    if (isQuiet) return;
    const at = now();
    const last = marks.at(-1);
    if (!last || at - last.at >= 100) marks.push({ at, received });
    while (marks.length > 2 && at - (marks[0] as (typeof marks)[0]).at > WINDOW) marks.shift();
    const first = marks[0] ?? { at, received };
    const rate = at > first.at ? (1000 * (received - first.received)) / (at - first.at) : 0;
    const left = rate > 0 ? `, ${timeText((total - received) / rate)} left` : '';
    const text = `${sizeText(received)} of ${sizeText(total)}${rate > 0 ? `, ${sizeText(rate)}/s` : ''}${left}  ${file}`;
    if (reporter.hasBar) return reporter.bar(received / total, text);
    lineAt ??= at;
    if (at - lineAt < LINES) return;
    lineAt = at;
    reporter.line(text);
  };
}

/** Bytes to three digits, in the decimal units of disks and hubs: `5.21 GB`. */
export function sizeText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  let value = bytes;
  for (; value >= 999.5 && unit < units.length - 1; unit++) value /= 1000;
  return `${unit === 0 ? Math.round(value) : value.toPrecision(3)} ${units[unit]}`;
}

/** Seconds as `45 s`, `3 min 20 s` or `2 h 5 min`. */
export function timeText(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
