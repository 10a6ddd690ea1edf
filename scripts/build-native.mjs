// Builds native/ with cmake-js and lays addon and ONNX Runtime side by side in prebuilds/<platform>-<arch>/.
// DIFFBIR_BUILD_DIR (default: build) chooses another build folder; extra arguments go to cmake-js.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const buildDir = path.resolve(root, process.env.DIFFBIR_BUILD_DIR ?? 'build');
const target = `${process.platform}-${process.arch}`;
const prebuild = path.join(root, 'prebuilds', target);

const cmakeJs = path.join(root, 'node_modules', 'cmake-js', 'bin', 'cmake-js');
const args = [cmakeJs, 'compile', '--out', buildDir, '--silent', '--parallel', '2', ...process.argv.slice(2)];
const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);

mkdirSync(prebuild, { recursive: true });
const addon = [path.join(buildDir, 'diffbir.node'), path.join(buildDir, 'Release', 'diffbir.node')].find(existsSync);
install(readFileSync(addon), 'diffbir.node');

const runtimeDir = path.join(
  root,
  'node_modules',
  'onnxruntime-node',
  'bin',
  'napi-v6',
  process.platform,
  process.arch,
);
if (process.platform === 'linux') {
  install(withOwnSoname(readFileSync(path.join(runtimeDir, 'libonnxruntime.so.1'))), 'libdiffbir-ort.so.1');
} else {
  const library = process.platform === 'win32' ? 'onnxruntime.dll' : 'libonnxruntime.1.dylib';
  copyFileSync(path.join(runtimeDir, library), path.join(prebuild, library));
}
console.log(`prebuilds/${target} is up to date`);

/** Replaces the file by rename, since a running process may have the old one mapped. */
function install(bytes, name) {
  const file = path.join(prebuild, name);
  if (existsSync(file) && readFileSync(file).equals(bytes)) return;
  writeFileSync(`${file}.new`, bytes);
  renameSync(`${file}.new`, file);
}

/**
 * glibc reuses a loaded library by SONAME: under its own name our copy would be handed to another
 * onnxruntime-node in the same process, or theirs to us. A name of the same length keeps every offset.
 */
function withOwnSoname(library) {
  const [theirs, ours] = ['libonnxruntime.so.1\0', 'libdiffbir-ort.so.1\0'];
  const at = library.indexOf(theirs);
  if (at < 0 || library.indexOf(theirs, at + 1) >= 0) throw new Error('expected one SONAME in libonnxruntime.so.1');
  library.write(ours, at, 'latin1');
  return library;
}
