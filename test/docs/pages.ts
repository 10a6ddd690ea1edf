import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export const ROOT = path.resolve(import.meta.dirname, '..', '..');

/** Markdown that people wrote and keep: the site's own pages, and those at the top of the repository. */
export const PAGES = [
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md'],
  ...['guide', 'reference', 'models', 'operation', 'internals'].flatMap((folder) =>
    readdirSync(path.join(ROOT, 'docs', folder))
      .filter((file) => file.endsWith('.md'))
      .map((file) => `docs/${folder}/${file}`),
  ),
];

export function read(page: string): string {
  return readFileSync(path.join(ROOT, page), 'utf8');
}
