/** Starts the examples as their readers do: `node FILE`, with what the environment configures. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

const EXAMPLES = path.join(import.meta.dirname, '..', '..', 'examples');

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Program {
  readonly child: ChildProcess;
  /** What it has printed so far, stdout and stderr together. */
  readonly printed: () => string;
  readonly ended: Promise<Ended>;
  /** Resolves with the match once it has printed this. Rejects when it ends before. */
  prints(pattern: RegExp): Promise<RegExpMatchArray>;
  /** Kills it where it still runs. */
  stop(): Promise<void>;
}

/** @param file inside `examples/` */
export function start(file: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Program {
  const child = spawn(process.execPath, [path.join(EXAMPLES, file), ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      text += chunk;
      child.emit('printed');
    });
  }
  const ended = once(child, 'close').then(([code, signal]): Ended => ({ code, signal }));
  return {
    child,
    printed: () => text,
    ended,
    async prints(pattern) {
      for (;;) {
        const match = text.match(pattern);
        if (match) return match;
        const isOver = await Promise.race([once(child, 'printed').then(() => false), ended.then(() => true)]);
        if (isOver && !pattern.test(text)) throw new Error(`${file} ended without printing ${pattern}:\n${text}`);
      }
    },
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** Resolves when the condition holds. Rejects after 30 s. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 30_000; !(await condition()); ) {
    if (Date.now() > end) throw new Error('it took too long');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
