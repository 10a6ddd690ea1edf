/** The tarballs as users get them: ours from `scripts/pack.ts`, those of our dependencies from node_modules. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ADDON_FILE, PLATFORM, PLATFORMS, runtimeFile } from '../../src/native/platforms';
import { temporaryFolder } from '../facade/fakes';
import type { Published } from './registry';

export const ROOT = path.resolve(import.meta.dirname, '..', '..');
const PREBUILD = path.join(ROOT, 'prebuilds', PLATFORM);
/** `npm test` builds first; in a checkout where nothing was built there is nothing to pack. */
export const IS_BUILT = [path.join(ROOT, 'dist', 'index.d.ts'), path.join(PREBUILD, ADDON_FILE)].every(existsSync);

interface Packed {
  readonly name: string;
  readonly filename: string;
  readonly integrity: string;
}

/** Packages of every platform, of which only this machine's has libraries in it. Answers what the script printed. */
export function packOwn(out: string): string {
  const prebuilds = temporaryFolder();
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

export function manifestIn(folder: string) {
  return JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
}

/** Everything that `npm install diffbir` may ask for on this machine. */
export function publishAll(): Published[] {
  const staged = path.join(temporaryFolder(), 'staged');
  packOwn(staged);
  const own = ['diffbir', ...Object.keys(PLATFORMS)].map((name) => path.join(staged, name));
  const folders = [...own, ...dependenciesOf(manifestIn(path.join(staged, 'diffbir')))];
  const out = temporaryFolder();
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', out, ...folders];
  const packed = JSON.parse(execFileSync('npm', args, { encoding: 'utf8', shell: process.platform === 'win32' }));
  return folders.map((folder, i): Published => {
    const { filename, integrity } = packed[i] as Packed;
    return { manifest: manifestIn(folder), tarball: path.join(out, filename), integrity };
  });
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

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
