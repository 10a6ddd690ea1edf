import { InvalidOptionError } from '../errors';
import type { Task } from '../options/choices';
import type { LoadedManifest } from './manifest';

/**
 * The model as it is for a task: with the networks and defaults that the manifest names for it in place of its own.
 * `sr` is what the model does by itself. Throws InvalidOptionError for a task that the model has nothing for.
 */
export function forTask(loaded: LoadedManifest, task: Task): LoadedManifest {
  const { manifest, tasks = ['sr', ...Object.keys(manifest.tasks ?? {})] } = loaded;
  if (!tasks.includes(task)) {
    const known = tasks.map((name) => `'${name}'`).join(' or ');
    const lacks =
      task === 'unaligned_face'
        ? ' (its manifest lacks tasks.unaligned_face.face with cleaner, detector and parser)'
        : '';
    throw new InvalidOptionError(
      'task',
      `Expected ${known} for task but received '${task}': the model ${manifest.name} has no networks for that${lacks}`,
    );
  }
  if (task === 'sr') return loaded;
  const { defaults, face, ...networks } = { defaults: {}, face: undefined, ...manifest.tasks?.[task] };
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
