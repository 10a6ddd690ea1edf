import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/runCli';
import { type Installing, installLibraries } from '../../src/device/install/install';
import { librariesFolder } from '../../src/device/libraries';
import { packagesOf, publish } from '../device/archives';
import { fakeNative, fakeRestorer, temporaryFolder } from '../facade/fakes';
import { answers, createFakeHub, type FakeHub, impatient } from '../hub/fakeHub';

let fake: FakeHub;
let cache: string;
let flags: string[];
let controller: AbortController;
const made = packagesOf();
beforeEach(async () => {
  fake = await createFakeHub();
  cache = temporaryFolder();
  controller = new AbortController();
  const { npm, pypi } = publish(fake, made);
  flags = ['--registry', npm, '--index-url', pypi];
});
afterEach(() => fake.close());

async function cli(args: readonly string[], changes: Partial<Installing> = {}) {
  const printed = { stdout: '', stderr: '' };
  const write = (stream: 'stdout' | 'stderr') => (text: string) => {
    printed[stream] += text;
  };
  const code = await runCli({
    argv: ['install-cuda', ...args],
    terminal: {
      stdout: { write: write('stdout') },
      stderr: { write: write('stderr'), isTTY: false },
      env: { DIFFBIR_CACHE: cache },
    },
    signal: controller.signal,
    createRestorer: (options) => fakeRestorer(fakeNative(), options),
    installCuda: (hub, options) =>
      installLibraries(impatient({}, { ownCache: hub.ownCache }), {
        ...options,
        packages: made.packages,
        platform: 'linux-x64',
        ...changes,
      }),
  });
  return { code, ...printed };
}

describe('diffbir install-cuda', () => {
  it('installs from the registries that are named, and prints the folder', async () => {
    expect(await cli(flags)).toEqual({
      code: 0,
      stdout: `${librariesFolder(cache)}\n`,
      stderr: made.packages.map(({ file }) => `unpacking ${file}\n`).join(''),
    });
    expect(await cli(flags)).toEqual({ code: 0, stdout: `${librariesFolder(cache)}\n`, stderr: '' });
    expect(existsSync(path.join(librariesFolder(cache), 'libcudart.so.13'))).toBe(true);
  });

  it('--cache-dir goes before DIFFBIR_CACHE', async () => {
    const other = temporaryFolder();
    expect((await cli([...flags, '--cache-dir', other, '--quiet'])).stdout).toBe(`${librariesFolder(other)}\n`);
    expect(readdirSync(cache)).toEqual([]);
  });

  it('--json prints one object, also of an error', async () => {
    const { stdout, stderr } = await cli([...flags, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, isNew: true, onnxruntime: '1.29.0', cuda: '13' });
    expect(stderr).toBe('');
    await cli(['--remove']);
    fake.deliveryFault = answers(403);
    const failed = await cli([...flags, '--json']);
    expect(failed.code).toBe(1);
    expect(JSON.parse(failed.stdout)).toMatchObject({ ok: false, error: { code: 'DIFFBIR_ACCESS_DENIED' } });
  });

  it('says of an error what it is', async () => {
    const refused = await cli(flags, { platform: 'darwin-arm64' });
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(
      /^error: There are GPU libraries for linux-x64 alone so far.*UNSUPPORTED_PLATFORM\]\n$/,
    );
    expect(await cli(['--registry', 'nowhere'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Expected an address that begins with https'),
    });
    expect((await cli(['--list', '--remove'])).code).toBe(2);
    expect(fake.seen).toEqual([]);
  });

  it('interrupted says that it can go on', async () => {
    expect(await cli(flags, { onUnpack: () => controller.abort() })).toEqual({
      code: 130,
      stdout: '',
      stderr: 'interrupted; the same command goes on from here\n',
    });
  });

  it('--list names packages, sizes, terms and what is there, without the network', async () => {
    const { code, stdout } = await cli(['--list']);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^GPU libraries for ONNX Runtime 1\.29\.0: 1\.31 GB to download, 2\.04 GB unpacked, not installed$/m,
    );
    expect(stdout).toMatch(/^ {2}nvidia-cudnn-cu13 9\.24\.0\.43 +553 MB {2}NVIDIA, proprietary$/m);
    await cli(flags);
    fake.seen.length = 0;
    expect((await cli(['--list'])).stdout).toContain(`installed in ${librariesFolder(cache)}`);
    const listed = JSON.parse((await cli(['--list', '--json'])).stdout);
    expect(listed).toMatchObject({ isInstalled: true, folder: librariesFolder(cache) });
    expect(listed.packages[0]).toMatchObject({ license: 'MIT', bytes: 179145956 });
    expect(fake.seen).toEqual([]);
  });

  it('--remove takes it away again', async () => {
    await cli(flags);
    expect(await cli(['--remove'])).toEqual({ code: 0, stdout: '', stderr: `removed ${librariesFolder(cache)}\n` });
    expect(readdirSync(cache)).toEqual([]);
    expect((await cli(['--remove'])).stderr).toBe('there was nothing to remove\n');
    expect(JSON.parse((await cli(['--remove', '--json'])).stdout)).toEqual({ ok: true, removed: null });
  });
});
