import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { readCheckpoint } from '../../src/checkpoint/readCheckpoint';
import { readTensors, type TensorData } from '../../src/checkpoint/readTensor';
import { type NativeBinding, OPTIMIZATIONS, type Optimization } from '../../src/native/binding';
import type { Context, GoldenEntry, Manifest, TensorSet } from './types';

/** Opens a golden folder. Throws when it has no readable `manifest.json`. */
export async function openGolden(
  folder: string,
  optimizations: readonly Optimization[] = OPTIMIZATIONS,
  load: () => Promise<NativeBinding> = loadNative,
): Promise<Context> {
  const manifest = JSON.parse(await readFile(path.join(folder, 'manifest.json'), 'utf8')) as Manifest;
  const entries = new Map(manifest.files.map((entry) => [entry.file, entry]));
  const inFolder = (relative: string) => path.join(folder, relative);
  const json = cached(async (relative) => JSON.parse(await readFile(inFolder(relative), 'utf8')));
  const weights = cached((relative) => readCheckpoint(inFolder(relative)));
  const tensors = cached(async (relative) => tensorSet(relative, await readTensors(await weights(relative))));
  const binding = cached(load);
  return {
    path: inFolder,
    manifest,
    entry: (file) => found(entries.get(file), `manifest.json describes no ${file}`),
    tensors: (entry) => tensors(typeof entry === 'string' ? entry : entry.file),
    json,
    config: json,
    weights,
    binding: () => binding(''),
    optimizations,
  };
}

/** Files that a case reads from the folder, for making a smaller one: the entry's own, its models and configurations. */
export function filesOf(entry: GoldenEntry): string[] {
  return [entry.file, ...Object.values(entry.models ?? {}), ...(entry.configs ?? [])];
}

async function loadNative(): Promise<NativeBinding> {
  const { loadBinding } = await import('../../src/native/loadBinding');
  return loadBinding();
}

// biome-ignore lint/suspicious/noExplicitAny: a cache has the type of what it caches
function cached<T = any>(load: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const loaded = new Map<string, Promise<T>>();
  return (key) => {
    const known = loaded.get(key) ?? load(key);
    loaded.set(key, known);
    return known;
  };
}

function tensorSet(file: string, tensors: ReadonlyMap<string, TensorData>): TensorSet {
  const get = (name: string) => found(tensors.get(name), `${file} has no tensor "${name}"`);
  return {
    names: [...tensors.keys()],
    has: (name) => tensors.has(name),
    get,
    float(name) {
      const { shape, data, dtype } = get(name);
      if (!(data instanceof Float32Array)) throw new Error(`tensor "${name}" of ${file} is ${dtype}, not float32`);
      return { shape, data };
    },
  };
}

function found<T>(value: T | undefined, message: string): T {
  if (value === undefined) throw new Error(message);
  return value;
}
