// Runs the programs in `fixtures/`: what ends a process cannot be tested inside the test's own.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import { nativeFiles } from '../../src/native/loadBinding';
import { goldenSpec, jobOf } from './model';

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

const folder = mkdtempSync(path.join(tmpdir(), 'diffbir-lifecycle-'));
afterAll(() => rmSync(folder, { recursive: true }));

const input = path.join(folder, 'input.json');
const { addon, runtime } = nativeFiles();
const job = { ...jobOf({ stage: 2 }), seed: 231 };
writeFileSync(input, JSON.stringify({ addon, runtime, spec: await goldenSpec({ stage: 2 }), job }));

interface FixtureOptions {
  readonly nodeOptions?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly whenRunning?: (pid: number) => void;
}

/** Runs `fixtures/<name>.mjs` to its end; `whenRunning` is called once, at its first output. */
export function runFixture(
  name: string,
  args: readonly string[] = [],
  { nodeOptions = [], env = process.env, whenRunning }: FixtureOptions = {},
): Promise<Ended> {
  const file = fileURLToPath(new URL(`./fixtures/${name}.mjs`, import.meta.url));
  const child = spawn(process.execPath, [...nodeOptions, file, ...args], {
    env: { ...env, NODE_OPTIONS: '', DIFFBIR_FIXTURE: input },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: Number(process.env.DIFFBIR_FIXTURE_TIMEOUT ?? 30_000), // sanitizers make everything slow
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.once('data', () => whenRunning?.(child.pid as number));
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
