/** Models by name: found in the caches, downloaded only where that was asked for. */
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DownloadError, InvalidOptionError } from '../../src/errors';
import { isHubPlace } from '../../src/hub/weight';
import { officialModels, type PullOptions, pull } from '../../src/index';
import { officialManifest, weightsOf } from '../../src/models/officialModels';
import type { OfficialModelName } from '../../src/models/registry';
import { pullWith } from '../../src/pull';
import { COMMIT, content, createFakeHub, environment, type FakeHub, impatient, sha256, weight } from '../hub/fakeHub';
import { BOTH_STAGES, type FakeNative, fakeNative, fakeRestorer, STAGE1, temporaryFolder } from './fakes';

const raw = { data: new Uint8Array(12), width: 2, height: 2, channels: 3 as const };
const CLEANER = 'realesrgan_s4_swinir_100k.pth';
let hub: FakeHub;
let native: FakeNative;
let home: string;
beforeEach(async () => {
  hub = await createFakeHub();
  native = fakeNative();
  const env = environment(hub);
  home = env.HF_HOME ?? '';
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  for (const name of ['HF_HUB_CACHE', 'HF_HUB_OFFLINE', 'HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy']) {
    vi.stubEnv(name, undefined);
  }
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await hub.close();
});

/** Leaves the files of a model in the caches, as Python and we do; of no content. */
async function leave(name: OfficialModelName, but: readonly string[] = []) {
  for (const [file, { places }] of weightsOf(await officialManifest(name))) {
    const place = places[0];
    if (!place || but.includes(file)) continue;
    if (isHubPlace(place)) {
      const folder = path.join(home, 'hub', `models--${place.repo.replace('/', '--')}`);
      const snapshot = path.join(folder, 'snapshots', COMMIT);
      for (const made of [snapshot, path.join(folder, 'blobs'), path.join(folder, 'refs')]) {
        mkdirSync(made, { recursive: true });
      }
      writeFileSync(path.join(folder, 'refs', 'main'), COMMIT);
      writeFileSync(path.join(folder, 'blobs', blob(file)), '');
      const link = path.join(snapshot, place.path);
      if (!existsSync(link)) symlinkSync(`../../blobs/${blob(file)}`, link);
    } else {
      const { hostname, pathname } = new URL(place.url);
      const own = path.join(process.env.DIFFBIR_CACHE ?? '', hostname, pathname);
      mkdirSync(path.dirname(own), { recursive: true });
      writeFileSync(own, '');
    }
  }
}

const blob = (file: string) => sha256(Buffer.from(file));
const cleanerFile = (spec = native.specs.at(-1)) => path.basename(spec?.cleaner.weights.file ?? '');

describe('a model by name', () => {
  it('is found in the cache, behind its links', async () => {
    await leave('v2.1');
    const restorer = await fakeRestorer(native, { model: 'v2.1' });
    expect([restorer.modelName, restorer.stages]).toEqual(['DiffBIR v2.1', 2]);
    expect(cleanerFile()).toBe(blob(CLEANER));
    expect(path.basename(native.specs[0]?.stage2?.unet.weights.file ?? '')).toBe(
      blob('sd2.1-base-zsnr-laionaes5.ckpt'),
    );
    await restorer.restore(raw);
    expect(native.jobs[0]).toMatchObject({ sampler: 'edm_dpm++_3m_sde', steps: 10, cfgScale: 8 });
    expect(hub.seen).toEqual([]);
  });

  it('finds files of other hosts in our own cache', async () => {
    await leave('v2');
    await fakeRestorer(native, { model: 'v2' });
    expect(cleanerFile()).toBe('BSRNet.pth');
  });

  it('says which command to run where a file is missing, and touches no network', async () => {
    await leave('v2.1', ['DiffBIR_v2.1.pt']);
    await expect(fakeRestorer(native, { model: 'v2.1' })).rejects.toMatchObject({
      code: 'DIFFBIR_MODEL_NOT_FOUND',
      message: expect.stringMatching(/v2\.1 needs DiffBIR_v2\.1\.pt, .* run "npx diffbir pull v2\.1", or .*--download/),
    });
    expect(hub.seen).toEqual([]);
    // What is not needed need not be there.
    expect((await fakeRestorer(native, { model: 'v2.1', stage: 1 })).stages).toBe(1);
  });

  it('downloads with download: true, and no more than it needs', async () => {
    hub.files.set(`lxq007/DiffBIR-v2/${CLEANER}`, content(3 << 20));
    const told: string[] = [];
    const fractions: number[] = [];
    await fakeRestorer(native, {
      model: 'v2.1',
      stage: 1,
      download: true,
      onProgress: ({ stage, step, steps, fraction }) => {
        if (stage === 'download') told.push(`${step}/${steps}`);
        fractions.push(fraction);
      },
    });
    expect([told[0], told.at(-1)]).toEqual(['0/3', '3/3']);
    expect(fractions).toEqual([...fractions].sort());
    expect(cleanerFile()).toBe(sha256(hub.files.get(`lxq007/DiffBIR-v2/${CLEANER}`) as Buffer));
    expect(hub.ranges().length).toBe(1);
    await expect(fakeRestorer(native, { model: 'v2.1', download: true })).rejects.toBeInstanceOf(DownloadError);
  });

  it('stops a download at the signal', async () => {
    hub.files.set(`lxq007/DiffBIR-v2/${CLEANER}`, content(50_000));
    hub.pace = 20;
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    await expect(
      fakeRestorer(native, { model: 'v2.1', stage: 1, download: true, signal: controller.signal, onProgress }),
    ).rejects.toMatchObject({ code: 'DIFFBIR_ABORTED' });
    expect(native.specs).toEqual([]);
  });

  it('v1-face does faces unasked, and says so', async () => {
    await leave('v1-face');
    const restorer = await fakeRestorer(native, { model: 'v1-face' });
    expect(cleanerFile()).toBe(blob('face_swinir_v1.ckpt'));
    expect((await restorer.restore(raw)).warnings).toEqual([]);
    await fakeRestorer(native, { model: 'v1-face', task: 'face' });
    await expect(fakeRestorer(native, { model: 'v1-face', task: 'sr' })).rejects.toMatchObject({ option: 'task' });
    await leave('v1-general');
    await fakeRestorer(native, { model: 'v1-general', task: 'denoise' });
    expect(cleanerFile()).toBe(blob('general_swinir_v1.ckpt'));
  });
});

describe('a folder', () => {
  const cwd = process.cwd();
  afterEach(() => process.chdir(cwd));

  it('of that name goes first, and a path is never a name', async () => {
    process.chdir(temporaryFolder());
    await expect(fakeRestorer(native, { model: './v2.1' })).rejects.toThrow(
      /v2\.1 is not a model: it has no model\.json/,
    );
    mkdirSync('v2.1');
    await expect(fakeRestorer(native, { model: 'v2.1' })).rejects.toThrow(/it has no model\.json/);
    for (const name of ['model.json', 'weights.safetensors']) {
      writeFileSync(
        path.join('v2.1', name),
        name.endsWith('json') ? JSON.stringify({ ...BOTH_STAGES, name: 'mine' }) : '',
      );
    }
    for (const model of ['v2.1', './v2.1']) {
      expect((await fakeRestorer(native, { model })).modelName).toBe('mine');
    }
  });

  it('whose files are links out of it is refused still: caches are for models by name', async () => {
    const folder = temporaryFolder();
    writeFileSync(path.join(folder, 'model.json'), JSON.stringify(STAGE1));
    const outside = path.join(temporaryFolder(), 'blob');
    writeFileSync(outside, '');
    symlinkSync(outside, path.join(folder, 'weights.safetensors'));
    await expect(fakeRestorer(native, { model: folder })).rejects.toThrow(/leads out of the model folder/);
  });

  it.each([
    ['v21', /no folder v21, and no official model\. Did you mean v2\.1\?/],
    ['holiday', /Official models are v2\.1, v2, v1-general, v1-face/],
  ])('that is not there, %s, is told from a misspelt name', async (model, message) => {
    await expect(fakeRestorer(native, { model })).rejects.toMatchObject({
      code: 'DIFFBIR_MODEL_NOT_FOUND',
      message: expect.stringMatching(message),
    });
  });
});

describe('pull', () => {
  it('finds a whole model without a request, and lists it as there', async () => {
    await leave('v2');
    const { name, files } = await pull('v2');
    expect([name, files.length, files.every(({ isNew }) => !isNew)]).toEqual(['v2', 7, true]);
    expect(hub.seen).toEqual([]);
    const models = await officialModels();
    expect(models.map((model) => [model.name, model.files.every((file) => file.path)])).toEqual([
      ['v2.1', false],
      ['v2', true],
      ['v1-general', false],
      ['v1-face', false],
    ]);
    // What is there has its own size: these files are empty.
    expect(models[1]?.files[0]?.bytes).toBe(0);
    expect(models[0]?.files[0]?.bytes).toBe(90.2e6);
  });

  it('refuses files that are not the official ones', async () => {
    for (const [file, { places }] of weightsOf(await officialManifest('v2.1'))) {
      const place = places[0];
      if (place && isHubPlace(place)) hub.files.set(`${place.repo}/${file}`, content());
    }
    await expect(pull('v2.1')).rejects.toMatchObject({ code: 'DIFFBIR_WRONG_CHECKSUM', file: 'DiffBIR_v2.1.pt' });
    expect(hub.ranges()).toEqual([]);
  });

  it('gets what is missing', async () => {
    hub.files.set('org/name/x.pth', content());
    const room = () => impatient(process.env);
    const { files } = await pullWith(room, () => weight('x.pth'), 'v2.1', {});
    expect(files).toMatchObject([{ file: 'x.pth', bytes: 5000, isNew: true }]);
  });

  it.each([
    ['v3', {}, /Expected one of 'v2\.1', .* for name but received v3/],
    ['../v2', {}, /for name/],
    ['toString', {}, /for name/],
    [7, {}, /for name but received 7/],
    ['v2', { progress: 1 }, /Unknown option progress\. Did you mean onProgress/],
    ['v2', { signal: 1 }, /an AbortSignal for signal/],
    ['v2', { onProgress: 1 }, /a function for onProgress/],
    ['v2', null, /an object for options/],
  ])('refuses %j with %j', async (name, options, message) => {
    const error = await pull(name as 'v2', options as PullOptions).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(InvalidOptionError);
    expect(error.message).toMatch(message);
    expect(hub.seen).toEqual([]);
  });
});
