/**
 * `npm run pack:gpu -- DIR [--piece MB] [--arch 90] [--libraries FOLDER] [--provider-only] [--without-libraries]`: writes what
 * `test:gpu` and `bench:gpu` need to DIR, in pieces, for a Linux machine that has an NVIDIA GPU but no network, no Node.js and
 * no compiler. There `sh DIR/setup.sh TARGET` puts them together.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { PACKAGES, PROVIDER_ARCHITECTURES } from '../src/device/install/packages';
import { CUDA, librariesFolder, MANIFEST, ONNXRUNTIME, type ProviderManifest } from '../src/device/libraries';
import { loadBinding, nativeFiles } from '../src/native/loadBinding';
import { ADDON_FILE, PLATFORM, runtimeFile } from '../src/native/platforms';
import { keepArchitecture } from './gpu/fatbin';

const root = path.resolve(import.meta.dirname, '..');
const { values, positionals } = parseArgs({
  options: {
    /** The most that a piece may have, in MB. */
    piece: { type: 'string', default: '48' },
    /** Of the target's GPU: code for others is left out of the provider. */
    arch: { type: 'string' },
    libraries: { type: 'string', default: librariesFolder() },
    /** Without NVIDIA's own, which `NVIDIA_LIBS` names on the target. */
    'provider-only': { type: 'boolean', default: false },
    'without-libraries': { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const [dir] = positionals;
if (dir === undefined) throw new Error('Expected the folder to write to: npm run pack:gpu -- DIR');
for (const name of ['piece', 'arch'] as const) {
  if (!/^[1-9]\d*$/.test(values[name] ?? '1')) throw new Error(`Expected a number for --${name}, not ${values[name]}`);
}

/** Folders and files of the repository that are needed as they are. `CMakeLists.txt` tells a checkout from an installation. */
const OWN = ['CMakeLists.txt', 'package.json', 'tsconfig.json', 'assets', 'bench', 'models', 'src', 'test'];
const PROVIDER = 'libonnxruntime_providers_cuda.so';
/** Level 0: a fifth of the time that the default takes, for a tenth more bytes. */
const PIPELINE = 'size=$1 prefix=$2; shift 2; tar -c "$@" | xz -0 -T0 | split -d -b "$size" - "$prefix"';

const staging = mkdtempSync(path.join(tmpdir(), 'diffbir-pack-gpu-'));
try {
  stageBuild();
  if (!values['without-libraries']) stageLibraries();
  for (const { name, bytes } of writePieces(dir)) console.log(`${name}: ${(bytes / 1e6).toFixed(1)} MB`);
} finally {
  rmSync(staging, { recursive: true });
}

/** What was built, the Node.js that this runs on, and what starts it. */
function stageBuild(): void {
  if (!loadBinding().devices().built) throw new Error('The addon was built without CUDA: build it where nvcc is');
  const twins = path.resolve(root, process.env.DIFFBIR_BUILD_DIR ?? 'build', 'gpu_twins');
  if (!existsSync(twins)) throw new Error(`${twins} is missing: npm run build:native`);
  const { addon, runtime } = nativeFiles();
  const prebuilds = `prebuilds/${PLATFORM}`;
  const files = {
    [`${prebuilds}/${ADDON_FILE}`]: addon,
    [`${prebuilds}/${runtimeFile(process.platform)}`]: runtime,
    'build/gpu_twins': twins,
    'bin/node': process.execPath,
    run: path.join(import.meta.dirname, 'gpu', 'run.sh'),
  };
  for (const [name, source] of Object.entries(files)) copyFileSync(source, placeFor(name));
}

/** As `diffbir install-cuda` lays them out. The manifest has what is packed: what is linked later may be of other versions. */
function stageLibraries(): void {
  const folder = `cache/cuda/${ONNXRUNTIME}`;
  const entries = PACKAGES.flatMap((one) => one.entries).map(({ path: place, bytes }) => {
    return { name: path.posix.basename(place), bytes };
  });
  const wanted = entries.filter(({ name }) => !values['provider-only'] || name.startsWith('libonnxruntime_'));
  const files = wanted.map(({ name, bytes }) => {
    const file = path.join(values.libraries, name);
    if (statSync(file, { throwIfNoEntry: false })?.size !== bytes) {
      const instead = '--libraries names another folder, --without-libraries leaves them out';
      throw new Error(`There is no ${file} of ${bytes} bytes: npx diffbir install-cuda. ${instead}`);
    }
    const content = readFileSync(file);
    if (values.arch && name === PROVIDER) keepArchitecture(content, Number(values.arch));
    writeFileSync(placeFor(`${folder}/${name}`), content);
    return { name, sha256: sha256Of(content), bytes };
  });
  const isKept = (name: string) => values.arch === undefined || name.replace(/\D/g, '') === values.arch;
  const architectures = PROVIDER_ARCHITECTURES.filter(isKept);
  const manifest: ProviderManifest = { onnxruntime: ONNXRUNTIME, cuda: CUDA, architectures, files };
  writeFileSync(placeFor(`${folder}/${MANIFEST}`), `${JSON.stringify(manifest, undefined, 2)}\n`);
}

function placeFor(name: string): string {
  const place = path.join(staging, name);
  mkdirSync(path.dirname(place), { recursive: true });
  return place;
}

/** Folders of tsx, and of what it and the package depend on, as npm has installed them for this platform. */
function modules(): string[] {
  const found = execFileSync('npm', ['query', '.prod, #tsx, #tsx *'], { cwd: root, encoding: 'utf8' });
  const locations = (JSON.parse(found) as { location: string }[]).map(({ location }) => location);
  return ['node_modules/.bin/tsx', ...locations.filter((location) => location !== '')];
}

function writePieces(out: string): { name: string; bytes: number }[] {
  mkdirSync(out, { recursive: true });
  const isPiece = (name: string) => /^piece-\d+$/.test(name);
  for (const old of readdirSync(out).filter(isPiece)) rmSync(path.join(out, old));
  const members = ['-C', root, ...OWN, ...modules(), '-C', staging, ...readdirSync(staging)];
  const names = [`${values.piece}MB`, path.join(out, 'piece-')];
  const command = ['-o', 'pipefail', '-c', PIPELINE, 'pack-gpu', ...names, ...members];
  const { status, error } = spawnSync('bash', command, { stdio: 'inherit' });
  if (status !== 0) throw new Error('tar, xz or split failed: see above', { cause: error });
  const pieces = readdirSync(out)
    .filter(isPiece)
    .sort()
    .map((name) => {
      const content = readFileSync(path.join(out, name));
      return { name, bytes: content.length, sum: sha256Of(content) };
    });
  writeFileSync(path.join(out, 'pieces.sha256'), pieces.map(({ name, sum }) => `${sum}  ${name}\n`).join(''));
  copyFileSync(path.join(import.meta.dirname, 'gpu', 'setup.sh'), path.join(out, 'setup.sh'));
  return pieces;
}

function sha256Of(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
