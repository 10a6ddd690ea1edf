import { stat } from 'node:fs/promises';
import path from 'node:path';
import { DiffBIRError } from '../errors';
import { findCached } from '../hub/cache';
import { type Hub, hubFrom } from '../hub/hub';
import type { Weight } from '../hub/weight';
import { packageRoot } from '../packageRoot';
import { type LoadedManifest, readManifest } from './manifest';
import { OFFICIAL_MODEL_NAMES, OFFICIAL_MODELS, type OfficialModelName, WEIGHTS } from './registry';
import { forTask } from './task';

/** A file of an official model. */
export interface OfficialFile {
  readonly file: string;
  /** Size in bytes: exact where the file is there, else known to at least three digits. */
  readonly bytes: number;
  /** Terms of use. */
  readonly license: string;
  /** Who made it, and what it is. */
  readonly origin: string;
  /** Where it lies; undefined: in no cache. */
  readonly path: string | undefined;
}

export interface OfficialModelInfo {
  readonly name: OfficialModelName;
  readonly files: readonly OfficialFile[];
}

/**
 * The official models with their files, and what of them is there already. Touches no network.
 * @example
 * for (const { name, files } of await officialModels()) console.log(name, files.every(({ path }) => path));
 */
export async function officialModels(): Promise<OfficialModelInfo[]> {
  const hub = hubFrom(process.env);
  return Promise.all(OFFICIAL_MODEL_NAMES.map(async (name) => ({ name, files: await filesOf(hub, name) })));
}

async function filesOf(hub: Hub, name: OfficialModelName): Promise<OfficialFile[]> {
  const weights = weightsOf(await officialManifest(name));
  return Promise.all(
    [...weights].map(async ([file, weight]) => {
      const { size, about, license, origin } = weight;
      const found = await findCached(hub, weight);
      const bytes = found ? (await stat(found)).size : (size ?? about);
      return { file, bytes, license, origin, path: found };
    }),
  );
}

/** The manifest of an official model; its files lie elsewhere, see `locate`. */
export async function officialManifest(name: OfficialModelName): Promise<LoadedManifest> {
  const { folder, tasks } = OFFICIAL_MODELS[name];
  return { ...(await readManifest(path.join(packageRoot(), 'models', folder))), tasks };
}

/** Every file that the model needs for any of its tasks. */
export function weightsOf(loaded: LoadedManifest): Map<string, Weight> {
  const weights = new Map<string, Weight>();
  for (const task of loaded.tasks ?? []) {
    const { manifest, face } = forTask(loaded, task);
    for (const network of Object.values({ ...manifest.networks, ...face })) {
      if (network !== 'none') weights.set(network.file, weightOf(network.file));
    }
  }
  return weights;
}

export function weightOf(file: string): Weight {
  const weight = Object.hasOwn(WEIGHTS, file) ? WEIGHTS[file] : undefined;
  if (!weight) throw new DiffBIRError('DIFFBIR_INTERNAL', `The registry does not know where ${file} comes from`);
  return weight;
}
