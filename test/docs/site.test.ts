/** The documentation site as it is built: VitePress itself refuses links to pages that there are not. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../facade/fakes';
import { PAGES, ROOT } from './pages';

describe('the site', () => {
  const out = temporaryFolder();
  let files: string[];
  const text = (file: string) => readFileSync(path.join(out, file), 'utf8');
  const named = (...endings: string[]) => files.filter((file) => endings.some((ending) => file.endsWith(ending)));

  beforeAll(() => {
    const vitepress = path.join(ROOT, 'node_modules', 'vitepress', 'bin', 'vitepress.js');
    execFileSync(process.execPath, [vitepress, 'build', 'docs', '--outDir', out], { cwd: ROOT, stdio: 'pipe' });
    files = readdirSync(out, { recursive: true, encoding: 'utf8' });
  }, 300_000);

  it('has every page, the API, the decisions and the evaluation', () => {
    const pages = PAGES.filter((page) => page.startsWith('docs/')).map((page) =>
      page.replace(/^docs\/(.*)md$/, '$1html'),
    );
    const decisions = readdirSync(path.join(ROOT, 'docs', 'decisions')).map(
      (file) => `decisions/${file.replace('.md', '.html')}`,
    );
    for (const page of [...pages, ...decisions, 'index.html', 'api/README.html', 'results/evaluation.html']) {
      expect(existsSync(path.join(out, page)), page).toBe(true);
    }
  });

  it('loads nothing from other hosts', () => {
    const loads = /<(?:script|link|img|iframe|source|video)\b[^>]*\b(?:src|href)="(?:https?:)?\/\/[^"]*/g;
    for (const file of named('.html')) expect(text(file).match(loads), file).toBeNull();
    for (const file of named('.css'))
      expect(text(file).match(/(?:url\(|@import\s*)["']?(?:https?:)?\/\/[^)]*/), file).toBeNull();
  });

  it('has the places that links with # lead to', () => {
    const places = new Set<string>();
    const links = new Map<string, string>();
    for (const file of named('.html')) {
      const page = new URL(file.replaceAll(path.sep, '/'), 'http://site/');
      const matches = (pattern: RegExp) => [...text(file).matchAll(pattern)].map(([, found = '']) => found);
      for (const id of matches(/\bid="([^"]*)"/g)) places.add(new URL(`#${id}`, page).href);
      for (const href of matches(/\bhref="([^"]*#[^"]*)"/g)) {
        const { host, href: target } = new URL(href, page);
        if (host === 'site') links.set(target.replace(/\/#/, '/index.html#'), file);
      }
    }
    expect(links.size).toBeGreaterThan(200);
    expect([...links].filter(([target]) => !places.has(target))).toEqual([]);
  });
});
