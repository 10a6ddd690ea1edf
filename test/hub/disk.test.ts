/** Disks that are full, and folders that cannot be written. */
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DownloadError } from '../../src/errors';
import type { Hub } from '../../src/hub/hub';
import { pullWeights } from '../../src/hub/pullWeights';
import type { Weight } from '../../src/hub/weight';
import { temporaryFolder } from '../facade/fakes';
import { content, createFakeHub, environment, type FakeHub, impatient, sha256, weight } from './fakeHub';

let fake: FakeHub;
let hub: Hub;
let file: Buffer;
const two = new Map([...weight('a.pth'), ...weight('b.pth')]);
beforeEach(async () => {
  fake = await createFakeHub();
  hub = impatient(environment(fake));
  file = content();
  fake.files.set('org/name/a.pth', file);
  fake.files.set('org/name/b.pth', content(7000));
});
afterEach(() => fake.close());

const refusal = async (weights: ReadonlyMap<string, Weight> = two) => {
  const error = await pullWeights(hub, weights, {}).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(DownloadError);
  return error as DownloadError;
};
const partial = () => path.join(hub.cache, 'models--org--name', 'blobs', `${sha256(file)}.diffbir.incomplete`);

describe('a full disk', () => {
  it('is known before the first byte: all files together, with what is needed and free', async () => {
    const asked: string[] = [];
    const freeBytes = async (folder: string) => {
      asked.push(folder);
      return 11_999;
    };
    hub = { ...hub, freeBytes };
    const error = await refusal();
    expect(error).toMatchObject({
      code: 'DIFFBIR_DISK_FULL',
      status: 507,
      neededBytes: 12_000,
      freeBytes: 11_999,
      message: expect.stringMatching(/12000 bytes are needed on the disk of .*, and 11999 are free\. .*HF_HOME/),
    });
    expect(fake.ranges()).toEqual([]);
    // The cache is not there yet: it is the folder above it that was asked for.
    expect(asked).toEqual([path.dirname(path.dirname(hub.cache))]);
    expect(existsSync(hub.cache)).toBe(false);
    hub = { ...hub, freeBytes: async () => 12_000 };
    expect((await pullWeights(hub, two, {})).length).toBe(2);
  });

  it('needs no room for what is there already', async () => {
    mkdirSync(path.dirname(partial()), { recursive: true });
    writeFileSync(partial(), file.subarray(0, 4000));
    hub = { ...hub, freeBytes: async () => 7999 };
    expect(await refusal()).toMatchObject({ neededBytes: 8000 });
    hub = { ...hub, freeBytes: async () => 8000 };
    await pullWeights(hub, two, {});
    expect(fake.ranges()[0]).toBe('bytes=4000-');
  });

  it.skipIf(!existsSync('/dev/full'))('that fills while it is written to is the same error, in words', async () => {
    mkdirSync(path.dirname(partial()), { recursive: true });
    symlinkSync('/dev/full', partial());
    let asked = 0;
    hub = { ...hub, freeBytes: async () => (asked++ === 0 ? 1e9 : 3) };
    expect(await refusal(weight('a.pth'))).toMatchObject({
      code: 'DIFFBIR_DISK_FULL',
      neededBytes: 5000,
      freeBytes: 3,
    });
  });

  it('tells how much is free of the real one', async () => {
    expect(await hub.freeBytes(temporaryFolder())).toBeGreaterThan(0);
  });
});

describe('a cache that cannot be written', () => {
  it.each([
    ['HF_HOME', 'a.pth'],
    ['DIFFBIR_CACHE', 'own.pth'],
  ])('names the variable for another one: %s', async (variable, name) => {
    // A file in the place of a folder: unlike permissions, that stops the superuser too.
    const blocked = path.join(temporaryFolder(), 'file');
    writeFileSync(blocked, '');
    hub = impatient({ ...environment(fake), [variable]: path.join(blocked, 'home') });
    fake.files.set('/own.pth', file);
    const places = [{ url: `${fake.delivery}/own.pth` }];
    const error = await refusal(weight(name, variable === 'HF_HOME' ? {} : { places }));
    expect(error).toMatchObject({
      code: 'DIFFBIR_CACHE_FAILED',
      message: expect.stringMatching(new RegExp(`the cache cannot be written: .*${variable}`)),
    });
    expect(fake.ranges().filter((range) => range !== 'bytes=0-0')).toEqual([]);
  });

  it('can still be read', async () => {
    await pullWeights(hub, two, {});
    const denied = () => Promise.reject(new Error('no writing'));
    const [pulled] = await pullWeights({ ...hub, symlink: denied, freeBytes: denied }, two, {});
    expect(pulled?.isNew).toBe(false);
  });
});
