/** The layout of the cache, which Python's huggingface_hub shares. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findCached } from '../../src/hub/cache';
import { type Hub, hubFrom } from '../../src/hub/hub';
import { pullWeights } from '../../src/hub/pullWeights';
import type { Weight } from '../../src/hub/weight';
import { temporaryFolder } from '../facade/fakes';
import {
  answers,
  COMMIT,
  content,
  createFakeHub,
  environment,
  type FakeHub,
  impatient,
  sha256,
  weight,
} from './fakeHub';

const NAME = 'v9.pth';
let fake: FakeHub;
let hub: Hub;
let file: Buffer;
beforeEach(async () => {
  fake = await createFakeHub();
  hub = impatient(environment(fake));
  file = content();
  fake.files.set(`org/name/${NAME}`, file);
});
afterEach(() => fake.close());

const at = (...parts: string[]) => path.join(hub.cache, 'models--org--name', ...parts);
const pull = async (weights = weight(NAME)) => (await pullWeights(hub, weights, {}))[0];
const find = (weights = weight(NAME)) => findCached(hub, [...weights.values()][0] as Weight);

/** As Python's hf_hub_download leaves a file. */
function leaveAsPython(commit = COMMIT, ref: string | undefined = commit, name = NAME) {
  const blob = sha256(file);
  for (const folder of ['blobs', 'refs', `snapshots/${commit}`]) mkdirSync(at(folder), { recursive: true });
  writeFileSync(at('blobs', blob), file);
  if (ref !== undefined) writeFileSync(at('refs', 'main'), ref);
  symlinkSync(path.join('..', '..', 'blobs', blob), at('snapshots', commit, name));
}

describe("the hub's cache", () => {
  it('gets blobs, refs and relative links as Python makes them', async () => {
    const pulled = await pull();
    expect(readFileSync(at('blobs', sha256(file))).equals(file)).toBe(true);
    expect(readFileSync(at('refs', 'main'), 'utf8')).toBe(COMMIT);
    expect(readlinkSync(at('snapshots', COMMIT, NAME))).toBe(path.join('..', '..', 'blobs', sha256(file)));
    expect(pulled?.path).toBe(realpathSync(at('blobs', sha256(file))));
    expect(readdirSync(at())).toEqual(['blobs', 'refs', 'snapshots']);
    expect(readdirSync(at('blobs'))).toEqual([sha256(file)]);
  });

  it('links out of folders of a repository', async () => {
    fake.files.set('org/name/a/b/c.pth', file);
    await pull(weight('c.pth', { places: [{ repo: 'org/name', path: 'a/b/c.pth', revision: 'main' }] }));
    const link = at('snapshots', COMMIT, 'a', 'b', 'c.pth');
    expect(readlinkSync(link)).toBe(path.join('..', '..', '..', '..', 'blobs', sha256(file)));
    expect(readFileSync(link).equals(file)).toBe(true);
  });

  it('that Python filled is used without a request', async () => {
    leaveAsPython();
    expect(await pull()).toMatchObject({ path: realpathSync(at('blobs', sha256(file))), isNew: false });
    expect(fake.seen).toEqual([]);
  });

  it('is searched for other commits, where a newer one became known', async () => {
    leaveAsPython('a'.repeat(40), 'b'.repeat(40));
    expect(await find()).toBe(realpathSync(at('blobs', sha256(file))));
  });

  it('is searched at the place of each copy', async () => {
    leaveAsPython();
    const places = ['org/first', 'org/name'].map((repo) => ({ repo, path: NAME, revision: 'main' }));
    expect(await find(weight(NAME, { places }))).toBeDefined();
  });

  it('with a link whose blob is gone is as if the file were not there', async () => {
    mkdirSync(at('snapshots', COMMIT), { recursive: true });
    symlinkSync('../../blobs/gone', at('snapshots', COMMIT, NAME));
    expect(await find()).toBeUndefined();
    expect(readFileSync((await pull())?.path ?? '').equals(file)).toBe(true);
  });

  it('takes a blob that another revision brought already', async () => {
    leaveAsPython('a'.repeat(40), undefined, 'other-name.pth');
    expect(await pull()).toMatchObject({ path: realpathSync(at('blobs', sha256(file))) });
    expect(fake.ranges()).toEqual([]);
    expect(readFileSync(at('snapshots', COMMIT, NAME)).equals(file)).toBe(true);
  });

  it('has the files themselves in its snapshots where there are no symbolic links', async () => {
    const symlink = async () => {
      throw Object.assign(new Error('no'), { code: 'EPERM' });
    };
    hub = { ...hub, symlink };
    const pulled = await pull();
    expect(lstatSync(at('snapshots', COMMIT, NAME)).isFile()).toBe(true);
    expect(readFileSync(pulled?.path ?? '').equals(file)).toBe(true);
    expect(readdirSync(at('blobs'))).toEqual([]);
    expect(await pull()).toMatchObject({ isNew: false });
    // A blob that is there, for instance on a disk that was moved, is copied.
    writeFileSync(at('blobs', sha256(file)), file);
    fake.files.set('org/name/second.pth', file);
    await pull(weight('second.pth'));
    expect(readdirSync(at('blobs'))).toEqual([sha256(file)]);
    expect(readFileSync(at('snapshots', COMMIT, 'second.pth')).equals(file)).toBe(true);
  });
});

describe('names from outside', () => {
  it.each([
    ['an etag', { 'x-linked-etag': '"../../../../evil"' }],
    ['an etag of dots', { 'x-linked-etag': '".."' }],
    ['an etag with a NUL', { 'x-linked-etag': '"a%00b/c"' }],
    ['an endless etag', { 'x-linked-etag': 'a'.repeat(500) }],
    ['a commit', { 'x-repo-commit': '../../evil' }],
    ['a short commit', { 'x-repo-commit': 'abc' }],
  ])('%s that is no name of a file is refused', async (_, headers) => {
    fake.hubFault = answers(302, {
      'x-repo-commit': COMMIT,
      'x-linked-etag': `"${sha256(file)}"`,
      'x-linked-size': '5000',
      location: '/',
      ...headers,
    });
    await expect(pull()).rejects.toMatchObject({
      code: 'DIFFBIR_DOWNLOAD_FAILED',
      message: expect.stringContaining('does not answer like a hub'),
    });
    expect(existsSync(hub.cache)).toBe(false);
  });

  it('a ref that leads out of the snapshots is not followed', async () => {
    mkdirSync(at('refs'), { recursive: true });
    mkdirSync(at('snapshots'), { recursive: true });
    writeFileSync(at('refs', 'main'), '../..');
    writeFileSync(path.join(hub.cache, NAME), 'evil');
    expect(await find()).toBeUndefined();
  });
});

describe('hubFrom', () => {
  const cacheOf = (env: Record<string, string>) => hubFrom(env).cache;

  it('finds the caches where Python looks for them', () => {
    expect(cacheOf({})).toBe(path.join(homedir(), '.cache', 'huggingface', 'hub'));
    expect(cacheOf({ XDG_CACHE_HOME: '/x' })).toBe('/x/huggingface/hub');
    expect(cacheOf({ XDG_CACHE_HOME: '/x', HF_HOME: '/h' })).toBe('/h/hub');
    expect(cacheOf({ HF_HOME: '/h', HUGGINGFACE_HUB_CACHE: '/old' })).toBe('/old');
    expect(cacheOf({ HF_HOME: '/h', HUGGINGFACE_HUB_CACHE: '/old', HF_HUB_CACHE: '~/c' })).toBe(
      path.join(homedir(), 'c'),
    );
    expect(hubFrom({ XDG_CACHE_HOME: '/x' }).ownCache).toBe('/x/diffbir');
    expect(hubFrom({ DIFFBIR_CACHE: '/d' }).ownCache).toBe('/d');
  });

  it('finds the token where Python keeps it', () => {
    const home = temporaryFolder();
    writeFileSync(path.join(home, 'token'), 'hf_file\n');
    expect(hubFrom({ HF_HOME: home }).token).toBe('hf_file');
    expect(hubFrom({ HF_HOME: home, HF_TOKEN: ' hf_variable\r\n' }).token).toBe('hf_variable');
    expect(hubFrom({ HF_HOME: '/none', HF_TOKEN_PATH: path.join(home, 'token') }).token).toBe('hf_file');
    expect(hubFrom({ HF_HOME: home, HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' }).token).toBeUndefined();
    expect(hubFrom({ HF_HOME: '/none' }).token).toBeUndefined();
  });

  it('knows the words for yes', () => {
    for (const yes of ['1', 'on', 'Yes', 'TRUE']) expect(hubFrom({ HF_HUB_OFFLINE: yes }).offline).toBe(true);
    for (const no of ['0', '', 'false']) expect(hubFrom({ HF_HUB_OFFLINE: no }).offline).toBe(false);
    expect(hubFrom({}).endpoint).toBe('https://huggingface.co');
  });
});
