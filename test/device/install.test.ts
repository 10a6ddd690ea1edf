/** The GPU libraries on their way from registries to the cache folder, and what can go wrong there. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { registriesFrom } from '../../src/device/install/addresses';
import { installLibraries, removeLibraries } from '../../src/device/install/install';
import { PACKAGES, PROVIDER_ARCHITECTURES } from '../../src/device/install/packages';
import { librariesFolder, MANIFEST, NEEDED, ONNXRUNTIME, readLibraries } from '../../src/device/libraries';
import { DownloadError } from '../../src/errors';
import type { Hub } from '../../src/hub/hub';
import { temporaryFolder } from '../facade/fakes';
import { answers, createFakeHub, cutsAfter, environment, type FakeHub, impatient, sha256 } from '../hub/fakeHub';
import { LIBRARY, NAMES, NPM_FILE, packagesOf, publish, tgz, WHEEL_FILE, wheel } from './archives';

let fake: FakeHub;
let hub: Hub;
let made: ReturnType<typeof packagesOf>;
let registries: { npm: string; pypi: string };
beforeEach(async () => {
  fake = await createFakeHub();
  hub = impatient(environment(fake));
  made = packagesOf();
  registries = publish(fake, made);
});
afterEach(() => fake.close());

const folder = () => librariesFolder(hub.ownCache);
const downloads = () => path.join(hub.ownCache, 'cuda', '.downloads');
const install = (options = {}) =>
  installLibraries(hub, { registries, packages: made.packages, platform: 'linux-x64', ...options });
const refusal = async (options = {}) => {
  const error = await install(options).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(DownloadError);
  return error as DownloadError;
};
/** Requests for the content of archives. */
const contents = () => fake.seen.filter(({ url, headers }) => /tgz|whl/.test(url) && headers.range !== 'bytes=0-0');
/** Every file of the cache, from its folder on. */
const all = () => readdirSync(hub.ownCache, { recursive: true, encoding: 'utf8' }).sort();
const isWhole = () => {
  expect(readdirSync(folder()).sort()).toEqual([...NAMES, MANIFEST].sort());
  for (const name of NAMES) expect(readFileSync(path.join(folder(), name)).equals(LIBRARY), name).toBe(true);
};

describe('install-cuda', () => {
  it('puts all libraries into one folder with a manifest, and leaves nothing else', async () => {
    const unpacked: string[] = [];
    const received: number[] = [];
    const { isNew, manifest } = await install({
      onUnpack: (file: string) => unpacked.push(file),
      onProgress: ({ received: bytes, total }: { received: number; total: number }) => received.push(bytes / total),
    });
    expect(isNew).toBe(true);
    isWhole();
    expect(all().filter((name) => !name.includes('1.29.0'))).toEqual(['cuda']);
    const bytes = LIBRARY.length;
    expect(manifest).toEqual({
      onnxruntime: '1.29.0',
      cuda: '13',
      architectures: PROVIDER_ARCHITECTURES,
      files: NAMES.map((name) => ({ name, sha256: sha256(LIBRARY), bytes })),
    });
    expect((await readLibraries(folder())).manifest).toEqual(manifest);
    expect(unpacked).toEqual([NPM_FILE, WHEEL_FILE]);
    expect(received.at(-1)).toBe(1);
  });

  it('does nothing where everything is there, also without the network, and mends what is not', async () => {
    await install();
    fake.seen.length = 0;
    expect(await install()).toMatchObject({ isNew: false, folder: folder() });
    hub = impatient({ ...environment(fake), DIFFBIR_CACHE: hub.ownCache, HF_HUB_OFFLINE: '1' });
    expect((await install()).isNew).toBe(false);
    expect(fake.seen).toEqual([]);
    writeFileSync(path.join(folder(), 'libcudart.so.13'), 'cut');
    expect(await refusal()).toMatchObject({ code: 'DIFFBIR_OFFLINE' });
    hub = impatient({ ...environment(fake), DIFFBIR_CACHE: hub.ownCache });
    expect((await install()).isNew).toBe(true);
    isWhole();
    writeFileSync(path.join(folder(), MANIFEST), '{');
    expect((await install()).isNew).toBe(true);
    isWhole();
  });

  it.each(['darwin-arm64', 'win32-x64', 'linux-arm64'])('refuses %s before anything else', async (platform) => {
    await expect(install({ platform })).rejects.toMatchObject({
      code: 'DIFFBIR_UNSUPPORTED_PLATFORM',
      message: `There are GPU libraries for linux-x64 alone so far, and this is ${platform}.`,
    });
    expect([fake.seen, existsSync(hub.ownCache)]).toEqual([[], false]);
  });

  it('goes on where a connection was cut, also in a later call', async () => {
    fake.deliveryFault = (request, response) =>
      request.url?.endsWith('.tgz') && request.headers.range !== 'bytes=0-0'
        ? cutsAfter(made.npm, 100, 99)(request, response)
        : false;
    expect(await refusal()).toMatchObject({ code: 'DIFFBIR_DOWNLOAD_FAILED', file: NPM_FILE });
    expect(existsSync(folder())).toBe(false);
    fake.deliveryFault = undefined;
    fake.seen.length = 0;
    await install();
    isWhole();
    expect(contents()[0]?.headers.range).toMatch(/^bytes=[1-9]\d*-$/);
  });

  it('begins anew where ranges are ignored', async () => {
    fake.deliveryFault = (request, response) =>
      request.url?.endsWith('.tgz') && request.headers.range !== 'bytes=0-0'
        ? cutsAfter(made.npm, 100, 99)(request, response)
        : false;
    await refusal();
    fake.deliveryFault = ({ headers }) => {
      if (headers.range !== 'bytes=0-0') delete headers.range;
      return false;
    };
    await install();
    isWhole();
  });

  it('does not download again what is there when a later archive fails', async () => {
    fake.files.delete(`/wheels/${WHEEL_FILE}`);
    fake.deliveryFault = (request, response) =>
      request.url?.endsWith('.whl') && request.headers.range !== 'bytes=0-0' ? answers(500)(request, response) : false;
    publish(fake, made);
    await refusal();
    fake.deliveryFault = undefined;
    fake.seen.length = 0;
    await install();
    isWhole();
    expect(contents().map(({ url }) => path.basename(url))).toEqual([WHEEL_FILE]);
  });

  it.each<[string, number]>([
    ['of the same size', 0],
    ['of another size', 1],
  ])('refuses other content, %s, and unpacks nothing of it', async (_, more) => {
    const other = Buffer.concat([made.npm, Buffer.alloc(more)]);
    other[100] = (other[100] as number) ^ 1;
    fake.files.set(`/npm/gpu/-/${NPM_FILE}`, other);
    expect(await refusal()).toMatchObject({ code: 'DIFFBIR_WRONG_CHECKSUM', file: NPM_FILE });
    expect(all().filter((name) => name.endsWith('.so') || name.endsWith('.tgz'))).toEqual([]);
  });

  it('refuses a page in place of an archive, and of an index', async () => {
    const page = answers(200, { 'content-type': 'text/html' });
    fake.deliveryFault = (request, response) => (request.url?.endsWith('.tgz') ? page(request, response) : false);
    expect((await refusal()).message).toContain('HTML page in place of the file');
    fake.deliveryFault = (request, response) => (request.url?.startsWith('/simple') ? page(request, response) : false);
    expect((await refusal()).message).toMatch(/simple\/nvidia-cuda\/ does not have nvidia_cuda-13\.0/);
  });

  it.each<[string, object, RegExp]>([
    ['404', { status: 404 }, /nvidia-cuda\/ answers 404: there is no such file/],
    ['500 again and again', { status: 500 }, /nvidia-cuda\/ answers 500/],
  ])('names an index that answers %s', async (_, { status }: { status?: number }, words) => {
    fake.deliveryFault = (request, response) =>
      request.url?.startsWith('/simple') ? answers(status ?? 0)(request, response) : false;
    expect(await refusal()).toMatchObject({ file: WHEEL_FILE, message: expect.stringMatching(words) });
    expect(fake.seen.length).toBe(status === 500 ? hub.attempts : 1);
  });

  it('does not read an index without end', async () => {
    fake.deliveryFault = (request, response) => {
      if (!request.url?.startsWith('/simple')) return false;
      const more = () => {
        while (response.write('x'.repeat(1 << 20)));
        response.once('drain', more);
      };
      more();
      return true;
    };
    expect((await refusal()).message).toContain('sends too much for an index');
  });

  it('stops at the signal, and goes on from there', async () => {
    fake.pace = 20;
    const controller = new AbortController();
    const onProgress = ({ received }: { received: number }) => received >= 1024 && controller.abort();
    await expect(install({ signal: controller.signal, onProgress })).rejects.toMatchObject({ code: 'DIFFBIR_ABORTED' });
    fake.pace = 0;
    fake.seen.length = 0;
    await install();
    isWhole();
    expect(contents()[0]?.headers.range).toMatch(/^bytes=[1-9]\d*-$/);
  });

  it('stops while it unpacks, too, and need not download again', async () => {
    const controller = new AbortController();
    const onUnpack = (file: string) => file === WHEEL_FILE && controller.abort();
    await expect(install({ signal: controller.signal, onUnpack })).rejects.toMatchObject({ code: 'DIFFBIR_ABORTED' });
    expect(existsSync(folder())).toBe(false);
    fake.seen.length = 0;
    await install();
    isWhole();
    expect(contents()).toEqual([]);
  });

  it('passes on what a callback throws', async () => {
    const mine = new TypeError('mine');
    const onProgress = () => {
      throw mine;
    };
    await expect(install({ onProgress })).rejects.toBe(mine);
  });

  it('lets one process work and the others wait', async () => {
    fake.pace = 5;
    const results = await Promise.all([install(), install(), install()]);
    expect(results.map(({ isNew }) => isNew).sort()).toEqual([false, false, true]);
    isWhole();
    expect(contents().length).toBe(2);
  });

  it('takes over where a process was killed', async () => {
    const lock = path.join(hub.ownCache, 'cuda.lock');
    const dead = spawn(process.execPath, ['-e', '']);
    await new Promise((done) => dead.once('close', done));
    mkdirSync(`${folder()}.incomplete`, { recursive: true });
    writeFileSync(path.join(`${folder()}.incomplete`, 'half.so'), 'half');
    writeFileSync(lock, JSON.stringify({ id: 'x', host: (await import('node:os')).hostname(), pid: dead.pid }));
    await install();
    isWhole();
    expect(existsSync(lock)).toBe(false);
  });
});

describe('the disk', () => {
  it('is asked first: for the archives and for what comes out of them', async () => {
    const needed = made.npm.length + made.pypi.length + NAMES.length * LIBRARY.length;
    hub = { ...hub, freeBytes: async () => needed - 1 };
    expect(await refusal()).toMatchObject({ code: 'DIFFBIR_DISK_FULL', neededBytes: needed, freeBytes: needed - 1 });
    expect(contents()).toEqual([]);
    hub = { ...hub, freeBytes: async () => needed };
    await install();
  });

  it.skipIf(!existsSync('/dev/full'))('that fills while it is unpacked to is that error too', async () => {
    hub = { ...hub, freeBytes: async () => 1e9 };
    const onUnpack = (file: string) => {
      if (file !== WHEEL_FILE) return;
      symlinkSync('/dev/full', path.join(`${folder()}.incomplete`, NEEDED.cuda[3] as string));
    };
    expect(await refusal({ onUnpack })).toMatchObject({ code: 'DIFFBIR_DISK_FULL', freeBytes: 1e9 });
    await install();
    isWhole();
  });

  it('that cannot be written is an error that names another way', async () => {
    const blocked = path.join(temporaryFolder(), 'file');
    writeFileSync(blocked, '');
    hub = { ...hub, ownCache: path.join(blocked, 'cache') };
    expect(await refusal()).toMatchObject({
      code: 'DIFFBIR_CACHE_FAILED',
      message: expect.stringContaining('--cache-dir'),
    });
  });
});

describe('an archive', () => {
  const first = NEEDED.cuda.map((name) => `nvidia/lib/${name}`).slice(2);
  const good = (names: readonly string[]) => names.map((name) => ({ path: name, data: LIBRARY }));
  const inPackage = NAMES.slice(0, 3).map((name) => `package/lib/${name}`);

  /** Installs with other archives, whose hashes are on record: what is refused is refused for what is inside. */
  const installThese = async (npm?: Buffer, pypi?: Buffer) => {
    made = packagesOf(npm, pypi);
    registries = publish(fake, made);
    return install();
  };

  it('of npm may have anything in it: only what is wanted is written', async () => {
    const outside = path.join(hub.ownCache, 'evil.so');
    await installThese(
      tgz([
        { path: '../../../evil.so', data: LIBRARY },
        { path: outside, data: LIBRARY },
        { path: 'package/evil.so', data: LIBRARY },
        { path: 'package/link.so', type: 'SymbolicLink', linkpath: outside },
        { path: 'package/lib/', type: 'Directory' },
        ...good(inPackage),
      ]),
    );
    isWhole();
    expect(all().filter((name) => name.includes('evil') || name.includes('link'))).toEqual([]);
  });

  it.each<[string, () => Buffer]>([
    ['lacks a file', () => tgz(good(inPackage.slice(1)))],
    [
      'has it with another size',
      () => tgz([{ path: inPackage[0] as string, data: LIBRARY.subarray(1) }, ...good(inPackage.slice(1))]),
    ],
    [
      'has it as a link',
      () => {
        const [, linkpath = ''] = NAMES;
        const link = { path: inPackage[0] as string, type: 'SymbolicLink', linkpath, data: LIBRARY } as const;
        return tgz([...good(inPackage.slice(1)), link]);
      },
    ],
    [
      'leads a folder of it elsewhere',
      () => tgz([{ path: 'package/lib', type: 'SymbolicLink', linkpath: '/tmp' }, ...good(inPackage.slice(1))]),
    ],
    [
      'ends too early',
      () =>
        tgz([
          ...good(inPackage.slice(1)),
          { path: inPackage[0] as string, data: LIBRARY.subarray(0, 100), size: LIBRARY.length },
        ]),
    ],
    ['is none', () => Buffer.from('PK no archive')],
  ])('of npm that %s is refused', async (_, npm) => {
    await expect(installThese(npm())).rejects.toMatchObject({
      code: 'DIFFBIR_CACHE_FAILED',
      file: NPM_FILE,
      message: expect.stringContaining('it cannot be unpacked'),
    });
    expect(existsSync(folder())).toBe(false);
    expect(all().filter((name) => name.includes('passwd'))).toEqual([]);
  });

  it.each<[string, () => Buffer]>([
    ['lacks a file', () => wheel(good(first.slice(1)))],
    [
      'has it with another size',
      () => wheel([{ path: first[0] as string, data: LIBRARY.subarray(1) }, ...good(first.slice(1))]),
    ],
    [
      'unpacks to more than it says',
      () =>
        wheel([{ path: first[0] as string, data: Buffer.alloc(1e6), size: LIBRARY.length }, ...good(first.slice(1))]),
    ],
    [
      'unpacks to less than it says',
      () =>
        wheel([{ path: first[0] as string, data: LIBRARY.subarray(9), size: LIBRARY.length }, ...good(first.slice(1))]),
    ],
    ['has a path that leads out', () => wheel([{ path: '../evil.so', data: LIBRARY }, ...good(first)])],
    ['is none', () => Buffer.from('no archive')],
  ])('of PyPI that %s is refused', async (_, pypi) => {
    await expect(installThese(undefined, pypi())).rejects.toMatchObject({
      code: 'DIFFBIR_CACHE_FAILED',
      file: WHEEL_FILE,
      message: expect.stringContaining('it cannot be unpacked'),
    });
    expect(existsSync(folder())).toBe(false);
    const written = all().filter((name) => name.includes('.so'));
    for (const name of written) {
      expect(statSync(path.join(hub.ownCache, name)).size, name).toBeLessThanOrEqual(LIBRARY.length);
    }
    expect(all().filter((name) => name.includes('evil'))).toEqual([]);
  });
});

describe('--remove', () => {
  it('removes what was installed, also by halves, and nothing else', async () => {
    await install();
    writeFileSync(path.join(folder(), 'mine.so'), 'mine');
    mkdirSync(downloads(), { recursive: true });
    mkdirSync(path.join(hub.ownCache, 'cuda', 'toolkit'), { recursive: true });
    expect(await removeLibraries(hub)).toBe(folder());
    expect(all()).toEqual(['cuda', 'cuda/1.29.0', 'cuda/1.29.0/mine.so', 'cuda/toolkit']);
    expect(await removeLibraries(hub)).toBeUndefined();
  });

  it('leaves no folder', async () => {
    await install();
    await removeLibraries(hub);
    expect(all()).toEqual([]);
  });
});

describe('the registries', () => {
  it('are the public ones, those of npm and pip, or those that are named', () => {
    const both = { npm: 'https://registry.npmjs.org', pypi: 'https://pypi.org/simple' };
    expect(registriesFrom({})).toEqual(both);
    const env = { npm_config_registry: 'https://mirror/npm/', PIP_INDEX_URL: 'http://mirror/simple//' };
    expect(registriesFrom(env)).toEqual({ npm: 'https://mirror/npm', pypi: 'http://mirror/simple' });
    expect(registriesFrom(env, { registry: 'https://a', indexUrl: 'https://b/' })).toEqual({
      npm: 'https://a',
      pypi: 'https://b',
    });
    for (const wrong of ['registry', 'file:///etc', 'ftp://x']) {
      expect(() => registriesFrom({}, { registry: wrong })).toThrow(/an address that begins with https/);
    }
  });

  it('have packages that belong together, and to the ONNX Runtime that this package ships', () => {
    const { devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(devDependencies['onnxruntime-node']).toBe(ONNXRUNTIME);
    const names = PACKAGES.flatMap(({ entries }) => entries.map((entry) => path.posix.basename(entry.path)));
    for (const name of NEEDED.cuda) expect(names).toContain(name);
    expect(new Set(names).size).toBe(names.length);
    for (const { sha256: hash, file, version } of PACKAGES) {
      expect(hash).toMatch(/^[0-9a-f]{64}$/);
      expect(file).toContain(version);
    }
  });
});
