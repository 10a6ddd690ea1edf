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
  process.once('message', async ({ group, done, settings }: Task) => {
    const { only = '' } = settings;
    const all = await itemsOf(group, settings);
    const items = all.filter(({ name }) => name.includes(only));
    await send<T>({ kind: 'items', names: items.map(({ name }) => name) });
    for (const { name, run } of items) {
      if (done.includes(name)) continue;
      await send<T>({ kind: 'begin', name });
      try {
        const result = await run();
        await collectGarbage(); // a network lives as long as its handle
        await send<T>({ kind: 'end', name, result });
      } catch (error) {
        await send<T>({ kind: 'end', name, error: inWords(error) });
        process.exit(SPOILT);
      }
    }
    await send<T>({ kind: 'done' });
    // Not by itself: what is left over must not keep it.
    process.exit(0);
  });
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
