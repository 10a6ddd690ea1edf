import { InvalidOptionError } from '../errors';
import type { Task } from '../options/table';
import type { LoadedManifest } from './manifest';

/**
 * The model as it is for a task: with the networks and defaults that the manifest names for it in place of its own.
 * `sr` is what the model does by itself. Throws InvalidOptionError for a task that the model has nothing for.
 */
export function forTask(loaded: LoadedManifest, task: Task): LoadedManifest {
  const { manifest, tasks = ['sr', ...Object.keys(manifest.tasks ?? {})] } = loaded;
  if (!tasks.includes(task)) {
    const known = tasks.map((name) => `'${name}'`).join(' or ');
    throw new InvalidOptionError(
      'task',
      `Expected ${known} for task but received '${task}': the model ${manifest.name} has no networks for that`,
    );
  }
  if (task === 'sr') return loaded;
  const { defaults, ...networks } = manifest.tasks?.[task] ?? {};
  return {
    ...loaded,
    manifest: {
      ...manifest,
      networks: { ...manifest.networks, ...networks },
      defaults: { ...manifest.defaults, ...defaults },
    },
  };
}
