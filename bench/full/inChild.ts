import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { RestoreOptions } from '../../src/options/RestoreOptions';
import { type Memory, PeakMemory } from '../memory';
import type { PictureRun } from '../picture';
import type { LayerRate } from './layers';
import type { NetworkTask, NetworkTimes } from './networks';
import type { Profile } from './profile';

/** What a child can be asked for, and what it answers. */
interface Tasks {
  layers: { task: { threads: number }; result: readonly LayerRate[] };
  network: { task: { network: NetworkTask; threads: number; runs: number }; result: NetworkTimes };
  profile: { task: { network: NetworkTask; threads: number; runs: number; prefix: string }; result: Profile };
  picture: { task: { options: RestoreOptions; size: number }; result: PictureRun };
}

export type Task = { [Kind in keyof Tasks]: { kind: Kind } & Tasks[Kind]['task'] }[keyof Tasks];

export type Message = { readonly isLoaded: true } | { readonly result: unknown };

/** Rare enough that looking takes none of the time that is measured. */
const SAMPLE_MS = 20;

/**
 * Does something in a fresh process, whose memory is its own, and looks at that memory from outside, since native code keeps
 * the child busy. `peak`: since its networks were loaded, where it says so.
 */
export async function inChild<Kind extends keyof Tasks>(
  kind: Kind,
  task: Tasks[Kind]['task'],
): Promise<{ result: Tasks[Kind]['result']; peak: Memory }> {
  const child = fork(path.join(import.meta.dirname, 'child.ts'), { execArgv: ['--import', 'tsx'] });
  const memory = new PeakMemory(child.pid as number, SAMPLE_MS);
  let answer: { result: Tasks[Kind]['result']; peak: Memory } | undefined;
  child.on('message', (message: Message) => {
    const peak = memory.take();
    if ('result' in message) answer = { result: message.result as Tasks[Kind]['result'], peak };
  });
  child.send({ kind, ...task });
  try {
    // Its last message may come after its end, but not after that of the channel.
    const [[code]] = await Promise.all([once(child, 'exit'), once(child, 'disconnect')]);
    if (!answer) throw new Error(`The process that measured ${kind} ended with code ${code}`);
    return answer;
  } finally {
    memory.stop();
  }
}
