import { type Command, InvalidArgumentError, Option } from 'commander';
import { groupOf, type OptionSpec } from '../options/groups';
import type { RestoreOptions } from '../options/RestoreOptions';
import { OPTION_NAMES, type OptionName, specOf } from '../options/table';
import { check } from '../options/validate';

export interface Flag {
  /** Where the value goes: an option, or a member of a group. */
  readonly path: readonly [OptionName] | readonly [OptionName, string];
  readonly spec: OptionSpec;
}

/** Every one of the options that can be typed, with the members of groups as flags of their own. */
export function flags(names: readonly OptionName[]): Flag[] {
  return names.flatMap((name): Flag[] => {
    const group = groupOf(name);
    if (group) return Object.entries(group).map(([member, spec]) => ({ path: [name, member], spec }));
    return specOf(name).kind.placeholder === undefined ? [] : [{ path: [name], spec: specOf(name) }];
  });
}

/** Adds a flag for each option: `cfgScale` is `--cfg-scale <n>`, `guidance.scale` is `--guidance-scale <n>`. */
export function addFlags(command: Command, names: readonly OptionName[] = OPTION_NAMES): Command {
  for (const flag of flags(names)) {
    const { path, spec } = flag;
    const option = new Option(spelling(flag), isOn(spec) ? `Switch this off: ${spec.doc}` : help(spec));
    if (spec.kind.fromWord) option.argParser((word: string) => parse(spec, path.join('.'), word));
    command.addOption(option);
  }
  return command;
}

/** How a flag is typed, with the name of its value: `--cfg-scale <n>`, `--no-keep-metadata`. */
export function spelling({ path, spec }: Flag): string {
  const value = spec.kind.placeholder ? ` ${spec.kind.placeholder}` : '';
  return `--${isOn(spec) ? 'no-' : ''}${kebab(path.join('-'))}${value}`;
}

/** The options that were typed; everything else is left to the model and the table. */
export function typedOptions(command: Command, names: readonly OptionName[] = OPTION_NAMES): RestoreOptions {
  const options: Record<string, unknown> = {};
  for (const { path } of flags(names)) {
    const name = camel(path.join('-'));
    if (command.getOptionValueSource(name) !== 'cli') continue;
    const value = command.getOptionValue(name);
    const [option, member] = path;
    if (member === undefined) options[option] = value;
    else options[option] = { ...(options[option] as object), [member]: value };
  }
  return options as RestoreOptions;
}

function parse(spec: OptionSpec, name: string, word: string): unknown {
  const value = spec.kind.fromWord?.(word);
  try {
    check(spec, name, value);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
  return value;
}

function isOn(spec: OptionSpec): boolean {
  return spec.default === true;
}

function help(spec: OptionSpec): string {
  const shown = spec.defaultDoc ?? (spec.default === undefined || spec.default === false ? '' : String(spec.default));
  const choices = spec.kind.choices ? ` One of ${spec.kind.choices.join(', ')}.` : '';
  return `${spec.doc}${choices}${shown && ` (default: ${shown})`}`;
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function camel(name: string): string {
  return name.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}
