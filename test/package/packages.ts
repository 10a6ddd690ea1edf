/** The tarballs as users get them: ours from `scripts/pack.ts`, those of our dependencies from node_modules. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ADDON_FILE, PLATFORM, PLATFORMS, runtimeFile } from '../../src/native/platforms';
import { scratchFolder } from './scratch';

export const ROOT = path.resolve(import.meta.dirname, '..', '..');
const PREBUILD = path.join(ROOT, 'prebuilds', PLATFORM);
/** `npm test` builds first; in a checkout where nothing was built there is nothing to pack. */
export const IS_BUILT = [path.join(ROOT, 'dist', 'index.d.ts'), path.join(PREBUILD, ADDON_FILE)].every(existsSync);

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/**
 * Tarballs of `diffbir` and of every platform, of which only this machine's has libraries in it. Answers what the script
 * printed.
 */
export function packOwn(out: string): string {
  const prebuilds = scratchFolder();
  for (const [platform, { os }] of Object.entries(PLATFORMS)) {
    const folder = path.join(prebuilds, platform);
    if (platform === PLATFORM) {
      symlinkSync(PREBUILD, folder, 'junction');
      continue;
    }
    mkdirSync(folder);
    for (const name of [ADDON_FILE, runtimeFile(os)]) writeFileSync(path.join(folder, name), 'of another platform');
  }
  const tsx = path.join(ROOT, 'node_modules', 'tsx', 'dist', 'cli.mjs');
  const script = path.join(ROOT, 'scripts', 'pack.ts');
  const args = [tsx, script, '--all', '--out', out, '--prebuilds', prebuilds];
  return execFileSync(process.execPath, args, { encoding: 'utf8' });
}

/** The package.json of a folder. */
export function manifestIn(folder: string): Manifest {
  return JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
}

/** The package.json of a tarball. */
export function manifestOf(tarball: string): Manifest {
  return JSON.parse(execFileSync('tar', ['-xzOf', tarball, 'package/package.json'], { encoding: 'utf8' }));
}

/** A folder with the tarballs of everything that `npm install diffbir` may ask for on this machine. */
export function packAll(): string {
  const out = scratchFolder();
  packOwn(out);
  const folders = dependenciesOf(manifestOf(path.join(out, `diffbir-${manifestIn(ROOT).version}.tgz`)));
  const args = ['pack', '--ignore-scripts', '--pack-destination', out, ...folders];
  execFileSync('npm', args, { stdio: 'pipe', shell: process.platform === 'win32' });
  return out;
}

/** Folders of all dependencies that are installed here, which the optional ones of other platforms are not. */
function dependenciesOf(manifest: Manifest, found = new Set<string>()): Set<string> {
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
    const folder = path.join(ROOT, 'node_modules', name);
    if (found.has(folder) || !existsSync(folder)) continue;
    found.add(folder);
    dependenciesOf(manifestIn(folder), found);
  }
  return found;
}
