import { parseStrictJson } from '../checkpoint/strictJson';
import { InvalidImageError } from '../errors';
import type { Task } from '../options/choices';
import type { RestoreOptions } from '../options/RestoreOptions';
import type { ResolvedOptions } from '../options/resolve';
import { OPTION_NAMES, OPTIONS, type OptionName, specOf } from '../options/table';
import { check, ownMembers, validateOptions } from '../options/validate';
import { packageVersion } from '../packageVersion';

/** What a picture was made with: everything that is needed to make it again from the same input. */
export interface RunParameters {
  /** Version of this package. */
  readonly version: string;
  /** Name of the model, from its manifest. */
  readonly model: string;
  readonly task: Task;
  /** Every option that the picture depends on, defaults included, since those of later versions may differ. */
  readonly options: RestoreOptions;
}

/** Longer parameters are not written, and not read: a JPEG holds 60000 bytes of XMP. */
export const MAX_PARAMETERS = 32_768;

const FORMAT_VERSION = 1;
const MAX_DEPTH = 4;

/** Options that a picture of this stage depends on. */
export function recordedOptions(stage: 1 | 2): OptionName[] {
  return OPTION_NAMES.filter((name) => (specOf(name).recordedFrom ?? Number.POSITIVE_INFINITY) <= stage);
}

/** The parameters of a run; undefined where `noise` stands for the seed, since recorded tensors are not written. */
export function runParameters(
  { name: model, task }: { readonly name: string; readonly task: Task },
  options: ResolvedOptions,
  stage: 1 | 2,
): RunParameters | undefined {
  // An empty list stands for the seed.
  if (options.noise?.length) return undefined;
  const all: Readonly<Record<string, unknown>> = { ...options, stage };
  const read = recordedOptions(stage).filter((name) => (specOf(name).onlyFor ?? task) === task);
  const recorded = Object.fromEntries(read.map((name) => [name, all[name]]));
  return { version: packageVersion(), model, task, options: recorded as RestoreOptions };
}

/** One line of JSON, in characters that XML allows. A seed that no number holds exactly is a string. */
export function toJson({ version, model, task, options }: RunParameters): string {
  return JSON.stringify({ formatVersion: FORMAT_VERSION, version, model, task, options }, (_, value) =>
    typeof value !== 'bigint' ? value : value <= Number.MAX_SAFE_INTEGER ? Number(value) : String(value),
  ).replace(/[\u007f-\u009f\ufffe\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/**
 * Reads what `toJson` wrote. The text comes from a file of anybody: it is bounded, strictly parsed, and its options go
 * through the option table like those of a call.
 * Throws InvalidImageError.
 * @param name names the picture in messages
 */
export function parseParameters(text: string, name: string): RunParameters {
  try {
    if (text.length > MAX_PARAMETERS) throw new RangeError(`${text.length} characters are too many`);
    const found = ownMembers(parseStrictJson(text, MAX_DEPTH), 'parameters', KEYS, '');
    if (found.formatVersion !== FORMAT_VERSION) throw new RangeError('they have another format version');
    const { version, model, task = OPTIONS.task.default, options } = found;
    check(OPTIONS.task, 'task', task);
    if (!isName(version) || !isName(model)) throw new RangeError('they name no version or no model');
    const checked = validateOptions(withSeed(options), { only: recordedOptions(2) });
    return { version, model, task: task as Task, options: { ...checked } };
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new InvalidImageError(`${name} has generation parameters that cannot be used: ${reason}`, { cause });
  }
}

const KEYS = ['formatVersion', 'version', 'model', 'task', 'options'];

/** A seed above 2^53 is written as its digits. */
function withSeed(options: unknown): unknown {
  const seed = (options as { seed?: unknown } | undefined)?.seed;
  return typeof seed === 'string' && /^\d{1,20}$/.test(seed) ? { ...(options as object), seed: BigInt(seed) } : options;
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 1000;
}
