/**
 * Items of work in a process of their own, one after the other. What crashes, hangs or leaves CUDA broken costs one item:
 * the process is started again for those that are left.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';

/** What a child is asked for. */
export interface Task {
  /** Which items, as the child knows them. */
  readonly group: string;
  /** Names of items that are done. */
  readonly done: readonly string[];
  /** As the command was given. */
  readonly settings: Settings;
}

export interface Settings {
  readonly device: string;
  readonly model?: string | undefined;
  /** Part of the names of the items that are wanted. */
  readonly only?: string | undefined;
  readonly isQuick?: boolean;
}

export type Message<T> =
  | { readonly kind: 'items'; readonly names: readonly string[] }
  | { readonly kind: 'begin'; readonly name: string }
  | { readonly kind: 'end'; readonly name: string; readonly result?: T; readonly error?: string }
  | { readonly kind: 'done' };

export interface Answer<T> {
  readonly group: string;
  readonly name: string;
  readonly result?: T | undefined;
  /** Why there is no result. */
  readonly error?: string | undefined;
  readonly seconds: number;
}

export interface Hooks<T> {
  /** performance.now() at which everything has to be over. */
  readonly deadline: number;
  /** Seconds that one item may take. */
  readonly patience?: number;
  /** Variables of the child's environment, beside those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly onBegin?: (name: string) => void;
  readonly onAnswer: (answer: Answer<T>) => void;
}

export const NO_TIME = 'no time was left';
const PATIENCE = 120;

/** Asks `child` (a module that calls `serve`) for the items of a group. Never rejects for what an item did. */
export async function runGroup<T>(child: string, group: string, settings: Settings, hooks: Hooks<T>): Promise<void> {
  const done: string[] = [];
  while (await runOnce(child, { group, done, settings }, hooks, done)) {}
}

/** Runs one process to its end. Whether there are items left for another. */
async function runOnce<T>(file: string, task: Task, hooks: Hooks<T>, done: string[]): Promise<boolean> {
  const child = fork(file, {
    execArgv: ['--import', 'tsx'],
    env: { ...process.env, ...hooks.env },
    // What libraries print must not come into a table.
    stdio: ['ignore', process.stderr, process.stderr, 'ipc'],
  });
  const { group } = task;
  const before = done.length;
  let names: readonly string[] = [];
  let begun: string | undefined;
  let isOver = false;
  let killed: string | undefined;
  let since = performance.now();
  const answer = (name: string, rest: { result?: T | undefined; error?: string | undefined }) => {
    done.push(name);
    begun = undefined;
    hooks.onAnswer({ group, name, ...rest, seconds: (performance.now() - since) / 1000 });
  };
  const killAfter = (milliseconds: number, reason: string) =>
    setTimeout(
      () => {
        killed = reason;
        child.kill('SIGKILL');
      },
      Math.max(0, milliseconds),
    );
  const deadline = killAfter(hooks.deadline - performance.now(), NO_TIME);
  const { patience = PATIENCE } = hooks;
  const tooLong = `it took more than ${patience} s`;
  let hang = killAfter(1000 * patience, tooLong);
  child.on('message', (message: Message<T>) => {
    clearTimeout(hang);
    hang = killAfter(1000 * patience, tooLong);
    if (message.kind === 'items') names = message.names;
    if (message.kind === 'begin') {
      begun = message.name;
      since = performance.now();
      hooks.onBegin?.(begun);
    }
    if (message.kind === 'end') answer(message.name, message);
    if (message.kind === 'done') isOver = true;
  });
  child.send(task, () => {}); // a child that is gone by then is heard of below
  const [[code, signal]] = await Promise.all([once(child, 'exit'), once(child, 'disconnect')]);
  clearTimeout(deadline);
  clearTimeout(hang);
  if (isOver) return false;
  const left = () => names.filter((name) => !done.includes(name));
  const reason = killed ?? `the process ended with ${signal ?? `exit code ${code}`}`;
  if (begun !== undefined) answer(begun, { error: reason });
  // Else it would end so again.
  else if (done.length === before) answer(left()[0] ?? 'start', { error: reason });
  if (killed !== NO_TIME) return left().length > 0;
  for (const name of left()) answer(name, { error: NO_TIME });
  return false;
}
