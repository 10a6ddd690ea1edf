import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { temporaryFolder } from '../facade/fakes';

const root = path.resolve(import.meta.dirname, '..', '..');
/** `npm test` builds first; in a checkout where nothing was built there is nothing to pack. */
const isBuilt = existsSync(path.join(root, 'dist', 'index.d.ts'));
const hasAddon = existsSync(path.join(root, 'prebuilds', `${process.platform}-${process.arch}`, 'diffbir.node'));
const hasModel = existsSync(path.join(root, 'models', 'tiny', 'model.json'));

/** Prints what the module exports and whether its version can be told: as ESM and as CommonJS. */
const USE = `console.log(JSON.stringify([typeof diffbir.restore, typeof diffbir.Restorer.create, new diffbir.InvalidOptionError('a', 'b').code]));`;
const TYPES = `
import { restore, Restorer, DiffBIRError, type RestoreOptions, type RestoreResult, type ModelManifest } from 'diffbir';
const options: RestoreOptions = { steps: 10, seed: 5n, guidance: { scale: 1 }, onProgress: ({ fraction }) => { fraction.toFixed(); } };
export async function main(): Promise<RestoreResult> {
  await using restorer = await Restorer.create({ stage: 1, model: './model' });
  await (await restorer.restore(new Uint8Array())).toFile('a.png', { force: true });
  return restore('a.jpg', options);
}
// @ts-expect-error: unknown options do not compile
export const wrong: RestoreOptions = { stesp: 1 };
export const isOurs = (error: unknown): string | undefined => (error instanceof DiffBIRError ? error.code : undefined);
export type Networks = ModelManifest['networks'];
`;

describe.skipIf(!isBuilt)('the packed tarball in an empty folder', () => {
  let folder: string;
  const run = (command: string, ...args: string[]) =>
    execFileSync(command, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

  beforeAll(() => {
    folder = path.join(temporaryFolder(), 'app');
    mkdirSync(folder);
    execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: root, stdio: 'pipe' });
    const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
    writeFileSync(path.join(folder, 'package.json'), '{"private": true}');
    // From npm's cache, which `npm ci` of this repository has filled.
    run(
      'npm',
      'install',
      '--ignore-scripts',
      '--prefer-offline',
      '--no-audit',
      '--no-fund',
      `./diffbir-${version}.tgz`,
    );
  }, 300_000);

  it('import and require give the same package', () => {
    writeFileSync(path.join(folder, 'a.mjs'), `import * as diffbir from 'diffbir';\n${USE}`);
    writeFileSync(path.join(folder, 'a.cjs'), `const diffbir = require('diffbir');\n${USE}`);
    for (const file of ['a.mjs', 'a.cjs']) {
      expect(JSON.parse(run('node', file)), file).toEqual(['function', 'function', 'DIFFBIR_INVALID_OPTION']);
    }
  });

  it.each([
    ['bundler', 'ESNext', 'ts'],
    ['node16', 'Node16', 'mts'],
    ['node16', 'Node16', 'cts'],
  ])('its types compile: moduleResolution %s, .%s', (moduleResolution, module, extension) => {
    const file = `types-${moduleResolution}.${extension}`;
    writeFileSync(path.join(folder, file), TYPES);
    const compilerOptions = {
      ...{
        module,
        moduleResolution,
        target: 'ES2022',
        lib: ['ES2022', 'ESNext.Disposable'],
        noEmit: true,
        strict: true,
      },
      typeRoots: [path.join(root, 'node_modules', '@types')],
      types: ['node'],
    };
    writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }));
    const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    try {
      run('node', tsc, '-p', 'tsconfig.json');
    } catch (error) {
      expect.fail((error as { stdout: string }).stdout);
    }
  });

  it('the command is there', () => {
    expect(run('npx', '--no-install', 'diffbir', 'restore', '--help')).toContain('--cfg-scale <n>');
    expect(run('npx', '--no-install', 'diffbir', 'pull', '--list')).toMatch(/^v2\.1: \d/m);
  });

  it('its packages need no install script, and it brings licences and model card', () => {
    const installed = path.join(folder, 'node_modules', 'diffbir');
    const { scripts = {} } = JSON.parse(readFileSync(path.join(installed, 'package.json'), 'utf8'));
    for (const name of ['preinstall', 'install', 'postinstall']) expect(scripts[name]).toBeUndefined();
    for (const file of ['LICENSE', 'NOTICE.md', 'README.md', 'assets'])
      expect(existsSync(path.join(installed, file)), file).toBe(true);
    expect(existsSync(path.join(installed, 'binding.gyp'))).toBe(false);
  });

  it.skipIf(!hasAddon || !hasModel)('restores a photograph', async () => {
    const photo = path.join(root, 'examples', 'sample', 'degraded.jpg');
    const line = run('npx', '--no-install', 'diffbir', 'restore', photo, '-o', 'restored.png', '--json');
    expect(JSON.parse(line)).toMatchObject({ ok: true, output: 'restored.png', stage: 2 });
    expect(readFileSync(path.join(folder, 'restored.png')).subarray(1, 4).toString()).toBe('PNG');
  });
});
