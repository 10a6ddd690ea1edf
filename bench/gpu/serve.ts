/** The child's side of worker.ts. */
import { collectGarbage } from '../collectGarbage';
import type { Message, Settings, Task } from './worker';

export interface Item<T> {
  readonly name: string;
  readonly run: () => T | Promise<T>;
}

/** Exit code after an item that threw: nobody knows what state CUDA is in, so the others get a new process. */
const SPOILT = 3;

/** Waits for the task, and does the items that are not done yet. */
export function serve<T>(itemsOf: (group: string, settings: Settings) => Promise<readonly Item<T>[]>): void {
  endInOrder();
  process.once('message', async ({ group, done, settings }: Task) => {
    const { only = '' } = settings;
    const all = await attempt('start', () => itemsOf(group, settings));
    const items = all.filter(({ name }) => name.includes(only));
    await send<T>({ kind: 'items', names: items.map(({ name }) => name) });
    for (const { name, run } of items) {
      if (done.includes(name)) continue;
      await send<T>({ kind: 'begin', name });
      const result = await attempt(name, run);
      await collectGarbage(); // a network lives as long as its handle
      await send<T>({ kind: 'end', name, result });
    }
    await send<T>({ kind: 'done' });
    // Not by itself: what is left over must not keep it.
    process.exit(0);
  });
}

/**
 * Exit cancels jobs and waits for them: a process that dies with work on the GPU may be kept by its driver. Not on SIGINT,
 * which a terminal sends to all: worker.ts ends this process.
 */
function endInOrder(): void {
  process.on('SIGTERM', () => process.exit(SPOILT));
  process.on('disconnect', () => process.exit(SPOILT));
  process.on('SIGINT', () => {});
}

/** What throws is the item's answer, and the end of the process. */
async function attempt<R>(name: string, run: () => R | Promise<R>): Promise<R> {
  try {
    return await run();
  } catch (error) {
    await send({ kind: 'end', name, error: inWords(error) });
    process.exit(SPOILT);
  }
}

function inWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { code?: string };
  return `${code ? `${code}: ` : ''}${error.message}`;
}

function send<T>(message: Message<T>): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, undefined, undefined, (error: Error | null) => (error ? reject(error) : resolve()));
  });
}
