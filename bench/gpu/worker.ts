/**
 * Items of work in a process of their own, one after the other. What crashes, hangs or leaves CUDA broken costs one item:
 * the process is started again for those that are left.
 */
import { ENDED_WELL, OwnProcess } from './childProcess';

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
  /** Whether that is for want of time alone. */
  readonly isLeftOut?: boolean;
  readonly seconds: number;
}

export interface Hooks<T> {
  /** Aborted when everything has to be over, for a reason in words. */
  readonly over: AbortSignal;
  /** Seconds that one item may take. */
  readonly patience?: number;
  /** Variables of the child's environment, beside those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly onBegin?: (name: string) => void;
  readonly onAnswer: (answer: Answer<T>) => void;
}

const PATIENCE = 120;
/** Seconds until a process knows its items. */
const START = 60;
/** Seconds for the end of a process that has nothing to do any more: CUDA gives back what it has. */
const EXIT = 10;
/** Stands for the items of a group that nobody knows yet. */
export const ALL = 'all';

/** Asks `child` (a module that calls `serve`) for the items of a group. Never rejects for what an item did. */
export async function runGroup<T>(child: string, group: string, settings: Settings, hooks: Hooks<T>): Promise<void> {
  const done: string[] = [];
  while (await runOnce(child, { group, done, settings }, hooks, done)) {}
}

/** Runs one process to its end. Whether there are items left for another. */
async function runOnce<T>(file: string, task: Task, hooks: Hooks<T>, done: string[]): Promise<boolean> {
  const { group } = task;
  const { over, patience = PATIENCE } = hooks;
  const before = done.length;
  let names: readonly string[] | undefined;
  let begun: string | undefined;
  let isOver = false;
  let since = performance.now();
  const answer = (name: string, rest: Pick<Answer<T>, 'result' | 'error' | 'isLeftOut'>) => {
    done.push(name);
    begun = undefined;
    hooks.onAnswer({ group, name, ...rest, seconds: (performance.now() - since) / 1000 });
  };

  const child = new OwnProcess<Message<T>>(file, [], hooks.env);
  let stopped: string | undefined;
  const stop = (reason: string) => {
    stopped ??= reason;
    child.end();
  };
  const onOver = () => stop(over.reason);
  over.addEventListener('abort', onOver);
  const stopAfter = (seconds: number) => setTimeout(stop, 1000 * seconds, `it took more than ${seconds} s`);
  let hang = stopAfter(START);
  child.onMessage((message) => {
    if (message.kind === 'items') names = message.names;
    if (message.kind === 'begin') {
      begun = message.name;
      since = performance.now();
      hooks.onBegin?.(begun);
    }
    if (message.kind === 'end') answer(message.name, { result: message.result, error: message.error });
    if (message.kind === 'done') isOver = true;
    const isLast = message.kind === 'done' || (message.kind === 'end' && message.error !== undefined);
    clearTimeout(hang);
    hang = stopAfter(isLast ? EXIT : patience);
  });
  child.send(task);
  const how = await child.ended;
  clearTimeout(hang);
  over.removeEventListener('abort', onOver);

  const error = stopped === undefined ? how : `${stopped}; ${how}`;
  if (isOver) {
    if (how !== ENDED_WELL && !over.aborted) answer('end', { error });
    return false;
  }
  const left = () => names?.filter((name) => !done.includes(name)) ?? [];
  if (over.aborted) {
    since = performance.now();
    for (const name of names ? left() : [ALL]) answer(name, { error: over.reason, isLeftOut: true });
    return false;
  }
  if (begun !== undefined) answer(begun, { error });
  // Else it would end so again.
  else if (done.length === before) answer(left()[0] ?? 'start', { error });
  return left().length > 0;
}
