/**
 * `npm run pack -- [--out FOLDER] [--prebuilds FOLDER] [--all]`: makes the tarballs that users install, `diffbir` and one
 * `@diffbir/<platform>` for each built prebuilds/<platform>/, and prints their sizes. `--all`: every platform must be there.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ADDON_FILE, PLATFORMS, platformPackage, runtimeFile } from '../src/native/platforms';

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
}

const root = path.resolve(import.meta.dirname, '..');
const { values } = parseArgs({
  options: {
    out: { type: 'string', default: path.join(root, 'out', 'packages') },
    prebuilds: { type: 'string', default: path.join(root, 'prebuilds') },
    all: { type: 'boolean', default: false },
  },
});
const out = path.resolve(values.out);

/** The terms of what is inside ONNX Runtime's library, which the package with its headers brings. */
const RUNTIME_NOTICES = path.join(root, 'node_modules', 'com.github.asus4.onnxruntime', 'ThirdPartyNotices.txt');
/** What only the repository needs. */
const LEFT_OUT = new Set(['private', 'scripts', 'devDependencies', 'binary', 'gypfile']);

const own = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
const built = Object.keys(PLATFORMS).filter((platform) => existsSync(path.join(values.prebuilds, platform)));
const missing = Object.keys(PLATFORMS).filter((platform) => !built.includes(platform));
if (values.all && missing.length > 0) throw new Error(`${values.prebuilds} lacks ${missing.join(', ')}`);

const staging = mkdtempSync(path.join(tmpdir(), 'diffbir-pack-'));
try {
  for (const packed of pack([...built.map(stagePlatform), stageMain()])) {
    console.log(`${packed.filename}: ${megabytes(packed.size)}, unpacked ${megabytes(packed.unpackedSize)}`);
  }
} finally {
  rmSync(staging, { recursive: true });
}

/** The package without binaries. Its dependencies on platforms exist only there: a checkout has its own prebuilds. */
function stageMain(): string {
  const kept = Object.fromEntries(Object.entries(own).filter(([name]) => !LEFT_OUT.has(name)));
  const optionalDependencies = Object.fromEntries(
    Object.keys(PLATFORMS).map((platform) => [platformPackage(platform), own.version]),
  );
  return stage({ ...kept, optionalDependencies }, root, own.files);
}

function stagePlatform(platform: string): string {
  const { os, cpu, libc } = PLATFORMS[platform] as (typeof PLATFORMS)[string];
  const { version, license, engines, repository } = own;
  const manifest = {
    name: platformPackage(platform),
    version,
    description: `The native part of diffbir, with ONNX Runtime, for ${platform}. Installed by diffbir.`,
    license,
    type: 'commonjs',
    engines,
    repository,
    os: [os],
    cpu: [cpu],
    libc: libc && [libc],
    // The libraries are opened by path, which does not work inside the archives of Yarn Plug'n'Play.
    preferUnplugged: true,
  };
  const folder = stage(manifest, path.join(values.prebuilds, platform), [ADDON_FILE, runtimeFile(os)]);
  for (const file of ['LICENSE', 'NOTICE.md']) cpSync(path.join(root, file), path.join(folder, file));
  cpSync(RUNTIME_NOTICES, path.join(folder, path.basename(RUNTIME_NOTICES)));
  return folder;
}

/** A folder with these files of `source`, all of which go into the package. */
function stage(manifest: object, source: string, files: readonly string[]): string {
  const folder = mkdtempSync(path.join(staging, 'package-'));
  for (const file of files) cpSync(path.join(source, file), path.join(folder, file), { recursive: true });
  writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  return folder;
}

function pack(folders: readonly string[]): Packed[] {
  mkdirSync(out, { recursive: true });
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', out, ...folders];
  // On Windows npm is a script, which only a shell starts.
  return JSON.parse(execFileSync('npm', args, { encoding: 'utf8', shell: process.platform === 'win32' }));
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
