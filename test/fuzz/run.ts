import { fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Batch, Report } from './child';
import { inputsOf } from './target';
import { TARGETS, targetOf } from './targets';

/** A case may not make its process larger, in bytes: Node.js, what reads TypeScript, and the reader together. */
export const MOST_BYTES = 512 << 20;
/** Of JavaScript alone, so that what grows there ends with V8's own words. */
const MOST_HEAP_MIB = 384;
/** A case that does not come to an end is stopped after so many seconds: more than it may take, since the machine may be busy. */
const PATIENCE = 5;
/** Seconds in which a process must have begun with its first case. */
const STARTING = 60;
const WATCH_MILLISECONDS = 100;
/** Of a target; they are probably one mistake. */
const MOST_FAILURES = 5;

export interface Failure {
  readonly target: string;
  readonly index: number;
  readonly reason: string;
  /** Where the input is. */
  readonly file: string;
}

export interface TargetResult {
  readonly target: string;
  readonly accepted: number;
  readonly refused: number;
  readonly seconds: number;
  readonly failures: readonly Failure[];
  /** Failures that did not come again when the case was run alone: a busy machine, or memory that grew over many cases. */
  readonly unconfirmed: number;
}

export interface FuzzOptions {
  readonly seed: string;
  /** Of all targets together. */
  readonly cases: number;
  /** Of all targets together; no limit by default. */
  readonly seconds?: number;
  /** Names; all by default. */
  readonly targets?: readonly string[];
  /** Where inputs that fail are written. */
  readonly folder: string;
  /** Seconds after which a case that has not ended is stopped. @default 5 */
  readonly patience?: number;
  readonly report?: (result: TargetResult) => void;
}

/** Runs random inputs through the readers of what comes from strangers, each target in a process of its own. */
export async function fuzz(options: FuzzOptions): Promise<TargetResult[]> {
  const targets = options.targets?.map(targetOf) ?? TARGETS;
  const shares = targets.reduce((sum, { share }) => sum + share, 0);
  const results: TargetResult[] = [];
  for (const { name, share } of targets) {
    const cases = Math.max(1, Math.round((options.cases * share) / shares));
    const until = options.seconds ? Date.now() + (options.seconds * 1000) / targets.length : Number.MAX_SAFE_INTEGER;
    const result = await fuzzTarget(name, cases, until, options);
    options.report?.(result);
    results.push(result);
  }
  return results;
}

async function fuzzTarget(target: string, cases: number, until: number, options: FuzzOptions): Promise<TargetResult> {
  const begin = performance.now();
  const failures: Failure[] = [];
  let unconfirmed = 0;
  let [accepted, refused] = [0, 0];
  for (let from = 0; from < cases && Date.now() < until && failures.length < MOST_FAILURES; ) {
    const ended = await runChild(
      { target, seed: options.seed, from, to: cases, until, mostFailures: MOST_FAILURES },
      options.patience,
    );
    accepted += ended.accepted;
    refused += ended.refused;
    for (const { index, reason } of ended.failures) {
      const file = await keep(target, index, options);
      if ((await replay(target, file, options.patience)) !== undefined) failures.push({ target, index, reason, file });
      else {
        unconfirmed++;
        rmSync(file);
      }
    }
    from = ended.next;
  }
  return { target, accepted, refused, seconds: (performance.now() - begin) / 1000, failures, unconfirmed };
}

/** Runs one input of a file, as in a batch. Its failure, or undefined. */
export async function replay(target: string, file: string, patience?: number): Promise<string | undefined> {
  const batch = {
    ...{ target, seed: '', from: 0, to: 1, until: Number.MAX_SAFE_INTEGER, mostFailures: 1 },
    replay: path.resolve(file),
  };
  const { failures } = await runChild(batch, patience);
  return failures[0]?.reason;
}

async function keep(target: string, index: number, { seed, folder }: FuzzOptions): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, `${target}@${seed}@${index}.bin`);
  writeFileSync(file, (await inputsOf(targetOf(target), seed))(index));
  return file;
}

interface Ended {
  readonly accepted: number;
  readonly refused: number;
  readonly failures: readonly { readonly index: number; readonly reason: string }[];
  /** The first case that did not run. */
  readonly next: number;
}

/** Runs cases in a process until it ends, whatever ends it. */
async function runChild(batch: Omit<Batch, 'heartbeat' | 'mostBytes'>, patience = PATIENCE): Promise<Ended> {
  const folder = mkdtempSync(path.join(tmpdir(), 'diffbir-fuzz-'));
  const heartbeat = path.join(folder, 'heartbeat');
  writeFileSync(heartbeat, Float64Array.of(batch.from - 1, 0));
  const argument: Batch = { ...batch, heartbeat, mostBytes: MOST_BYTES };
  const child = fork(path.join(import.meta.dirname, 'child.ts'), [JSON.stringify(argument)], {
    execArgv: ['--import', 'tsx', '--expose-gc', `--max-old-space-size=${MOST_HEAP_MIB}`],
    env: { ...process.env, TMPDIR: folder, NODE_OPTIONS: '', VITEST: '' },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const failures: { index: number; reason: string }[] = [];
  let done: Extract<Report, { kind: 'done' }> | undefined;
  let words = '';
  child.stderr?.on('data', (chunk) => {
    words = `${words}${chunk}`.slice(-2000);
  });
  child.on('message', (message: Report) => {
    if (message.kind === 'failure') failures.push(message);
    else done = message;
  });
  const running = () => readFileSync(heartbeat).readDoubleLE(0);
  let killed: string | undefined;
  const mostSeconds = (index: number) => (index < batch.from ? STARTING : patience);
  const watch = watchChild(child.pid as number, mostSeconds, running, (reason) => {
    killed = reason;
    child.kill('SIGKILL');
  });
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.once('close', (...ended) => resolve(ended));
  });
  clearInterval(watch);
  const last = running();
  const accepted = readFileSync(heartbeat).readDoubleLE(8);
  rmSync(folder, { recursive: true, force: true });
  if (done) return { ...done, failures, next: Math.max(last + 1, batch.from + 1) };
  if (last < batch.from) throw new Error(`The process of target ${batch.target} did not start: ${words}`);
  failures.push({ index: last, reason: killed ?? `the process ended with ${signal ?? `exit code ${code}`}\n${words}` });
  return { accepted, refused: last - batch.from + 1 - accepted - failures.length, failures, next: last + 1 };
}

/** Looks now and then whether the same case still runs, and how large the process is. */
function watchChild(
  pid: number,
  mostSeconds: (index: number) => number,
  running: () => number,
  kill: (reason: string) => void,
): NodeJS.Timeout {
  let seen = { index: Number.NaN, since: performance.now() };
  return setInterval(() => {
    const index = running();
    if (index !== seen.index) seen = { index, since: performance.now() };
    const seconds = (performance.now() - seen.since) / 1000;
    if (seconds > mostSeconds(index)) kill(`had not ended after ${seconds.toFixed(1)} s`);
    const bytes = residentBytes(pid);
    if (bytes > MOST_BYTES) kill(`took ${(bytes / 2 ** 20).toFixed(0)} MiB of memory`);
  }, WATCH_MILLISECONDS);
}

/** 0 where the system does not tell. */
function residentBytes(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    return Number(/VmRSS:\s*(\d+)/.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
