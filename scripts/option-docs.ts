/**
 * Writes what is generated from the option table: `src/options/RestoreOptions.ts` and the option table in README.md.
 * `npm run docs:options`; a test compares the files with what this writes.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { GROUPS, groupOf, type OptionSpec } from '../src/options/groups';
import { OPTION_NAMES, specOf } from '../src/options/table';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const [BEGIN, END] = ['<!-- options: begin (npm run docs:options) -->', '<!-- options: end -->'];
const LINE = 116;
/** `lineWidth` of biome.json, with the line's end. */
const FORMATTER_LINE = 120 + 1;

export const GENERATED: Readonly<Record<string, (before: string) => string>> = {
  'src/options/RestoreOptions.ts': () => optionsInterface(),
  'README.md': (before) => withSection(before, optionsTable()),
};

/** The TypeScript interface that users see, with a doc comment on each member. */
export function optionsInterface(): string {
  const groups = Object.entries(GROUPS).map(
    ([name, members]) =>
      `/** ${specOf(name as 'guidance').doc} */\nexport interface ${capital(name)} {\n${block(Object.entries(members))}}\n`,
  );
  return `// Generated from table.ts by scripts/option-docs.ts (npm run docs:options): edit there.
import type { Device } from '../device/parse';
import type { ModelSource } from '../models/manifest';
import type { Captioner, Logger, RestoreProgress, Tensor } from './values';

${groups.join('\n')}
/** Options of \`restore()\` and \`Restorer\`. An option that is \`undefined\` counts as absent. */
export interface RestoreOptions {
${block(OPTION_NAMES.map((name) => [name, specOf(name)]))}}
`;
}

/** The README's table: one row an option. */
export function optionsTable(): string {
  const rows = OPTION_NAMES.flatMap((name) => {
    const group = groupOf(name);
    return group
      ? Object.entries(group).map(([member, spec]) => row(`${name}.${member}`, spec))
      : [row(name, specOf(name))];
  });
  return ['| option | type, range | default | meaning |', '|---|---|---|---|', ...rows].join('\n');
}

function block(members: readonly (readonly [string, OptionSpec])[]): string {
  return members.map(([name, spec]) => `${docComment(spec)}${member(name, spec.kind.type)}`).join('');
}

/** One line, or where that would be too long one line for each part of a union: as biome formats it. */
function member(name: string, type: string): string {
  const line = `  ${name}?: ${type.replace(/^(.*=>.*)$/, '($1)')} | undefined;\n`;
  if (line.length <= FORMATTER_LINE) return line;
  return `  ${name}?:\n${[...type.split(' | '), 'undefined'].map((part) => `    | ${part}`).join('\n')};\n`;
}

function docComment(spec: OptionSpec): string {
  const words = `${spec.doc} ${expectation(spec)}`.trim().split(' ');
  const lines = [''];
  for (const word of words) {
    const last = lines[lines.length - 1] as string;
    if (`   * ${last} ${word}`.length > LINE) lines.push(word);
    else lines[lines.length - 1] = last ? `${last} ${word}` : word;
  }
  const value = defaultOf(spec);
  if (value) lines.push(`@default ${value}`);
  return lines.length === 1
    ? `  /** ${lines[0]} */\n`
    : `  /**\n${lines.map((line) => `   * ${line}\n`).join('')}   */\n`;
}

/** The range, where the TypeScript type does not show it. */
function expectation({ kind }: OptionSpec): string {
  const plain = kind.expected.replace(/,$/, '');
  return /\d/.test(plain) && !/'/.test(kind.type) && !/^(1|2)( \||$)/.test(kind.type) ? `${capital(plain)}.` : '';
}

function row(name: string, spec: OptionSpec): string {
  return `| ${[`\`${name}\``, rangeText(spec), defaultText(spec), spec.doc].map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

/** What an option accepts, as Markdown. */
export function rangeText(spec: OptionSpec): string {
  return expectation(spec) ? spec.kind.expected.replace(/,$/, '') : `\`${spec.kind.type}\``;
}

/** Its default, as Markdown; empty where it has none. */
export function defaultText(spec: OptionSpec): string {
  return spec.defaultDoc ?? (spec.default === undefined ? '' : `\`${String(spec.default)}\``);
}

function defaultOf(spec: OptionSpec): string {
  if (spec.defaultDoc) return spec.defaultDoc;
  return spec.default === undefined ? '' : JSON.stringify(spec.default).replaceAll('"', "'");
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function withSection(file: string, section: string): string {
  const [begin, end] = [file.indexOf(BEGIN), file.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`README.md lacks ${BEGIN} or ${END}`);
  return `${file.slice(0, begin + BEGIN.length)}\n${section}\n${file.slice(end)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, make] of Object.entries(GENERATED)) {
    const file = path.join(root, name);
    const before = name.endsWith('.md') ? readFileSync(file, 'utf8') : '';
    writeFileSync(file, make(before));
  }
}
