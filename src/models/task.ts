import { InvalidOptionError } from '../errors';
import type { Task } from '../options/table';
import type { LoadedManifest } from './manifest';

/**
 * The model as it is for a task: with the networks and defaults that the manifest names for it in place of its own.
 * `sr` is what the model does by itself. Throws InvalidOptionError for a task that the model has nothing for.
 */
export function forTask(loaded: LoadedManifest, task: Task): LoadedManifest {
  if (task === 'sr') return loaded;
  const { manifest } = loaded;
  const entry = manifest.tasks?.[task];
  if (!entry) {
    const lacks =
      task === 'unaligned_face'
        ? ' (its manifest lacks tasks.unaligned_face.face with cleaner, detector and parser)'
        : '';
    const known = ['sr', ...Object.keys(manifest.tasks ?? {})].map((name) => `'${name}'`).join(' or ');
    throw new InvalidOptionError(
      'task',
      `Expected ${known} for task but received '${task}': the model ${manifest.name} has no networks for that${lacks}`,
    );
  }
  const { defaults, face, ...networks } = { face: undefined, ...entry };
  return {
    ...loaded,
    face,
    manifest: {
      ...manifest,
      networks: { ...manifest.networks, ...networks },
      defaults: { ...manifest.defaults, ...defaults },
    },
  };
}
