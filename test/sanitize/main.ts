/**
 * `npm run sanitize -- address [DIR] [--no-tests]`: builds the native part with the address and undefined-behaviour
 * sanitizers, and runs with it the golden runner on DIR (test/golden by default), the tests in test/native and
 * test/lifecycle, and stress.mjs, behind which nothing of ours may have leaked.
 * `npm run sanitize -- thread`: the same with the thread sanitizer, and stress.mjs alone.
 * Exit code 1 when something was found, 2 when it could not be looked for. Linux with g++ only.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { ModelSpec } from '../../src/native/binding';
import { nativeFiles } from '../../src/native/loadBinding';
import { goldenSpec, jobOf } from '../lifecycle/model';
import { ownReports, reportsOf, STACK_FORMAT } from './reports';

type Sanitizer = 'address' | 'thread';

const root = path.resolve(import.meta.dirname, '../..');
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { tests: { type: 'boolean', default: true } },
  allowNegative: true,
});
const [sanitizer, golden = path.join(root, 'test/golden')] = positionals as [Sanitizer, string?];
if (!['address', 'thread'].includes(sanitizer) || positionals.length > 2) {
  fail('Usage: npm run sanitize -- address [DIR] [--no-tests]\n       npm run sanitize -- thread');
}

const prefix = { address: 'ASAN', thread: 'TSAN' }[sanitizer];
const library = findLibrary();
const { runtime } = nativeFiles();
const addon = build();

try {
  if (sanitizer === 'address') {
    run('the golden runner', ['--import', 'tsx', 'test/golden-runner/main.ts', golden]);
    if (values.tests) runTests();
  }
  await stress();
} catch (error) {
  console.error(`${sanitizer}: ${(error as Error).message}`);
  process.exitCode = 1;
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}

/** The sanitizer's library, which has to be in the process before the addon comes. */
function findLibrary(): string {
  const name = `lib${prefix.toLowerCase()}.so`;
  const found =
    process.platform === 'linux' && execFileSync('g++', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim();
  if (!found || !path.isAbsolute(found))
    fail(`Needs Linux, and g++ with ${name} (on Debian and Ubuntu: apt-get install g++)`);
  return found;
}

function build(): string {
  const out = path.join(root, 'build-sanitize', sanitizer);
  const cmakeJs = path.join(root, 'node_modules/cmake-js/bin/cmake-js');
  const args = ['compile', '--out', out, '--silent', '--parallel', '2', `--CDDIFFBIR_SANITIZE=${sanitizer}`];
  const env = { ...process.env, CXX: 'g++' };
  if (spawnSync(process.execPath, [cmakeJs, ...args], { cwd: root, env, stdio: 'inherit' }).status !== 0) {
    fail('The native part could not be built');
  }
  return path.join(out, 'Release/diffbir.node');
}

function runTests(): void {
  // Not those of where the addon is found: it is named here.
  const files = ['test/native', 'test/lifecycle', '--exclude', 'test/native/loadBinding.test.ts'];
  run('the tests', ['node_modules/vitest/vitest.mjs', 'run', ...files, '--testTimeout', '300000']);
}

/** Runs Node.js with the sanitizer. Throws where it does not end with exit code 0. */
function run(what: string, args: readonly string[], { options = 'detect_leaks=0', input = '' } = {}): void {
  console.log(`${sanitizer}: ${what}`);
  const { status, signal } = spawnSync(process.execPath, args, {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      LD_PRELOAD: library,
      DIFFBIR_BINDING_PATH: addon,
      DIFFBIR_ORT_PATH: runtime,
      DIFFBIR_STRESS: input,
      [`${prefix}_OPTIONS`]: options,
      UBSAN_OPTIONS: 'print_stacktrace=1',
    },
  });
  if (status !== 0) throw new Error(`${what}: ended by ${signal ?? `exit code ${status}`}`);
}

/** Runs stress.mjs to its end, and then looks at what was reported: warnings of threads, or leaks. */
async function stress(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'diffbir-sanitize-'));
  process.once('exit', () => rmSync(folder, { recursive: true }));
  const readLogs = () => {
    const names = readdirSync(folder).filter((name) => name.startsWith('log'));
    return names.map((name) => readFileSync(path.join(folder, name), 'utf8')).join('\n');
  };

  const input = path.join(folder, 'input.json');
  const spec = small(await goldenSpec({ stage: 2 }));
  const job = { ...jobOf({ stage: 2 }), seed: 0 }; // JSON has no bigint
  writeFileSync(input, JSON.stringify({ addon, runtime, job, specs: { float32: spec, int8: inInt8(spec) } }));
  const options = [
    `log_path=${path.join(folder, 'log')}`,
    STACK_FORMAT,
    // Warnings and leaks may be those of others; what ends the process at once is an error in any case.
    ...['exitcode=0', 'abort_on_error=1'],
    // Of memory that is handed to memcpy() and the like by code that was not compiled with it.
    ...(sanitizer === 'thread' ? ['ignore_noninstrumented_modules=1'] : []),
  ].join(':');
  try {
    run('jobs and models side by side', ['--expose-gc', 'test/sanitize/stress.mjs'], { options, input });
  } catch (error) {
    console.error(readLogs());
    throw error;
  }
  const own = ownReports(readLogs());
  const others = reportsOf(readLogs()).length - own.length;
  for (const report of own) console.error(`\n${report}`);
  console.log(`${sanitizer}: ${own.length} reports of our code, ${others} of Node.js and ONNX Runtime alone`);
  if (own.length > 0) process.exitCode = 1;
}

/** Pictures are worked on at their own size. */
function small(spec: ModelSpec): ModelSpec {
  return { ...spec, stage2: spec.stage2 && { ...spec.stage2, minShortEdge: 64 } };
}

function inInt8({ stage2, ...spec }: ModelSpec): ModelSpec {
  if (!stage2) throw new Error('expected a model of both stages');
  const { vaeEncoder, vaeDecoder, unet, controlnet } = stage2;
  const precision = 'int8';
  return {
    ...spec,
    stage2: {
      ...stage2,
      vaeEncoder: { ...vaeEncoder, precision },
      vaeDecoder: { ...vaeDecoder, precision },
      unet: { ...unet, precision },
      controlnet: { ...controlnet, precision },
    },
  };
}
