/** `diffbir doctor`: with children that go wrong in every way, and with the real one. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/runCli';
import { runSelfTest } from '../../src/doctor/runSelfTest';
import { systemReport } from '../../src/doctor/system';
import { fakeNative, fakeRestorer, temporaryFolder } from '../facade/fakes';

const CHILD = path.join(import.meta.dirname, 'child.mjs');
const child = (way: string, seconds = 20, signal?: AbortSignal) =>
  runSelfTest([process.execPath, CHILD, way], seconds, signal);

describe('the self-test', () => {
  it.each([
    ['crash', 'The child process was ended by SIGSEGV (exit code 139) while it asked for GPUs', 'devices'],
    ['abort', 'The child process was ended by SIGABRT (exit code 134) while it asked for GPUs', 'devices'],
    ['late', 'The child process was ended by SIGABRT (exit code 134) after the last step', undefined],
    ['garbage', 'The child process ended without a word while it asked for GPUs', 'devices'],
    ['quiet', 'The child process ended without a word while it asked for GPUs', 'devices'],
    ['exit', 'The child process ended with exit code 3 while it asked for GPUs', 'devices'],
  ])('tells of a child that ends by %s', async (way, message, step) => {
    const { ok, found, failure } = await child(way);
    expect(ok).toBe(false);
    expect(failure).toMatchObject({ message, step });
    expect(failure).not.toHaveProperty('code');
    expect(found.load?.onnxruntime).toBe('1.29.0');
    expect(failure?.printed.startsWith('a library says hello')).toBe(true);
  });

  it('shows the last of what a child prints', async () => {
    expect((await child('exit')).failure?.printed).toBe('a library says hello\nnot today');
    const { printed = '' } = (await child('garbage')).failure ?? {};
    expect(printed).toContain('{"step":"none","found":1}');
    expect(printed.endsWith('the end')).toBe(true);
  });

  it.each(['hang', 'endless'])('kills a child that goes on for too long: %s', async (way) => {
    const begin = performance.now();
    const { ok, failure } = await child(way, 1);
    expect(ok).toBe(false);
    expect(failure?.message).toBe('The child process was not done within 1 s and was killed, while it asked for GPUs');
    expect(failure?.printed.length).toBeLessThanOrEqual(2000);
    expect(performance.now() - begin).toBeLessThan(10_000);
  });

  it('kills the child when the signal fires', async () => {
    const begin = performance.now();
    expect((await child('hang', 60, AbortSignal.timeout(300))).failure?.message).toContain('SIGKILL');
    expect((await child('hang', 60, AbortSignal.abort())).ok).toBe(false);
    expect(performance.now() - begin).toBeLessThan(10_000);
  });

  it('passes on the error of a step', async () => {
    expect((await child('refuse')).failure).toMatchObject({
      step: 'model',
      code: 'DIFFBIR_NO_DEVICE',
      message: 'there is none',
    });
  });

  it('passes only where every step was done', async () => {
    expect(await child('pass')).toMatchObject({ ok: true, failure: undefined });
  });

  it('says so where the child cannot be started', async () => {
    const { failure } = await runSelfTest(['/there/is/no/node'], 5);
    expect(failure?.message).toMatch(/could not be started: .*ENOENT/);
  });
});

async function doctor(way: string, ...args: string[]) {
  let stdout = '';
  const write = (text: string) => {
    stdout += text;
  };
  const code = await runCli({
    argv: ['doctor', ...args],
    terminal: { stdout: { write }, stderr: { write }, env: {} },
    signal: new AbortController().signal,
    createRestorer: (options) => fakeRestorer(fakeNative(), options),
    selfTest: [process.execPath, CHILD, way],
  });
  return { code, stdout };
}

describe('diffbir doctor', () => {
  it('exits with 1 and the reason where the self-test crashes', async () => {
    const { code, stdout } = await doctor('crash');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^self-test {5}FAILED: The child process was ended by SIGSEGV \(exit code 139\)/m);
    expect(stdout).toMatch(/^printed {7}a library says hello$/m);
    expect(stdout).toMatch(/^ONNX Runtime {2}1\.29\.0, \/ort\.so$/m);
    expect(stdout).toMatch(/^ +int8 takes less than half of the time of float32 here$/m);
    expect((await doctor('refuse')).stdout).toMatch(/FAILED: there is none \[DIFFBIR_NO_DEVICE\]/);
  });

  it('--json has everything as one object', async () => {
    const { code, stdout } = await doctor('refuse', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      versions: { node: process.version },
      cpu: { threads: expect.any(Number) },
      selfTest: { ok: false, failure: { step: 'model', code: 'DIFFBIR_NO_DEVICE' } },
    });
  });

  it('refuses a device that there cannot be', async () => {
    expect((await doctor('pass', '--device', 'gpu')).code).toBe(2);
  });

  /** The real one, from its own process. */
  const run = (args: string[], env: Record<string, string> = {}) => {
    const main = path.resolve(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
    const options = { encoding: 'utf8', env: { ...process.env, DIFFBIR_CACHE: temporaryFolder(), ...env } } as const;
    const { status, stdout } = spawnSync(process.execPath, ['--import', 'tsx', main, 'doctor', ...args], options);
    return { status, stdout };
  };

  it('restores a picture in a child process, and says why no GPU is used', () => {
    const { status, stdout } = run(['--json']);
    const { selfTest } = JSON.parse(stdout);
    expect(selfTest).toMatchObject({
      ok: true,
      found: {
        load: { onnxruntime: expect.stringMatching(/^1\./) },
        model: { device: { provider: 'cpu', reason: expect.stringContaining('install-cuda') } },
        restore: { seconds: expect.any(Number) },
      },
    });
    expect(selfTest.found.devices.examined.cuda.problems.map(({ code }: { code: string }) => code)).toContain(
      'no-libraries',
    );
    expect(status).toBe(0);
  }, 60_000);

  it('tells of a device that cannot be used, and of an addon that does not load', () => {
    const cuda = run(['--device', 'cuda']);
    expect(cuda.status).toBe(1);
    expect(cuda.stdout).toMatch(/^self-test {5}FAILED: The device 'cuda' cannot be used\..* \[DIFFBIR_NO_DEVICE\]$/m);
    const addon = path.join(temporaryFolder(), 'broken.node');
    writeFileSync(addon, 'no addon');
    const broken = run([], { DIFFBIR_BINDING_PATH: addon });
    expect(broken.status).toBe(1);
    expect(broken.stdout).toContain(`variable      DIFFBIR_BINDING_PATH=${addon}`);
    expect(broken.stdout).toMatch(/^self-test {5}FAILED: diffbir cannot load its native addon/m);
    expect(broken.stdout).toContain('[DIFFBIR_BINDING_NOT_FOUND]');
  }, 60_000);
});

it('the report of the system names caches, and variables that are set', async () => {
  const env = { DIFFBIR_CACHE: path.join(temporaryFolder(), 'none'), CUDA_VISIBLE_DEVICES: '1', HF_TOKEN: 'secret' };
  const { caches, environment } = await systemReport(env);
  expect(caches[1]).toMatchObject({ name: 'own', folder: env.DIFFBIR_CACHE, exists: false });
  expect(caches[1]?.freeBytes).toBeGreaterThan(0);
  expect(environment).toEqual({ DIFFBIR_CACHE: env.DIFFBIR_CACHE, CUDA_VISIBLE_DEVICES: '1' });
});
