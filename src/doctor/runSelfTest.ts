import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { type SelfTestEvent, type SelfTestSteps, STEPS, type Step } from './selfTest';

/** What became of the self-test. */
export interface SelfTestResult {
  readonly ok: boolean;
  /** What the steps found that were done. */
  readonly found: Partial<SelfTestSteps>;
  readonly failure: SelfTestFailure | undefined;
}

export interface SelfTestFailure {
  /** The step that was not done. */
  readonly step: Step | undefined;
  /** In words, with the signal's name and the exit code where the child was ended by one. */
  readonly message: string;
  /** Of an error of this package. */
  readonly code?: string;
  /** The last of what the child printed beside its reports. */
  readonly printed: string;
}

/** What a child is doing in a step, to complete "while it ...". */
const DOING: Readonly<Record<Step, string>> = {
  load: 'opened the addon and ONNX Runtime',
  devices: 'asked for GPUs',
  model: 'loaded the embedded model',
  restore: 'restored a picture',
};

/** What is kept of a child that prints without end, and how long a line of it may be. */
const MOST_PRINTED = 2000;
const MOST_LINE = 2 ** 20;

/**
 * Runs the self-test in a process of its own, so that a crash there is a message here.
 * @param command program and arguments of the child (cli/selfTest.ts)
 * @param seconds after which the child is killed
 * @param signal kills the child too
 */
export async function runSelfTest(
  command: readonly string[],
  seconds: number,
  signal?: AbortSignal,
): Promise<SelfTestResult> {
  const [program = '', ...args] = command;
  const found: Partial<Record<Step, unknown>> = {};
  let error: Extract<SelfTestEvent, { error: unknown }>['error'] | undefined;
  let printed = '';
  const hear = (line: string) => {
    const event = eventIn(line);
    if (!event) printed = `${printed}${line}\n`.slice(-MOST_PRINTED);
    else if ('error' in event) error = event.error;
    else found[event.step] = event.found;
  };
  const ended = await runChild(program, args, seconds, signal, hear);
  const step = STEPS.find((name) => !(name in found));
  const done = found as Partial<SelfTestSteps>;
  if (step === undefined && ended.code === 0) return { ok: true, found: done, failure: undefined };
  const message = error?.message ?? endInWords(ended, step, seconds);
  const code = error?.code === undefined ? {} : { code: error.code };
  return { ok: false, found: done, failure: { step, message, ...code, printed: printed.trim() } };
}

/** How a child ended. */
interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly isLate: boolean;
  /** Why it did not even start. */
  readonly problem?: string;
}

function runChild(
  program: string,
  args: readonly string[],
  seconds: number,
  signal: AbortSignal | undefined,
  hear: (line: string) => void,
): Promise<End> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true });
    let isLate = false;
    const kill = () => void child.kill('SIGKILL');
    const timer = setTimeout(() => {
      isLate = true;
      kill();
    }, seconds * 1000);
    signal?.addEventListener('abort', kill, { once: true });
    if (signal?.aborted) kill();
    for (const stream of [child.stdout, child.stderr]) readLines(stream, hear);
    const end = (how: Omit<End, 'isLate'>) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', kill);
      resolve({ ...how, isLate });
    };
    child.once('error', ({ message }) => end({ code: null, signal: null, problem: message }));
    child.once('close', (code, by) => end({ code, signal: by }));
  });
}

function readLines(stream: NodeJS.ReadableStream, hear: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = `${rest}${text}`.split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MOST_LINE) lines.push(rest.slice(-MOST_PRINTED));
    if (rest.length > MOST_LINE) rest = '';
    for (const line of lines) hear(line);
  });
  stream.on('end', () => {
    if (rest) hear(rest);
  });
}

/** Libraries print into the same stream. */
function eventIn(line: string): SelfTestEvent | undefined {
  if (!line.startsWith('{"step":')) return undefined;
  try {
    const event = JSON.parse(line) as SelfTestEvent;
    return STEPS.includes(event.step) && ('found' in event || 'error' in event) ? event : undefined;
  } catch {
    return undefined;
  }
}

function endInWords({ code, signal, isLate, problem }: End, step: Step | undefined, seconds: number): string {
  const during = step === undefined ? 'after the last step' : `while it ${DOING[step]}`;
  if (problem !== undefined) return `The child process could not be started: ${problem}`;
  if (isLate) return `The child process was not done within ${seconds} s and was killed, ${during}`;
  if (signal)
    return `The child process was ended by ${signal} (exit code ${128 + constants.signals[signal]}) ${during}`;
  if (code === 0) return `The child process ended without a word ${during}`;
  return `The child process ended with exit code ${exitCode(code)} ${during}`;
}

/** Windows has its exceptions there: 0xC0000005 is an access violation. */
function exitCode(code: number | null): string {
  return code !== null && code > 255 ? `0x${code.toString(16).toUpperCase()}` : `${code}`;
}
