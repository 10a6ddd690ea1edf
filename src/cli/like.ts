import { inspect } from '../inspect';
import { groupOf } from '../options/groups';
import type { RestoreOptions } from '../options/RestoreOptions';
import type { RunParameters } from '../parameters/runParameters';
import { UsageError } from './usageError';

/**
 * The parameters of the picture that a run is to repeat. Throws UsageError where it has none, InvalidImageError where it
 * is no picture or they are damaged.
 */
export async function parametersOf(file: string, signal: AbortSignal): Promise<RunParameters> {
  const { parameters } = await inspect(file, { signal });
  if (parameters) return parameters;
  throw new UsageError(`${file} has no generation parameters: was it restored by diffbir, with its metadata kept?`);
}

/** Options of the picture, and those that were typed before them; groups member by member. */
export function withTyped(like: RestoreOptions, typed: RestoreOptions): RestoreOptions {
  const options: Record<string, unknown> = { ...like, ...typed };
  for (const name of Object.keys(options)) {
    if (groupOf(name)) options[name] = { ...like[name as 'guidance'], ...typed[name as 'guidance'] };
  }
  return options as RestoreOptions;
}
