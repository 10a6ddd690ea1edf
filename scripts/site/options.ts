import { flags, spelling } from '../../src/cli/flags';
import { groupOf, type OptionSpec } from '../../src/options/groups';
import { OPTION_NAMES, specOf } from '../../src/options/table';
import { defaultText, rangeText } from '../option-docs';

const FLAGS = new Map(flags(OPTION_NAMES).map((flag) => [flag.path.join('.'), spelling(flag)]));

/** One heading an option: a table of these texts would be too wide for a page, and no search finds a row of it. */
export function optionsPage(): string {
  const part = (title: string, scope: OptionSpec['scope']) =>
    [`## ${title}`, ...OPTION_NAMES.filter((name) => specOf(name).scope === scope).flatMap(entries)].join('\n\n');
  return `${part('When a Restorer is created', 'load')}\n\n${part('In each call', 'call')}`;
}

function entries(name: (typeof OPTION_NAMES)[number]): string[] {
  const members = Object.entries(groupOf(name) ?? {});
  return [entry(name, specOf(name)), ...members.map(([member, spec]) => entry(`${name}.${member}`, spec))];
}

function entry(name: string, spec: OptionSpec): string {
  const flag = FLAGS.get(name);
  const value = defaultText(spec);
  const facts = [
    rangeText(spec),
    value && value !== '``' ? `default: ${value}` : '',
    flag ? `flag: \`${flag}\`` : '',
    spec.manifest ? '`model.json` may set it' : '',
    spec.onlyFor ? `for \`task: '${spec.onlyFor}'\`` : '',
  ];
  return `### \`${name}\`\n\n${spec.doc}\n\n- ${facts.filter(Boolean).join('\n- ')}`;
}
