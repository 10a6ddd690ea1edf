/**
 * Writes the parts of the documentation site that are generated: options, commands, official models.
 * `npm run docs:options`; a test compares the files with what this writes.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { commandsSection } from './site/commands';
import { modelsSection } from './site/models';
import { optionsPage } from './site/options';

const [BEGIN, END] = ['<!-- generated: begin (npm run docs:options) -->', '<!-- generated: end -->'];

const SECTIONS: Readonly<Record<string, () => string | Promise<string>>> = {
  'docs/reference/options.md': optionsPage,
  'docs/reference/cli.md': commandsSection,
  'docs/models/official.md': modelsSection,
};
export const GENERATED_PAGES = Object.keys(SECTIONS);

/** The page with its generated part as it should be. */
export async function generatedPage(name: string, before: string): Promise<string> {
  const [begin, end] = [before.indexOf(BEGIN), before.indexOf(END)];
  const make = SECTIONS[name];
  if (!make || begin < 0 || end < begin) throw new Error(`${name} lacks ${BEGIN} or ${END}`);
  return `${before.slice(0, begin + BEGIN.length)}\n\n${await make()}\n\n${before.slice(end)}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const name of GENERATED_PAGES) {
    const file = path.join(import.meta.dirname, '..', name);
    writeFileSync(file, await generatedPage(name, readFileSync(file, 'utf8')));
  }
}
