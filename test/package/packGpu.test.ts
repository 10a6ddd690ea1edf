/** `npm run pack:gpu`: put together and run where there is no Node.js, and refused where a piece is not right. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { keepArchitecture } from '../../scripts/gpu/fatbin';
import { PACKAGES } from '../../src/device/install/packages';
import { MANIFEST, NEEDED, ONNXRUNTIME, readLibraries } from '../../src/device/libraries';
import { loadBinding } from '../../src/native/loadBinding';
import { ROOT } from './packages';
import { scratchFolder } from './scratch';

const PROVIDER = 'libonnxruntime_providers_cuda.so';

const missing = ['tar', 'xz', 'split'].find((name) => placeOf(name) === '');
const isBuilt = loadBinding().devices().built && existsSync(path.join(ROOT, 'build', 'gpu_twins'));
const reason = isBuilt ? missing && `there is no ${missing}` : 'there is no build with CUDA';
if (reason) console.warn(`pack:gpu is not tested: ${reason}`);

function placeOf(name: string): string {
  return spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();
}

function pack(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const command = ['--import', 'tsx', path.join(ROOT, 'scripts', 'pack-gpu.ts'), ...args];
  const { status, stderr } = spawnSync(process.execPath, command, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  return { status, stderr };
}

/** A PATH with these programs alone, and what the scripts take for granted. */
function pathWith(...names: string[]): string {
  const folder = scratchFolder();
  for (const name of ['sh', 'cat', 'dirname', 'ln', 'mkdir', 'sha256sum', 'tar', ...names]) {
    symlinkSync(placeOf(name), path.join(folder, name));
  }
  return folder;
}

function sh(file: string, args: readonly string[], env: NodeJS.ProcessEnv = { PATH: pathWith('xz') }) {
  const { TMPDIR } = process.env;
  const { status, stdout, stderr } = spawnSync('/bin/sh', [file, ...args], {
    encoding: 'utf8',
    env: { TMPDIR, ...env },
  });
  return { status, stdout, stderr };
}

describe.skipIf(reason)('a pack', { timeout: 300_000 }, () => {
  const pieces = scratchFolder();
  const target = scratchFolder();
  const setup = (folder: string, env?: NodeJS.ProcessEnv) => sh(path.join(pieces, 'setup.sh'), [folder], env);
  const run = (args: readonly string[], env?: NodeJS.ProcessEnv) => sh(path.join(target, 'run'), args, env);

  beforeAll(() => {
    writeFileSync(path.join(pieces, 'piece-99'), 'of an earlier pack');
    expect(pack([pieces, '--piece', '20', '--without-libraries'])).toEqual({ status: 0, stderr: '' });
    expect(setup(target)).toEqual({ status: 0, stderr: '', stdout: expect.stringContaining(`${target}/run test:gpu`) });
  }, 300_000);

  it('has pieces of the size that was asked for, and none of an earlier one', () => {
    const names = readdirSync(pieces).filter((name) => name.startsWith('piece-'));
    expect(names.length).toBeGreaterThan(2);
    expect(names).not.toContain('piece-99');
    for (const name of names) expect(statSync(path.join(pieces, name)).size).toBeLessThanOrEqual(20e6);
  });

  it('says why there is no GPU', () => {
    const { status, stdout } = run(['test:gpu', '--', '--limit', '20']);
    expect(stdout).toMatch(/^no CUDA device: /);
    expect(stdout).toContain(`There are no GPU libraries in ${target}/cache/cuda/${ONNXRUNTIME}.`);
    expect(status).toBe(77);
  });

  it('runs checks, with the processor in the place of a GPU', () => {
    const which = ['--group', 'CUDA graphs, float32', '--only', 'decoder'];
    const { status, stdout } = run(['test:gpu', '--', '--device', 'cpu', ...which]);
    expect(stdout).toMatch(/2 passed, 0 failed, 0 skipped/);
    expect(status).toBe(0);
  });

  it('names a script that there is not', () => {
    expect(run(['no:such'])).toMatchObject({ status: 2, stderr: 'run: package.json has no script no:such\n' });
  });

  it.skipIf(placeOf('python3') === '')('is unpacked by Python where there is no xz', () => {
    const PATH = pathWith();
    const python = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim();
    symlinkSync(python, path.join(PATH, 'python3'));
    const folder = scratchFolder();
    expect(setup(folder, { PATH })).toMatchObject({ status: 0, stderr: '' });
    expect(readdirSync(folder).sort()).toEqual(readdirSync(target).sort());
  });

  it('is refused where pieces are missing or damaged, and nothing is unpacked', () => {
    const [first, second] = ['piece-00', 'piece-01'].map((name) => path.join(pieces, name)) as [string, string];
    const right = readFileSync(first);
    const damaged = Buffer.from(right);
    damaged.writeUInt8(damaged.readUInt8(1000) ^ 1, 1000);
    writeFileSync(first, damaged);
    renameSync(second, `${second}.away`);
    const folder = scratchFolder();
    const stderr = 'setup: copy again what is not right: piece-00 is damaged, piece-01 is missing\n';
    expect(setup(folder)).toEqual({ status: 1, stdout: '', stderr });
    expect(readdirSync(folder)).toEqual([]);
    writeFileSync(first, right);
    renameSync(`${second}.away`, second);
  });

  it('has the provider with the code of one architecture, and links to what lies elsewhere', async () => {
    const libraries = scratchFolder();
    const entries = PACKAGES.flatMap((one) => one.entries).filter((one) => one.path.includes('libonnxruntime'));
    for (const entry of entries) {
      const file = path.join(libraries, path.basename(entry.path));
      writeFileSync(file, file.endsWith(PROVIDER) ? library([fatbin([80, 'old'], [90, 'new'])]) : '');
      truncateSync(file, entry.bytes);
    }
    // Nothing is compressed this time: that takes longest.
    const fast = scratchFolder();
    writeFileSync(path.join(fast, 'xz'), '#!/bin/sh\nexec cat\n', { mode: 0o755 });
    const options = ['--arch', '90', '--provider-only', '--libraries', libraries];
    expect(pack([pieces, ...options], { PATH: `${fast}:${process.env.PATH}` })).toEqual({ status: 0, stderr: '' });
    expect(setup(target, { PATH: `${fast}:${pathWith()}` })).toMatchObject({ status: 0, stderr: '' });

    const elsewhere = [scratchFolder(), scratchFolder()] as const;
    const names = NEEDED.cuda.filter((name) => !name.startsWith('libonnxruntime'));
    for (const name of names) writeFileSync(path.join(elsewhere[name.includes('cudnn') ? 1 : 0], name), '');
    const { status, stdout } = run(['test:gpu'], { PATH: pathWith(), NVIDIA_LIBS: elsewhere.join(':') });
    expect(status).toBe(77);
    expect(stdout).not.toMatch(/no GPU libraries|missing|size/);

    const folder = path.join(target, 'cache', 'cuda', ONNXRUNTIME);
    expect(readlinkSync(path.join(folder, 'libcudnn.so.9'))).toBe(path.join(elsewhere[1], 'libcudnn.so.9'));
    const { manifest, files } = await readLibraries(folder);
    expect([...files.keys()].sort()).toEqual([...NEEDED.cuda, 'libonnxruntime_providers_tensorrt.so', MANIFEST].sort());
    expect(manifest?.architectures).toEqual(['sm_90a']);
    expect(manifest?.files.map(({ name }) => name)).toEqual(entries.map((entry) => path.basename(entry.path)));
    const provider = readFileSync(path.join(folder, PROVIDER));
    const sha256 = createHash('sha256').update(provider).digest('hex');
    expect(manifest?.files).toContainEqual({ name: PROVIDER, sha256, bytes: provider.length });
    expect([provider.includes('old'), provider.includes('new')]).toEqual([false, true]);
  });

  it('names a folder of NVIDIA_LIBS that there is not', () => {
    const { status, stderr } = run(['test:gpu'], { PATH: pathWith(), NVIDIA_LIBS: '/no/such' });
    expect({ status, stderr }).toEqual({ status: 2, stderr: 'run: NVIDIA_LIBS names /no/such, which is no folder\n' });
  });
});

describe.skipIf(reason)('nothing is packed', () => {
  const folder = scratchFolder();
  const withoutCuda = path.join(folder, 'without-cuda.cjs');
  const addon = '{ devices: () => ({ built: false }), openRuntime: () => "1.29.0" }';
  writeFileSync(withoutCuda, `require("module")._extensions[".node"] = (module) => { module.exports = ${addon}; };`);
  mkdirSync(path.join(folder, 'empty'));

  it.each<[string, string[], NodeJS.ProcessEnv, RegExp]>([
    ['without a folder', [], {}, /Expected the folder to write to/],
    ['with pieces of no size', ['out', '--piece', '0'], {}, /Expected a number for --piece, not 0/],
    ['for no architecture', ['out', '--arch', 'sm_90'], {}, /Expected a number for --arch, not sm_90/],
    ['without libraries', ['out', '--libraries', '/no/such'], {}, /no \/no\/such\/libonnxruntime\S+ of \d+ bytes/],
    ['without an addon', ['out'], { DIFFBIR_BINDING_PATH: '/no/such.node' }, /DIFFBIR_BINDING_NOT_FOUND/],
    ['without kernels', ['out'], { DIFFBIR_BUILD_DIR: '/no/such' }, /\/no\/such\/gpu_twins is missing/],
    ['without CUDA', ['out'], { NODE_OPTIONS: `--require ${withoutCuda}` }, /The addon was built without CUDA/],
  ])('%s', (_, args, env, message) => {
    const [out = '', ...options] = args.map((arg) => (arg === 'out' ? path.join(folder, 'out') : arg));
    const { status, stderr } = pack(out === '' ? [] : [out, ...options], env);
    expect(stderr).toMatch(message);
    expect(status).toBe(1);
    expect(existsSync(path.join(folder, 'out'))).toBe(false);
  });
});

describe('code of other architectures', () => {
  it('becomes zeros, and all else stays', () => {
    const made = () => library([fatbin([75, 'one'], [90, 'two'], [120, 'three']), fatbin([90, 'four'], [75, 'five'])]);
    const [file, expected] = [made(), made()];
    for (const code of ['one', 'three', 'five']) expected.write('\0'.repeat(code.length), expected.indexOf(code));
    keepArchitecture(file, 90);
    expect(file.toString('hex')).toBe(expected.toString('hex'));
  });

  const cut = fatbin([90, 'two']);
  cut.writeBigUInt64LE(1000n, 16 + 8);
  const empty = fatbin([90, 'two']);
  empty.writeUInt16LE(0, 6);
  empty.writeBigUInt64LE(0n, 8);
  it.each([
    ['a fatbin without an end', library([empty]), 'the fatbin at 64 has no entries'],
    ['another architecture', library([fatbin([75, 'one'], [80, 'two'])]), 'code for sm_75, sm_80, and none for sm_90'],
    ['something else', library([Buffer.alloc(64, 0xff)]), 'no fatbin begins at 64'],
    ['an entry that is longer than its fatbin', library([cut]), 'the entry at 80 has no end'],
    ['no such section', library([], '.text'), 'there is no section .nv_fatbin'],
  ])('of %s is refused', (_, file, message) => {
    expect(() => keepArchitecture(file, 90)).toThrow(message);
  });
});

/** An entry for each architecture, with its code. */
function fatbin(...codes: readonly [number, string][]): Buffer {
  const entries = codes.map(([architecture, code]) => {
    const entry = Buffer.alloc(64 + code.length, 0xff);
    entry.writeUInt16LE(2); // machine code
    entry.writeUInt32LE(64, 4);
    entry.writeBigUInt64LE(BigInt(code.length), 8);
    entry.writeUInt32LE(architecture, 28);
    entry.write(code, 64);
    return entry;
  });
  const body = Buffer.concat(entries);
  const header = Buffer.alloc(16);
  header.writeUInt32LE(0xba55ed50);
  header.writeUInt16LE(16, 6);
  header.writeBigUInt64LE(BigInt(body.length), 8);
  return Buffer.concat([header, body]);
}

/** An ELF file with two sections: fatbins, and the names of both. */
function library(fatbins: readonly Buffer[], name = '.nv_fatbin'): Buffer {
  const names = Buffer.from(`\0${name}\0.shstrtab\0`);
  const code = Buffer.concat(fatbins);
  const header = Buffer.alloc(64);
  const table = Buffer.alloc(3 * 64);
  const section = (index: number, at: number, start: number, size: number) => {
    table.writeUInt32LE(at, index * 64);
    table.writeBigUInt64LE(BigInt(start), index * 64 + 0x18);
    table.writeBigUInt64LE(BigInt(size), index * 64 + 0x20);
  };
  section(1, 1, 64, code.length);
  section(2, name.length + 2, 64 + code.length, names.length);
  header.write('\x7fELF', 'latin1');
  header.writeBigUInt64LE(BigInt(64 + code.length + names.length), 0x28);
  header.writeUInt16LE(64, 0x3a);
  header.writeUInt16LE(3, 0x3c);
  header.writeUInt16LE(2, 0x3e);
  return Buffer.concat([header, code, names, table]);
}
