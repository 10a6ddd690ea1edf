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
    for (const page of [...pages, ...decisions, 'index.html', 'api/index.html', 'results/evaluation.html']) {
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
    const ids = new Map(
      named('.html').map((file) => [file, new Set([...text(file).matchAll(/\bid="([^"]*)"/g)].map(([, id]) => id))]),
    );
    const dead: string[] = [];
    for (const file of ids.keys()) {
      for (const [, page = '', id = ''] of text(file).matchAll(/href="(?:\/([^"#:]*\.html|[^"#:]*\/))?#([^"]+)"/g)) {
        const target = page === '' ? file : page.replace(/\/$/, '/index.html');
        if (!ids.get(target)?.has(decodeURIComponent(id))) dead.push(`${file}: ${page}#${id}`);
      }
    }
    expect(dead).toEqual([]);
  });
});
