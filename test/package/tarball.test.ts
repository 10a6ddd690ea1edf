/** What the tarballs hold, and what the two linters of packages say of them. */
import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { PLATFORM, PLATFORMS, runtimeFile } from '../../src/native/platforms';
import { IS_BUILT, manifestIn, manifestOf, packOwn, ROOT } from './packages';
import { scratchFolder } from './scratch';

const NAMES = Object.keys(PLATFORMS);
const { version } = manifestIn(ROOT);
const LIMIT = 30e6;

describe.skipIf(!IS_BUILT)('the packed tarballs', () => {
  const out = scratchFolder();
  let printed: string;
  beforeAll(() => {
    printed = packOwn(out);
  }, 120_000);

  const tarball = (name: string) => path.join(out, `${name}-${version}.tgz`);
  const listed = (name: string) =>
    execFileSync('tar', ['-tzf', tarball(name)], { encoding: 'utf8' })
      .split(/\r?\n/)
      .filter(Boolean)
      .map((file) => file.replace('package/', ''));

  it('diffbir has no binaries, no install script, and a package for every platform', () => {
    const manifest = manifestOf(tarball('diffbir'));
    expect(manifest).toMatchObject({
      name: 'diffbir',
      version,
      optionalDependencies: Object.fromEntries(NAMES.map((name) => [`@diffbir/${name}`, version])),
    });
    for (const field of ['private', 'scripts', 'devDependencies']) expect(manifest).not.toHaveProperty(field);
    const files = listed('diffbir');
    for (const file of ['LICENSE', 'NOTICE.md', 'README.md', 'dist/index.js', 'models/tiny/model.json'])
      expect(files).toContain(file);
    for (const file of files) expect(file).not.toMatch(/\.(node|dll|dylib|gyp)$|\.so/);
  });

  it.each(Object.entries(PLATFORMS))('@diffbir/%s is for its platform alone, with licences', (name, fields) => {
    const { os, cpu, libc } = fields;
    expect(manifestOf(tarball(`diffbir-${name}`))).toMatchObject({
      ...{ name: `@diffbir/${name}`, version, license: 'Apache-2.0', os: [os], cpu: [cpu] },
      ...(libc && { libc: [libc] }),
    });
    const files = ['LICENSE', 'NOTICE.md', 'ThirdPartyNotices.txt', 'diffbir.node', 'package.json', runtimeFile(os)];
    expect(listed(`diffbir-${name}`).sort()).toEqual(files.sort());
  });

  it('their sizes are printed, and below the limit', () => {
    for (const name of readdirSync(out)) expect(printed).toContain(`${name}: `);
    for (const name of ['diffbir', `diffbir-${PLATFORM}`]) {
      expect(statSync(tarball(name)).size, name).toBeGreaterThan(1e6);
      expect(statSync(tarball(name)).size, name).toBeLessThan(LIMIT);
    }
  });

  const lint = (tool: string, ...args: string[]) => {
    try {
      return execFileSync(process.execPath, [path.join(ROOT, 'node_modules', tool), ...args], { encoding: 'utf8' });
    } catch (error) {
      return expect.fail((error as { stdout: string }).stdout);
    }
  };

  it.each(['diffbir', `diffbir-${PLATFORM}`])('publint has nothing to say of %s', (name) => {
    const said = lint('publint/src/cli.js', 'run', tarball(name), '--strict');
    expect(said).toContain('All good!');
  });

  it('attw finds the types of diffbir right for every way to import it', () => {
    const said = lint('@arethetypeswrong/cli/dist/index.js', tarball('diffbir'), '--no-emoji', '--format', 'table');
    expect(said).toContain('No problems found');
  });
});
