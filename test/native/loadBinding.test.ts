// What a user reads when the native part cannot be loaded: every file that was tried, why, and what helps.
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest';
import { nativeFiles } from '../../src/native/loadBinding';

const files = nativeFiles();
const folder = mkdtempSync(path.join(tmpdir(), 'diffbir-binding-'));
afterAll(() => rmSync(folder, { recursive: true }));

// A copy of its own, which has loaded nothing yet.
beforeEach(() => vi.resetModules());
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  vi.doUnmock('../../src/packageRoot');
});
const fresh = () => import('../../src/native/loadBinding');

const notFound = (part: 'BINDING' | 'RUNTIME', ...lines: string[]) =>
  lines.map((line) =>
    expect.objectContaining({ code: `DIFFBIR_${part}_NOT_FOUND`, message: expect.stringContaining(line) }),
  );

test('opens the addon and the runtime that lie side by side', async () => {
  const { loadBinding, runtimeVersion } = await fresh();
  expect(loadBinding()).toBe(loadBinding());
  expect(runtimeVersion()).toMatch(/^1\.\d+\.\d+/);
});

test('an addon that is not there: names platform, file and variable, and a later call can succeed', async () => {
  const { loadBinding } = await fresh();
  const missing = path.join(folder, 'missing.node');
  vi.stubEnv('DIFFBIR_BINDING_PATH', missing);
  for (const error of notFound(
    'BINDING',
    `on ${process.platform}-${process.arch}`,
    `${missing}: there is no such file`,
    'named by DIFFBIR_BINDING_PATH',
  )) {
    expect(loadBinding).toThrow(error);
  }
  vi.stubEnv('DIFFBIR_BINDING_PATH', files.addon);
  vi.stubEnv('DIFFBIR_ORT_PATH', files.runtime);
  expect(loadBinding().openRuntime).toBeTypeOf('function');
});

test.each(['script.node', 'script.js'])('%s, which is no addon: says why, and does not run it', async (name) => {
  const script = path.join(folder, name);
  writeFileSync(script, 'throw new Error("was run")');
  vi.stubEnv('DIFFBIR_BINDING_PATH', script);
  const { loadBinding } = await fresh();
  for (const error of notFound('BINDING', `- ${script}: `)) expect(loadBinding).toThrow(error);
  expect(loadBinding).not.toThrow('was run');
});

// The process has a runtime already, which no other may replace: a copy of the addon has none yet.
test.skipIf(process.platform === 'win32').each([
  ['is not there', 'missing.so', () => {}, 'there is no such file'],
  ['is no library', 'text.so', (file: string) => writeFileSync(file, 'text'), 'Cannot open ONNX Runtime'],
  ['is another library', 'other.so', (file: string) => copyFileSync(files.addon, file), 'no symbol OrtGetApiBase'],
])('a runtime that %s', async (_, name, make, reason) => {
  const addon = path.join(folder, `${name}.node`);
  copyFileSync(files.addon, addon);
  const runtime = path.join(folder, name);
  make(runtime);
  vi.stubEnv('DIFFBIR_BINDING_PATH', addon);
  vi.stubEnv('DIFFBIR_ORT_PATH', runtime);
  const { loadBinding } = await fresh();
  for (const error of notFound('RUNTIME', `- ${runtime}: `, reason, 'named by DIFFBIR_ORT_PATH')) {
    expect(loadBinding).toThrow(error);
  }
});

test('the option goes before the variable, and each file has a binding of its own', async () => {
  vi.stubEnv('DIFFBIR_BINDING_PATH', path.join(folder, 'missing.node'));
  vi.stubEnv('DIFFBIR_ORT_PATH', files.runtime);
  const { loadBinding } = await fresh();
  const copy = path.join(folder, 'copy.node');
  copyFileSync(files.addon, copy);
  expect(loadBinding(files.addon)).toBe(loadBinding(path.relative('.', files.addon)));
  expect(loadBinding(copy)).not.toBe(loadBinding(files.addon));
  const nothing = path.join(folder, 'nothing.node');
  for (const error of notFound('BINDING', `- ${nothing}: there is no such file`, 'named by the option nativeBinding')) {
    expect(() => loadBinding(nothing)).toThrow(error);
  }
});

test('every function that computes takes nativeBinding', async () => {
  vi.stubEnv('DIFFBIR_BINDING_PATH', path.join(folder, 'missing.node'));
  const { compare, degrade, estimate, Restorer, restore, versions } = await import('../../src/index');
  const picture = { data: new Uint8Array(64 * 64 * 3).fill(99), width: 64, height: 64, channels: 3 } as const;
  const own = { nativeBinding: files.addon };
  expect((await degrade(picture, 'mild', own)).width).toBe(64);
  expect((await compare(picture, picture, own)).ssim).toBe(1);
  expect((await estimate({ width: 64, height: 64 }, { stage: 1, ...own })).stage).toBe(1);
  expect((await restore(picture, { stage: 1, ...own })).width).toBe(64);
  await (await Restorer.create({ stage: 1, ...own })).dispose();
  expect((await versions(own)).onnxruntime).toMatch(/^1\./);
  await expect(versions()).rejects.toThrow('named by DIFFBIR_BINDING_PATH');
});

/** The loader as it is in an installed package, next to which there is no other. */
async function installed(setup: () => void, nativeBinding?: string) {
  const root = mkdtempSync(path.join(folder, 'installed-'));
  mkdirSync(path.join(root, 'node_modules'));
  writeFileSync(path.join(root, 'package.json'), '{"version":"1.2.3"}');
  vi.doMock('../../src/packageRoot', () => ({ packageRoot: () => root }));
  setup();
  const { loadBinding } = await fresh();
  const { NativeLoadError } = await import('../../src/errors');
  try {
    loadBinding(nativeBinding);
  } catch (error) {
    if (error instanceof NativeLoadError) return error;
    throw error;
  }
  return expect.fail('something was loaded');
}

const { report } = process;
const onMusl = () => vi.spyOn(report, 'getReport').mockReturnValue({ header: {} } as never);
const onPlatform = (platform: string, arch: string) => {
  vi.spyOn(process, 'platform', 'get').mockReturnValue(platform as NodeJS.Platform);
  vi.spyOn(process, 'arch', 'get').mockReturnValue(arch as NodeJS.Architecture);
};

test('without the package of its platform: what was tried, as data too, and the command', async () => {
  const error = await installed(() => onPlatform('darwin', 'arm64'));
  expect(error).toMatchObject({ name: 'NativeLoadError', code: 'DIFFBIR_BINDING_NOT_FOUND', status: 500 });
  expect(error.attempts).toEqual([
    { file: '@diffbir/darwin-arm64', reason: expect.stringContaining('the package is not installed') },
  ]);
  expect(error.message).toMatch(/Run on this machine: npm install --include=optional diffbir@1\.2\.3$/);
});

test('an addon that was copied alone: its library is missed beside it', async () => {
  const alone = path.join(folder, 'alone.node');
  copyFileSync(files.addon, alone);
  const error = await installed(() => {}, alone);
  expect(error.code).toBe('DIFFBIR_RUNTIME_NOT_FOUND');
  expect(error.attempts).toEqual([
    { file: path.join(folder, path.basename(files.runtime)), reason: 'there is no such file' },
  ]);
  expect(error.message).toContain('must lie beside the addon, which the option nativeBinding names');
});

test('on musl: not supported yet', async () => {
  const error = await installed(() => {
    onPlatform('linux', 'x64');
    onMusl();
  });
  expect(error).toMatchObject({ code: 'DIFFBIR_UNSUPPORTED_PLATFORM', status: 501 });
  expect(error.message).toContain('on linux-x64 (musl) with');
  expect(error.message).toContain('musl systems are not supported yet');
});

test('on a platform without a package: names those that have one', async () => {
  const error = await installed(() => onPlatform('freebsd', 'riscv64'));
  expect(error).toMatchObject({ code: 'DIFFBIR_UNSUPPORTED_PLATFORM' });
  expect(error.message).toContain('on freebsd-riscv64 with');
  expect(error.message).toContain('linux-x64, linux-arm64, darwin-arm64, win32-x64');
});

test('a second runtime in one process is refused by name', async () => {
  const { loadBinding } = await fresh();
  expect(() => loadBinding().openRuntime('/another/libonnxruntime.so')).toThrow(
    expect.objectContaining({
      code: 'DIFFBIR_RUNTIME_NOT_FOUND',
      message: expect.stringContaining(`from ${files.runtime}`),
    }),
  );
});
