import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AbortError, DownloadError } from '../../src/errors';
import type { Hub } from '../../src/hub/hub';
import { pullWeights } from '../../src/hub/pullWeights';
import {
  answers,
  content,
  createFakeHub,
  cutsAfter,
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

const blobs = () => path.join(hub.cache, 'models--org--name', 'blobs');
const partial = () => path.join(blobs(), `${sha256(file)}.diffbir.incomplete`);
const pull = async (options: Parameters<typeof pullWeights>[2] = {}, weights = weight(NAME)) =>
  (await pullWeights(hub, weights, options))[0];
const refused = async (options: Parameters<typeof pullWeights>[2] = {}, weights = weight(NAME)) => {
  const error = await pull(options, weights).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(DownloadError);
  expect(error.file).toBe(NAME);
  return error as DownloadError;
};
/** Leaves what an earlier, interrupted download leaves. */
const leave = (part: Buffer) => {
  mkdirSync(blobs(), { recursive: true });
  writeFileSync(partial(), part);
};
const isWhole = (pulled: Awaited<ReturnType<typeof pull>>) => {
  expect(readFileSync(pulled?.path ?? '').equals(file)).toBe(true);
  expect(readdirSync(blobs())).toEqual([sha256(file)]);
};

describe('a download', () => {
  it('arrives whole, tells how far it is, and is not repeated', async () => {
    const told: number[] = [];
    const pulled = await pull({
      onProgress: ({ file: name, fileReceived, fileBytes, received, total }) => {
        expect([name, fileBytes, total, received]).toEqual([NAME, 5000, 5000, fileReceived]);
        told.push(received);
      },
    });
    isWhole(pulled);
    expect(pulled).toMatchObject({ file: NAME, bytes: 5000, isNew: true });
    expect([told[0], told.at(-1)]).toEqual([0, 5000]);
    const requests = fake.seen.length;
    expect(await pull()).toMatchObject({ path: pulled?.path, isNew: false });
    expect(fake.seen.length).toBe(requests);
  });

  it('goes on where an interrupted one stopped', async () => {
    leave(file.subarray(0, 3000));
    isWhole(await pull());
    expect(fake.ranges()).toEqual(['bytes=3000-']);
  });

  it('goes on after the connection was cut', async () => {
    fake.deliveryFault = cutsAfter(file, 1000, 2);
    isWhole(await pull());
    expect(fake.ranges()).toEqual([undefined, 'bytes=1000-', 'bytes=2000-']);
  });

  it('goes on where an answer without a length ended early', async () => {
    let answered = 0;
    fake.deliveryFault = (_, response) => {
      if (answered++ > 0) return false;
      response.writeHead(200).end(file.subarray(0, 1000));
      return true;
    };
    isWhole(await pull());
    expect(fake.ranges()).toEqual([undefined, 'bytes=1000-']);
  });

  it('gives up after a few cuts without getting on, and keeps what came', async () => {
    fake.deliveryFault = cutsAfter(file, 100, 99);
    expect(await refused()).toMatchObject({
      code: 'DIFFBIR_DOWNLOAD_FAILED',
      message: expect.stringContaining('was cut after 300 of 5000 bytes'),
    });
    expect(fake.ranges().length).toBe(hub.attempts);
    expect(readFileSync(partial()).equals(file.subarray(0, 300))).toBe(true);
  });

  it('does not count a server that always begins anew as getting on', async () => {
    const large = content(3 << 20);
    fake.files.set(`org/name/${NAME}`, large);
    fake.deliveryFault = (_, response) => {
      response.writeHead(200, { 'content-length': large.length });
      response.write(large.subarray(0, 2 << 20), () => response.destroy());
      return true;
    };
    await refused();
    expect(fake.ranges().length).toBeLessThanOrEqual(hub.attempts + 1);
  });

  it('gives up a connection that stalls', async () => {
    fake.deliveryFault = (_, response) => {
      response.writeHead(200, { 'content-length': file.length });
      response.write(file.subarray(0, 10));
      return true;
    };
    hub = impatient(environment(fake), { stallMs: 60, attempts: 2 });
    expect((await refused()).message).toMatch(/nothing came from 127\.0\.0\.1:\d+ for 0\.06 s/);
    expect(fake.ranges()).toEqual([undefined, 'bytes=10-']);
  });

  it('begins anew where the server ignores the range', async () => {
    leave(content(3000));
    fake.deliveryFault = ({ headers }) => {
      delete headers.range;
      return false;
    };
    isWhole(await pull());
  });

  it('does not leave a hole where a server that ignores the range is cut at once', async () => {
    leave(file.subarray(0, 3000));
    let answered = 0;
    fake.deliveryFault = ({ headers }, response) => {
      answered++;
      if (answered > 1) return false;
      delete headers.range;
      response.writeHead(200, { 'content-length': file.length });
      response.flushHeaders();
      setTimeout(() => response.destroy(), 20);
      return true;
    };
    isWhole(await pull());
    expect(fake.ranges().at(-1)).toBeUndefined();
  });

  it('does not go on with a part that is longer than the file', async () => {
    leave(content(9000));
    isWhole(await pull());
    expect(fake.ranges()).toEqual([undefined]);
  });

  it('of content that has changed on the hub begins anew', async () => {
    leave(file.subarray(0, 3000));
    file = content();
    fake.files.set(`org/name/${NAME}`, file);
    const pulled = await pull();
    expect(readFileSync(pulled?.path ?? '').equals(file)).toBe(true);
    expect(fake.ranges()).toEqual([undefined]);
  });

  it('with a wrong hash is deleted', async () => {
    leave(content(3000));
    expect(await refused()).toMatchObject({
      code: 'DIFFBIR_WRONG_CHECKSUM',
      message: expect.stringContaining(`instead of ${sha256(file)}; it was deleted`),
    });
    expect(readdirSync(blobs())).toEqual([]);
    isWhole(await pull());
  });

  it('of other content than the one on record is refused before it begins', async () => {
    expect(await refused({}, weight(NAME, { sha256: 'a'.repeat(64) }))).toMatchObject({
      code: 'DIFFBIR_WRONG_CHECKSUM',
    });
    expect(await refused({}, weight(NAME, { size: 4999 }))).toMatchObject({ code: 'DIFFBIR_WRONG_CHECKSUM' });
    expect(fake.ranges()).toEqual([]);
  });

  it.each([
    ['by its type', { 'content-type': 'text/html; charset=utf-8' }, 'please log in'],
    ['by its text', {}, '\n<!DOCTYPE html><title>Log in</title>'],
  ])('of an HTML page is refused: %s', async (_, headers, page) => {
    fake.deliveryFault = (__, response) => {
      response.writeHead(200, headers).end(page);
      return true;
    };
    expect(await refused()).toMatchObject({
      code: 'DIFFBIR_DOWNLOAD_FAILED',
      message: expect.stringContaining('HTML page'),
    });
    expect(readFileSync(partial()).length).toBe(0);
  });

  it.each([
    ['an HTML page', answers(200, { 'content-type': 'text/html' })],
    ['a closed door', answers(403)],
    ['no such range', answers(416)],
    ['another range', answers(206, { 'content-range': 'bytes 0-1/5000' })],
  ])('keeps its part where %s comes in place of the rest', async (_, fault) => {
    leave(file.subarray(0, 3000));
    fake.deliveryFault = fault;
    await refused();
    fake.deliveryFault = undefined;
    isWhole(await pull());
    expect(fake.ranges().at(-1)).toBe('bytes=3000-');
  });

  it.each([
    ['more than announced', { length: 5000 + 7, body: 5000 + 7 }],
    ['more than announced, without a length', { length: undefined, body: 5000 + 7 }],
    ['a shorter file', { length: 77, body: 77 }],
  ])('of %s is refused', async (_, { length, body }) => {
    fake.deliveryFault = (__, response) => {
      response.writeHead(200, { ...(length && { 'content-length': length }) }).end(content(body));
      return true;
    };
    expect((await refused()).message).toMatch(/than (it|the 5000 bytes that it) announced/);
  });

  it.each([['0'], ['-5'], ['1e3000'], ['999999999999999'], ['five']])('of %s bytes is not begun', async (size) => {
    fake.hubFault = answers(200, { 'x-linked-etag': 'abc', 'x-linked-size': size, 'x-repo-commit': fake.commit });
    expect((await refused()).message).toMatch(/announces .* bytes, which cannot be/);
    expect(fake.ranges()).toEqual([]);
  });

  it('stops at the signal and leaves its part for the next one', async () => {
    fake.pace = 20;
    const controller = new AbortController();
    const reason = new Error('enough');
    const pulling = pull({
      signal: controller.signal,
      onProgress: ({ received }) => received >= 2048 && controller.abort(reason),
    });
    const error = await pulling.catch((thrown) => thrown);
    expect(error).toBeInstanceOf(AbortError);
    expect(error.cause).toBe(reason);
    const came = readFileSync(partial()).length;
    expect(came).toBeGreaterThanOrEqual(2048);
    fake.pace = 0;
    isWhole(await pull());
    expect(fake.ranges().at(-1)).toBe(`bytes=${came}-`);
    await expect(pull({ signal: AbortSignal.abort() }, weight('other.pth'))).rejects.toBeInstanceOf(AbortError);
  });

  it('stops at an error of onProgress, which comes back as it is', async () => {
    const mine = new TypeError('mine');
    const options = {
      onProgress: () => {
        throw mine;
      },
    };
    await expect(pull(options)).rejects.toBe(mine);
    expect(existsSync(path.join(blobs(), sha256(file)))).toBe(false);
  });
});

describe('a file of another host', () => {
  const own = () => path.join(hub.ownCache, '127.0.0.1', 'releases', 'v1', NAME);
  const elsewhere = (changes = {}) =>
    weight(NAME, { places: [{ url: `${fake.delivery}/releases/v1/${NAME}` }], ...changes });
  beforeEach(() => {
    fake.files.set(`/releases/v1/${NAME}`, file);
    fake.etags.set(`/releases/v1/${NAME}`, '"0x8D1"');
  });

  it('goes into our own cache', async () => {
    expect(await pull({}, elsewhere({ sha256: sha256(file) }))).toMatchObject({ path: own(), isNew: true });
    expect(readFileSync(own()).equals(file)).toBe(true);
    expect(readdirSync(path.dirname(own()))).toEqual([NAME]);
    expect(await pull({}, elsewhere())).toMatchObject({ path: own(), isNew: false });
  });

  it('goes on where it stopped if its etag is the same, and else begins anew', async () => {
    fake.deliveryFault = (request, response) =>
      request.headers.range === 'bytes=0-0' ? false : cutsAfter(file, 1000, 1)(request, response);
    hub = { ...hub, attempts: 1 };
    await refused({}, elsewhere());
    fake.deliveryFault = undefined;
    fake.seen.length = 0;
    await pull({}, elsewhere());
    expect(fake.seen.at(-1)?.headers).toMatchObject({ range: 'bytes=1000-', 'if-range': '"0x8D1"' });
    expect(readFileSync(own()).equals(file)).toBe(true);
  });

  it('begins anew if its etag changed between two attempts', async () => {
    fake.deliveryFault = (request, response) =>
      request.headers.range === 'bytes=0-0' ? false : cutsAfter(file, 1000, 1)(request, response);
    hub = { ...hub, attempts: 1 };
    await refused({}, elsewhere());
    fake.deliveryFault = undefined;
    const newer = content(6000);
    fake.files.set(`/releases/v1/${NAME}`, newer);
    fake.etags.set(`/releases/v1/${NAME}`, '"0x8D2"');
    await pull({}, elsewhere());
    expect(readFileSync(own()).equals(newer)).toBe(true);
    expect(fake.ranges().at(-1)).toBeUndefined();
  });

  it('is refused if its etag changes while it comes', async () => {
    fake.deliveryFault = (request) => {
      if (request.headers.range !== 'bytes=0-0') fake.etags.set(`/releases/v1/${NAME}`, '"0x8D2"');
      return false;
    };
    expect((await refused({}, elsewhere())).message).toMatch(/changed while it was downloaded/);
    expect(existsSync(own())).toBe(false);
  });

  it('is checked by the hash on record', async () => {
    expect(await refused({}, elsewhere({ sha256: 'b'.repeat(64) }))).toMatchObject({ code: 'DIFFBIR_WRONG_CHECKSUM' });
    expect(readdirSync(path.dirname(own()))).toEqual([]);
  });
});
