import type { RestoreProgress } from '../options/values';

/** What of a process the command line uses; tests give another. */
export interface Terminal {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown; isTTY?: boolean; columns?: number };
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Tells a person how far the work is. All on stderr: stdout has the results alone. */
export interface Reporter {
  progress(label: string, progress: RestoreProgress): void;
  /** How full the bar is, 0 to 1, and what stands behind it. */
  bar(fraction: number, text: string): void;
  /** Whether anybody sees the bar. */
  readonly hasBar: boolean;
  /** A line that stays. */
  line(text: string): void;
  /** Takes away what does not stay. */
  clear(): void;
}

const BAR = 24;
/** A bar that moves more often costs more than it tells. */
const INTERVAL = 80;

/** A bar on a terminal; lines alone elsewhere, in CI and on a dumb terminal; `quiet`: errors alone. */
export function createReporter({ stderr, env }: Terminal, quiet: boolean): Reporter {
  const line = (text: string) => void stderr.write(`${text}\n`);
  const hasBar = stderr.isTTY === true && !env.CI && env.TERM !== 'dumb';
  if (quiet || !hasBar) return { progress() {}, bar() {}, hasBar: false, line, clear() {} };

  const paint = env.NO_COLOR ? (text: string) => text : (text: string) => `\x1b[36m${text}\x1b[39m`;
  let shown = 0;
  const clear = () => void stderr.write('\r\x1b[K');
  const bar = (fraction: number, words: string) => {
    const now = performance.now();
    if (now - shown < INTERVAL && fraction < 1) return;
    shown = now;
    const filled = Math.round(fraction * BAR);
    const text = ` ${String(Math.floor(fraction * 100)).padStart(3)} %  ${words}`;
    const room = Math.max((stderr.columns ?? 80) - BAR - 3, 0);
    stderr.write(`\r${paint('━'.repeat(filled))}${'─'.repeat(BAR - filled)}${text.slice(0, room)}\x1b[K`);
  };
  return {
    progress: (label, { stage, step, steps, fraction, text }) =>
      stage === 'download'
        ? bar(step / steps, `${step} of ${steps} MiB downloaded`)
        : bar(fraction, `${stage} ${step}/${steps}  ${text ?? label}`),
    bar,
    hasBar: true,
    line(text) {
      clear();
      line(text);
    },
    clear,
  };
}
