import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { DiffBIRError, type ErrorCode } from '../errors';
import { packageRoot } from '../packageRoot';
import type { NativeBinding } from './binding';

/** The files that are in use. */
export interface NativeFiles {
  readonly addon: string;
  readonly runtime: string;
}

interface Loaded {
  readonly binding: NativeBinding;
  readonly runtimeVersion: string;
  readonly files: NativeFiles;
}

const TARGET = `${process.platform}-${process.arch}`;

/** The library that `scripts/build-native.mjs` lays beside the addon. */
const RUNTIME_FILES: Partial<Record<NodeJS.Platform, string>> = {
  win32: 'onnxruntime.dll',
  darwin: 'libonnxruntime.1.dylib',
};
const RUNTIME_FILE = RUNTIME_FILES[process.platform] ?? 'libdiffbir-ort.so.1';

let loaded: Loaded | undefined;

/**
 * The native addon, with ONNX Runtime open. Loaded at the first call; a failure is not remembered, so that a later call
 * can succeed.
 *
 * `DIFFBIR_BINDING_PATH` (the addon) and `DIFFBIR_ORT_PATH` (ONNX Runtime's library) name files that are used instead
 * of the ones in this package, and no other then.
 *
 * Throws DIFFBIR_BINDING_NOT_FOUND or DIFFBIR_RUNTIME_NOT_FOUND: the message names the platform, every file that was
 * tried, why it failed, and the command that helps.
 */
export function loadBinding(): NativeBinding {
  return load().binding;
}

/** Version of ONNX Runtime in use. Throws like `loadBinding`. */
export function runtimeVersion(): string {
  return load().runtimeVersion;
}

/** Where the addon and ONNX Runtime were found. Throws like `loadBinding`. */
export function nativeFiles(): NativeFiles {
  return load().files;
}

function load(): Loaded {
  loaded ??= open();
  return loaded;
}

function open(): Loaded {
  const addon = firstThatLoads('DIFFBIR_BINDING_NOT_FOUND', 'its native addon', addonFiles(), openAddon);
  const binding = addon.value;
  const runtimes = runtimeFiles(path.dirname(addon.file));
  const runtime = firstThatLoads('DIFFBIR_RUNTIME_NOT_FOUND', 'ONNX Runtime', runtimes, (file) =>
    binding.openRuntime(file),
  );
  return { binding, runtimeVersion: runtime.value, files: { addon: addon.file, runtime: runtime.file } };
}

/** `require` keeps one instance per thread, also where this module itself is there as ESM and as CommonJS. */
function openAddon(file: string): NativeBinding {
  if (path.extname(file) !== '.node') throw new Error('its name must end in .node'); // else it would run as JavaScript
  return requireFromPackage()(file) as NativeBinding;
}

function requireFromPackage(): NodeJS.Require {
  return createRequire(path.join(packageRoot(), 'package.json'));
}

function addonFiles(): string[] {
  const named = process.env.DIFFBIR_BINDING_PATH;
  if (named) return [path.resolve(named)];
  // A package per platform (`@diffbir/linux-x64`, an optional dependency) will come next to prebuilds.
  const root = packageRoot();
  return [`prebuilds/${TARGET}`, 'build', 'build/Release'].map((folder) => path.join(root, folder, 'diffbir.node'));
}

function runtimeFiles(addonFolder: string): string[] {
  const named = process.env.DIFFBIR_ORT_PATH;
  if (named) return [path.resolve(named)];
  const beside = path.join(addonFolder, RUNTIME_FILE);
  try {
    // In a checkout whose addon was built in another way than by `npm run build:native`.
    const other = path.dirname(requireFromPackage().resolve('onnxruntime-node/package.json'));
    const file = RUNTIME_FILES[process.platform] ?? 'libonnxruntime.so.1';
    return [beside, path.join(other, 'bin', 'napi-v6', process.platform, process.arch, file)];
  } catch {
    return [beside];
  }
}

function firstThatLoads<T>(
  code: ErrorCode,
  what: string,
  files: readonly string[],
  loadFile: (file: string) => T,
): { file: string; value: T } {
  const failures: string[] = [];
  let cause: unknown;
  for (const file of files) {
    if (!existsSync(file)) {
      failures.push(`${file}: there is no such file`);
      continue;
    }
    try {
      return { file, value: loadFile(file) };
    } catch (error) {
      cause ??= error;
      failures.push(`${file}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const message = [
    `diffbir cannot load ${what} on ${TARGET}${isMusl() ? ' (musl)' : ''} with Node.js ${process.version}. Tried:`,
    ...failures.map((failure) => `  - ${failure}`),
    help(code),
  ].join('\n');
  throw new DiffBIRError(code, message, cause === undefined ? {} : { cause });
}

function help(code: ErrorCode): string {
  const variable = code === 'DIFFBIR_BINDING_NOT_FOUND' ? 'DIFFBIR_BINDING_PATH' : 'DIFFBIR_ORT_PATH';
  if (process.env[variable])
    return `The file was named by ${variable}: correct it, or unset it to use the package's own.`;
  if (isMusl())
    return 'Alpine and other musl systems are not supported yet: use an image with glibc, such as node:20-slim.';
  if (existsSync(path.join(packageRoot(), 'CMakeLists.txt'))) return 'Build it: npm run build:native';
  return 'Install the package again on this machine: npm install diffbir';
}

/** Whether this is a Linux with musl in place of glibc, for which the binaries are not built. */
function isMusl(): boolean {
  if (process.platform !== 'linux') return false;
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return header?.glibcVersionRuntime === undefined;
}
