/** What the package is made from, and how it is published: pinned, checked, without install scripts, with its licences. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { manifestIn, ROOT } from './packages';

interface Locked {
  readonly integrity?: string;
  readonly resolved?: string;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
  readonly license?: string;
}

const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');
const { '': _, ...locked } = JSON.parse(read('package-lock.json')).packages as Record<string, Locked>;
const { dependencies = {}, devDependencies = {} } = manifestIn(ROOT);

describe('dependencies', () => {
  it.each(Object.entries({ ...dependencies, ...devDependencies }))('%s is pinned: %s', (name, version) => {
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(locked[`node_modules/${name}`]).toMatchObject({ version });
  });

  it('have hashes, and come from the public registry', () => {
    expect(Object.keys(locked).length).toBeGreaterThan(100);
    for (const [name, { integrity, resolved }] of Object.entries(locked)) {
      expect(integrity, name).toMatch(/^sha512-/);
      if (resolved !== undefined) expect(resolved, name).toMatch(/^https:\/\/registry\.npmjs\.org\//);
    }
  });

  it('of users have no install script, and those of ours are not run: npm ci works without', () => {
    const scripts = Object.entries(locked).filter(([, { hasInstallScript }]) => hasInstallScript);
    expect(scripts.filter(([, { dev }]) => !dev)).toEqual([]);
    expect(read('.npmrc')).toMatch(/^ignore-scripts=true$/m);
  });

  it('of users are in NOTICE.md, with their licences', () => {
    for (const name of Object.keys(dependencies)) {
      const { license } = locked[`node_modules/${name}`] as Locked;
      expect(read('NOTICE.md')).toMatch(new RegExp(`^\\| ${name}\\b.*\\| ${license} \\|$`, 'm'));
    }
  });
});

it('packages are published with provenance, by a job that may ask for it', () => {
  const workflow = read('.github/workflows/release.yml');
  const publishing = workflow.split('\n').filter((line) => line.includes('npm publish'));
  expect(publishing.length).toBeGreaterThan(0);
  for (const line of publishing) expect(line).toContain('--provenance');
  expect(workflow).toContain('id-token: write');
});
