/** What the documentation names is there: error codes, files, commands; and what is generated is up to date. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { GENERATED_PAGES, generatedPage } from '../../scripts/site-docs';
import { PAGES, ROOT, read } from './pages';

it.each(GENERATED_PAGES)('%s is up to date (npm run docs:options)', async (page) => {
  expect(read(page)).toBe(await generatedPage(page, read(page)));
});

it('troubleshooting has an entry for every error code, and for no other', () => {
  const codes = [...read('src/errors.ts').matchAll(/^ {2}(DIFFBIR_\w+):/gm)].map(([, code]) => code);
  const entries = [...read('docs/operation/troubleshooting.md').matchAll(/^### (DIFFBIR_\w+)$/gm)].map(
    ([, code]) => code,
  );
  expect(codes.length).toBeGreaterThan(20);
  expect(entries.sort()).toEqual(codes.sort());
});

/** Code spans that begin like a path of the repository; those with a placeholder or a pattern name none. */
const PATH = /`((?:src|native|test|scripts|docs|bench|models|training|examples|assets|\.github|\.ci)\/[^\s`<*{]*)`/g;
/** Written by a build, which a checkout need not have. */
const BUILT = /^docs\/\.vitepress\/dist/;

it.each(PAGES)('%s names files that there are', (page) => {
  const named = [...read(page).matchAll(PATH)].map(([, file = '']) => file).filter((file) => !BUILT.test(file));
  expect(named.filter((file) => !existsSync(path.join(ROOT, file)))).toEqual([]);
});

it('C++ on the pages about internals stands so in native/', () => {
  const sources = readdirSync(path.join(ROOT, 'native'), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(cpp|h)$/.test(file))
    .map((file) => read(`native/${file}`));
  const blocks = PAGES.flatMap((page) =>
    [...read(page).matchAll(/```cpp\n([\s\S]*?)```/g)].map(([, code = '']) => code),
  );
  expect(blocks.length).toBeGreaterThan(2);
  expect(blocks.filter((code) => !sources.some((source) => source.includes(code)))).toEqual([]);
});

/** Those of the site are VitePress's to check. */
it.each(['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'])('%s links to files that there are', (page) => {
  const links = [...read(page).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, file = '']) => file);
  expect(links.filter((file) => !existsSync(path.join(ROOT, file)))).toEqual([]);
});

it('paths are found on the pages about internals', () => {
  for (const page of ['architecture', 'add-a-network', 'add-a-sampler', 'release']) {
    expect([...read(`docs/internals/${page}.md`).matchAll(PATH)].length, page).toBeGreaterThan(3);
  }
});

it.each(PAGES)('%s names npm scripts that there are', (page) => {
  const { scripts } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { scripts: object };
  const named = [...read(page).matchAll(/npm run (?:--?\S+ )*([\w:-]+)/g)].map(([, name = '']) => name);
  expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
});
