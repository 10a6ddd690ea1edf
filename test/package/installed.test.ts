/** `diffbir` as npm installs it into an empty folder: no network, no scripts, no compiler. */
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'tsup';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADDON_FILE, PLATFORM, PLATFORMS, runtimeFile } from '../../src/native/platforms';
import { type App, emptyApp } from './app';
import { linkedLayout } from './linkedLayout';
import { IS_BUILT, manifestIn, packAll, ROOT } from './packages';
import { type Registry, startRegistry } from './registry';

const { version } = manifestIn(ROOT);
const PHOTO = path.join(ROOT, 'examples', 'sample', 'degraded.jpg');
const OTHER = Object.keys(PLATFORMS).find((platform) => platform !== PLATFORM) as string;

/** Prints what the module exports, and whether its native part is there. */
const USE = `diffbir.versions().then(({ onnxruntime }) => console.log(JSON.stringify([typeof diffbir.restore,
  typeof diffbir.Restorer.create, new diffbir.InvalidOptionError('a', 'b').code, onnxruntime])));`;
const USED = ['function', 'function', 'DIFFBIR_INVALID_OPTION', expect.stringMatching(/^1\.\d+\.\d+$/)];

/** Prints how the native part fails to load. */
const FAIL = `import { versions } from 'diffbir';
const { name, code, message, attempts } = await versions().catch((error) => error);
console.log(JSON.stringify({ name, code, message, attempts }));`;

/** Restores gray pixels; prints the result's size. */
const RESTORE = `const gray = { data: new Uint8Array(64 * 64 * 3).fill(99), width: 64, height: 64, channels: 3 };
const ours = async (options) => (await restore(gray, { stage: 1, ...options })).width;`;

const TYPES = `
import { restore, Restorer, DiffBIRError, NativeLoadError, type RestoreOptions, type RestoreResult, type ModelManifest } from 'diffbir';
const options: RestoreOptions = { steps: 10, seed: 5n, guidance: { scale: 1 }, onProgress: ({ fraction }) => { fraction.toFixed(); } };
export async function main(): Promise<RestoreResult> {
  await using restorer = await Restorer.create({ stage: 1, model: './model', nativeBinding: './diffbir.node' });
  await (await restorer.restore(new Uint8Array())).toFile('a.png', { force: true });
  return restore('a.jpg', options);
}
// @ts-expect-error: unknown options do not compile
export const wrong: RestoreOptions = { stesp: 1 };
export const isOurs = (error: unknown): string | undefined => (error instanceof DiffBIRError ? error.code : undefined);
export const tried = (error: NativeLoadError): string[] => error.attempts.map(({ file, reason }) => file + reason);
export type Networks = ModelManifest['networks'];
`;

describe.skipIf(!IS_BUILT)('installed into an empty folder', { timeout: 120_000 }, () => {
  let registry: Registry;
  let app: App;
  const inModules = ({ folder }: App, ...names: string[]) => path.join(folder, 'node_modules', ...names);
  const ownPackage = (of: App) => inModules(of, '@diffbir', PLATFORM);
  const fresh = async (...args: string[]): Promise<App> => {
    const made = emptyApp(registry);
    await made.run('npm', 'install', ...args, 'diffbir');
    return made;
  };

  beforeAll(async () => {
    registry = await startRegistry(packAll());
    app = await fresh();
  }, 300_000);
  afterAll(() => registry.close());

  it("brings this platform's package and no other", () => {
    expect(existsSync(path.join(ownPackage(app), ADDON_FILE))).toBe(true);
    expect(existsSync(inModules(app, '@diffbir', OTHER))).toBe(false);
    expect(existsSync(inModules(app, 'onnxruntime-node'))).toBe(false);
  });

  it('import and require give the same package', async () => {
    writeFileSync(path.join(app.folder, 'a.mjs'), `import * as diffbir from 'diffbir';\n${USE}`);
    writeFileSync(path.join(app.folder, 'a.cjs'), `const diffbir = require('diffbir');\n${USE}`);
    for (const file of ['a.mjs', 'a.cjs']) expect(JSON.parse(await app.run('node', file)), file).toEqual(USED);
    const evaluated = await app.run('node', '-e', `import('diffbir').then((diffbir) => { ${USE} })`);
    expect(JSON.parse(evaluated), 'node -e').toEqual(USED);
  });

  it.each([
    ['bundler', 'ESNext', 'ts'],
    ['node16', 'Node16', 'mts'],
    ['node16', 'Node16', 'cts'],
  ])('its types compile: moduleResolution %s, .%s', async (moduleResolution, module, extension) => {
    const file = `types-${moduleResolution}.${extension}`;
    writeFileSync(path.join(app.folder, file), TYPES);
    const compilerOptions = {
      ...{
        module,
        moduleResolution,
        target: 'ES2022',
        lib: ['ES2022', 'ESNext.Disposable'],
        noEmit: true,
        strict: true,
      },
      typeRoots: [path.join(ROOT, 'node_modules', '@types')],
      types: ['node'],
    };
    writeFileSync(path.join(app.folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }));
    const tsc = path.join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    await app.run('node', tsc, '-p', 'tsconfig.json').catch((error) => expect.fail(error.stdout));
  });

  it('the command is there, and restores a photograph', async () => {
    const diffbir = (...args: string[]) => app.run('npx', '--no-install', 'diffbir', ...args);
    expect(await diffbir('restore', '--help')).toContain('--cfg-scale <n>');
    expect(await diffbir('pull', '--list')).toMatch(/^v2\.1: \d/m);
    const line = await diffbir('restore', PHOTO, '-o', 'restored.png', '--steps', '5', '--json');
    expect(JSON.parse(line)).toMatchObject({ ok: true, output: 'restored.png', stage: 2 });
    const restored = readFileSync(path.join(app.folder, 'restored.png'));
    expect(restored.subarray(1, 4).toString()).toBe('PNG');
  });

  // Theirs is of our version, so that one library could serve both: that each has its own is what other versions need.
  it.each([
    ['before', [42, 64, 42]],
    ['after', [64, 42, 64]],
  ])('works with onnxruntime-node loaded %s it', async (order, answers) => {
    const theirs = pathToFileURL(path.join(ROOT, 'test', 'lifecycle', 'fixtures', 'theirs.mjs'));
    const code = `import { restore } from 'diffbir'; import { theirs } from '${theirs}'; ${RESTORE}
      import { existsSync, readFileSync } from 'node:fs';
      const answers = [];
      for (const use of ${order === 'before'} ? [theirs, ours, theirs] : [ours, theirs, ours]) answers.push(await use());
      const maps = existsSync('/proc/self/maps') ? readFileSync('/proc/self/maps', 'utf8') : '';
      const libraries = ['libdiffbir-ort.so.1', 'libonnxruntime.so.1'].map((name) => maps.includes('/' + name));
      console.log(JSON.stringify({ answers, libraries }));`;
    const isLinux = process.platform === 'linux';
    expect(await app.evaluate(code)).toEqual({ answers, libraries: [isLinux, isLinux] });
  });

  it('works where packages are links, as those of pnpm', async () => {
    const linked = emptyApp(registry);
    linkedLayout(inModules(app), inModules(linked));
    expect(await linked.evaluate(`import * as diffbir from 'diffbir';\n${USE}`)).toEqual(USED);
  });

  it('works in a bundle, with nativeBinding', async () => {
    const bundled = emptyApp(registry);
    cpSync(ownPackage(app), path.join(bundled.folder, 'native'), { recursive: true });
    const native = path.join(bundled.folder, 'native', ADDON_FILE);
    const options = JSON.stringify({ nativeBinding: native, model: path.join(ROOT, 'models', 'tiny') });
    const code = `import { restore, versions } from 'diffbir'; ${RESTORE}
      const { onnxruntime } = await versions({ nativeBinding: ${JSON.stringify(native)} });
      console.log(JSON.stringify([await ours(${options}), onnxruntime]));`;
    writeFileSync(path.join(app.folder, 'unbundled.mjs'), code);
    await build({
      ...{ entry: [path.join(app.folder, 'unbundled.mjs')], outDir: path.join(bundled.folder, 'dist'), format: 'esm' },
      ...{ config: false, silent: true, noExternal: ['diffbir', 'entities'], target: 'node20' },
    });
    cpSync(inModules(app, 'sharp'), inModules(bundled, 'sharp'), { recursive: true });
    for (const name of ['@img', 'detect-libc', 'semver'])
      cpSync(inModules(app, name), inModules(bundled, name), { recursive: true });
    expect(JSON.parse(await bundled.run('node', 'dist/unbundled.js'))).toEqual([64, USED[3]]);
  });

  it("takes its files from app.asar.unpacked, where Electron's archive has them", async () => {
    const packed = emptyApp(registry);
    const [archive, unpacked] = ['app.asar', 'app.asar.unpacked'].map((name) => path.join(packed.folder, name));
    cpSync(inModules(app), path.join(archive as string, 'node_modules'), { recursive: true });
    for (const name of ['diffbir', '@diffbir']) {
      cpSync(inModules(app, name), path.join(unpacked as string, 'node_modules', name), { recursive: true });
    }
    // What native code cannot open there.
    rmSync(path.join(archive as string, 'node_modules', '@diffbir'), { recursive: true });
    rmSync(path.join(archive as string, 'node_modules', 'diffbir', 'models'), { recursive: true });
    writeFileSync(
      path.join(archive as string, 'main.mjs'),
      `import { restore } from 'diffbir'; ${RESTORE} console.log(await ours());`,
    );
    expect(await packed.run('node', 'app.asar/main.mjs')).toBe('64\n');
  });

  describe('where the native part is missing, the message helps', () => {
    let broken: App;
    const failure = async () => (await broken.evaluate(FAIL)) as { name: string; code: string; message: string };
    /** What its last line tells to do: to delete a folder, perhaps, and to run a command. */
    const obey = async (message: string) => {
      const told = /delete (\S+) and run|(?<command>npm .*)$/gi;
      for (const [, folder, command] of message.matchAll(told)) {
        if (folder) rmSync(folder, { recursive: true });
        if (command) await broken.run(...(command.split(' ') as [string, ...string[]]));
      }
      expect(await broken.evaluate(`import * as diffbir from 'diffbir';\n${USE}`)).toEqual(USED);
    };
    const sharpAlone = () => cpSync(inModules(app, '@img'), inModules(broken, '@img'), { recursive: true });

    it('optional dependencies were left out', async () => {
      broken = await fresh('--omit=optional');
      sharpAlone(); // whose own message would come first
      const { name, code, message } = await failure();
      expect({ name, code }).toEqual({ name: 'NativeLoadError', code: 'DIFFBIR_BINDING_NOT_FOUND' });
      expect(message).toContain(`diffbir cannot load its native addon on ${PLATFORM} with Node.js ${process.version}`);
      expect(message).toContain(`- @diffbir/${PLATFORM}: the package is not installed for ${inModules(broken)}`);
      expect(message).toContain('--omit=optional');
      await obey(message);
    });

    it('node_modules comes from another platform', async () => {
      const { os, cpu } = PLATFORMS[OTHER] as (typeof PLATFORMS)[string];
      broken = await fresh(`--os=${os}`, `--cpu=${cpu}`);
      sharpAlone();
      const { message } = await failure();
      expect(message).toContain(`@diffbir/${OTHER} is there instead`);
      await obey(message);
    });

    it('the package is of another version', async () => {
      broken = await fresh();
      const file = path.join(ownPackage(broken), 'package.json');
      writeFileSync(file, JSON.stringify({ ...manifestIn(ownPackage(broken)), version: '0.0.9' }));
      const { message, code } = await failure();
      expect(code).toBe('DIFFBIR_BINDING_NOT_FOUND');
      expect(message).toContain(`@diffbir/${PLATFORM} is of version 0.0.9, and diffbir of ${version}`);
      await obey(message);
    });

    it('the addon is damaged: the message has the words of the system', async () => {
      broken = await fresh();
      writeFileSync(path.join(ownPackage(broken), ADDON_FILE), 'damaged');
      const { message, code } = await failure();
      expect(code).toBe('DIFFBIR_BINDING_NOT_FOUND');
      expect(message).toMatch(/diffbir\.node: .*(invalid ELF header|file too short|not a mach-o|not a valid Win32)/i);
      await obey(message);
    });

    it('the library was not copied with the addon', async () => {
      broken = await fresh();
      const library = path.join(ownPackage(broken), runtimeFile(process.platform));
      const elsewhere = path.join(broken.folder, 'elsewhere');
      mkdirSync(elsewhere);
      renameSync(library, path.join(elsewhere, path.basename(library)));
      const { message, code } = await failure();
      expect(code).toBe('DIFFBIR_RUNTIME_NOT_FOUND');
      expect(message).toContain(`${library}: there is no such file`);
      await obey(message);
    });
  });
});
