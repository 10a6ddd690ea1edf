/**
 * Runs cases one after the other in a process that its parent (run.ts) watches and may have to kill. Arguments: a Batch as
 * JSON. Writes the number of the case that it is about to run, and how many were accepted, into a file, where the parent sees it
 * whatever happens here.
 */
import { openSync, readFileSync, writeSync } from 'node:fs';
import { inputsOf, judge } from './target';
import { targetOf } from './targets';

export interface Batch {
  readonly target: string;
  readonly seed: string;
  /** Numbers of the first case and of the one behind the last. */
  readonly from: number;
  readonly to: number;
  /** Stop behind the case that is running then, in milliseconds since 1970. */
  readonly until: number;
  /** Where the number of the case and of those accepted go, as doubles. */
  readonly heartbeat: string;
  /** Run this file alone. */
  readonly replay?: string;
  readonly mostBytes: number;
  /** Stop behind so many. */
  readonly mostFailures: number;
}

/** What the parent is told. */
export type Report =
  | { readonly kind: 'failure'; readonly index: number; readonly reason: string }
  | { readonly kind: 'done'; readonly accepted: number; readonly refused: number };

const batch = JSON.parse(process.argv[2] as string) as Batch;
const report = (message: Report) =>
  new Promise<void>((sent) => process.send?.(message, undefined, undefined, () => sent()));

const target = targetOf(batch.target);
const input = batch.replay ? () => readFileSync(batch.replay as string) : await inputsOf(target, batch.seed);
const heartbeat = openSync(batch.heartbeat, 'r+');
const counts = { accepted: 0, refused: 0 };
let failures = 0;
for (let index = batch.from; index < batch.to && failures < batch.mostFailures && Date.now() < batch.until; index++) {
  const data = input(index);
  writeSync(heartbeat, Float64Array.of(index, counts.accepted), 0, 16, 0);
  const outcome = await judge(target, data);
  if (outcome.kind === 'failure') {
    failures++;
    await report({ kind: 'failure', index, reason: outcome.reason });
  } else counts[outcome.kind]++;
  // The peak counts, and it stays: another process goes on behind the case.
  const peak = process.resourceUsage().maxRSS * 1024;
  if (peak > batch.mostBytes) {
    await report({ kind: 'failure', index, reason: `took ${(peak / 2 ** 20).toFixed(0)} MiB of memory` });
    break;
  }
}
await report({ kind: 'done', ...counts });
process.exit();
