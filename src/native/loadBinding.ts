import { existsSync } from 'node:fs';
import path from 'node:path';
import { type LoadAttempt, NativeLoadError, type NativeLoadErrorCode } from '../errors';
import type { NativeBinding } from './binding';
import { addonCandidates, type Candidate, requireFromPackage, runtimeCandidates } from './findAddon';
import { loadHelp } from './loadHelp';
import { isMusl, PLATFORM } from './platforms';

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

/** A file that the caller named, and how. */
interface Named {
  readonly file: string;
  readonly by: string;
}

/** One of the two files. */
interface Wanted {
  readonly code: NativeLoadErrorCode;
  readonly what: string;
  readonly candidates: readonly Candidate[];
  /** What to do where none loads, if that is not what `loadHelp` says. */
  readonly help: string | undefined;
}

/** By the path that `nativeBinding` gave; the empty one is the package's own. */
const loaded = new Map<string, Loaded>();

/**
 * The native addon, with ONNX Runtime open. Loaded at the first call; a failure is not remembered, so that a later call
 * can succeed.
 *
 * `nativeBinding`, else `DIFFBIR_BINDING_PATH`, names the addon, and `DIFFBIR_ORT_PATH` ONNX Runtime's library: they are
 * used instead of the ones that belong to this package, and no other then.
 *
 * Throws NativeLoadError: the message names the platform, every file that was tried, why it failed, and the command that
 * helps.
 */
export function loadBinding(nativeBinding?: string): NativeBinding {
  return load(nativeBinding).binding;
}

/** Version of ONNX Runtime in use. Throws like `loadBinding`. */
export function runtimeVersion(nativeBinding?: string): string {
  return load(nativeBinding).runtimeVersion;
}

/** Where the addon and ONNX Runtime were found. Throws like `loadBinding`. */
export function nativeFiles(): NativeFiles {
  return load().files;
}

function load(nativeBinding?: string): Loaded {
  const key = nativeBinding === undefined ? '' : path.resolve(nativeBinding);
  const found = loaded.get(key) ?? open(nativeBinding);
  loaded.set(key, found);
  return found;
}

function open(nativeBinding: string | undefined): Loaded {
  const named =
    nameOf(nativeBinding, 'the option nativeBinding') ??
    nameOf(process.env.DIFFBIR_BINDING_PATH, 'DIFFBIR_BINDING_PATH');
  const addon = firstThatLoads(wantedAddon(named), openAddon);
  const binding = addon.value;
  const runtime = firstThatLoads(wantedRuntime(addon.file, named), (file) => binding.openRuntime(file));
  return { binding, runtimeVersion: runtime.value, files: { addon: addon.file, runtime: runtime.file } };
}

function nameOf(file: string | undefined, by: string): Named | undefined {
  return file ? { file: path.resolve(file), by } : undefined;
}

function wantedAddon(named: Named | undefined): Wanted {
  return {
    code: 'DIFFBIR_BINDING_NOT_FOUND',
    what: 'its native addon',
    candidates: named ? [named] : addonCandidates(),
    help: named && correct(named),
  };
}

function wantedRuntime(addon: string, namedAddon: Named | undefined): Wanted {
  const named = nameOf(process.env.DIFFBIR_ORT_PATH, 'DIFFBIR_ORT_PATH');
  const beside =
    namedAddon && `It must lie beside the addon, which ${namedAddon.by} names, or DIFFBIR_ORT_PATH name it.`;
  return {
    code: 'DIFFBIR_RUNTIME_NOT_FOUND',
    what: 'ONNX Runtime',
    candidates: named ? [named] : runtimeCandidates(path.dirname(addon)),
    help: named ? correct(named) : beside,
  };
}

function correct({ by }: Named): string {
  return `The file was named by ${by}: correct it, or leave it out for the package's own.`;
}

/** `require` keeps one instance per thread, also where this module itself is there as ESM and as CommonJS. */
function openAddon(file: string): NativeBinding {
  if (path.extname(file) !== '.node') throw new Error('its name must end in .node'); // else it would run as JavaScript
  return requireFromPackage()(file) as NativeBinding;
}

function firstThatLoads<T>(wanted: Wanted, loadFile: (file: string) => T): { file: string; value: T } {
  const attempts: LoadAttempt[] = [];
  let cause: unknown;
  for (const { file, problem } of wanted.candidates) {
    const reason = problem ?? (existsSync(file) ? undefined : 'there is no such file');
    if (reason !== undefined) {
      attempts.push({ file, reason });
      continue;
    }
    try {
      return { file, value: loadFile(file) };
    } catch (error) {
      cause ??= error;
      attempts.push({ file, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  throw loadError(wanted, attempts, cause);
}

function loadError({ code, what, help }: Wanted, attempts: readonly LoadAttempt[], cause: unknown): NativeLoadError {
  const { isSupported, text } = help ? { isSupported: true, text: help } : loadHelp();
  const message = [
    `diffbir cannot load ${what} on ${PLATFORM}${isMusl() ? ' (musl)' : ''} with Node.js ${process.version}. Tried:`,
    ...attempts.map(({ file, reason }) => `  - ${file}: ${reason}`),
    text,
  ].join('\n');
  const options = cause === undefined ? { attempts } : { attempts, cause };
  return new NativeLoadError(isSupported ? code : 'DIFFBIR_UNSUPPORTED_PLATFORM', message, options);
}
