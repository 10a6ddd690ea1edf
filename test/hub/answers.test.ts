/** What the hub may answer in place of a file. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Hub } from '../../src/hub/hub';
import { pullWeights } from '../../src/hub/pullWeights';
import {
  addressOf,
  answers,
  content,
  createFakeHub,
  environment,
  type FakeHub,
  type Fault,
  impatient,
  TOKEN,
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
  fake.files.set(`copy/name/${NAME}`, file);
});
afterEach(() => fake.close());

const pull = async (weights = weight(NAME)) => (await pullWeights(hub, weights, {}))[0];
const refusal = (weights = weight(NAME)) => pull(weights).catch((error) => error);
const places = ['org/name', 'copy/name'].map((repo) => ({ repo, path: NAME, revision: 'main' }));
const isWhole = (pulled: Awaited<ReturnType<typeof pull>>) =>
  expect(readFileSync(pulled?.path ?? '').equals(file)).toBe(true);
/** A fault of the first of the two places alone. */
const ofFirst =
  (fault: Fault): Fault =>
  (request, response) =>
    (request.url?.startsWith('/org/name/') ?? false) && fault(request, response);

describe('an answer', () => {
  it.each([401, 403])('%s says that HF_TOKEN or an accepted licence is needed', async (status) => {
    fake.hubFault = answers(status, { 'x-error-code': 'GatedRepo' });
    expect(await refusal()).toMatchObject({
      code: 'DIFFBIR_ACCESS_DENIED',
      status: 403,
      file: NAME,
      message: expect.stringMatching(new RegExp(`answers ${status}: it needs HF_TOKEN, .* licence to be accepted`)),
    });
    expect(fake.seen.length).toBe(1);
  });

  it.each([
    ['404', answers(404)],
    ['401 of a repository that does not exist', answers(401, { 'x-error-code': 'RepoNotFound' })],
    ['403', answers(403)],
    ['500', answers(500)],
    ['with an HTML page', answers(200, { 'content-type': 'text/html' })],
    ['without etag and commit', answers(200)],
    ['with nothing at all', ({ socket }: Parameters<Fault>[0]) => Boolean(socket.destroy())],
  ])('%s: the next place is tried', async (_, fault) => {
    fake.hubFault = ofFirst(fault);
    isWhole(await pull(weight(NAME, { places })));
  });

  it('with an HTML page is named as one: it may be that of a login', async () => {
    fake.hubFault = answers(200, { 'content-type': 'text/html' });
    expect((await refusal()).message).toContain('answers with an HTML page in place of the file');
  });

  it('404 of every place names them all', async () => {
    fake.files.clear();
    const error = await refusal(weight(NAME, { places }));
    expect(error).toMatchObject({ code: 'DIFFBIR_DOWNLOAD_FAILED', status: 502 });
    expect(error.message).toMatch(/org\/name\/resolve\/main\/v9\.pth answers 404: there is no such file; .*copy\/name/);
  });

  it('that says more is what the error says, among several', async () => {
    fake.files.delete(`copy/name/${NAME}`);
    fake.hubFault = ofFirst(answers(403));
    expect(await refusal(weight(NAME, { places }))).toMatchObject({ code: 'DIFFBIR_ACCESS_DENIED' });
    expect(await refusal(weight(NAME, { places: [...places].reverse() }))).toMatchObject({
      code: 'DIFFBIR_ACCESS_DENIED',
    });
  });

  it('of wrong content leads to the next place too', async () => {
    const other = content();
    fake.files.set(`org/name/${NAME}`, other);
    fake.deliveryFault = (_, response) => {
      if (fake.ranges().length > 1) return false;
      response.writeHead(200).end(content());
      return true;
    };
    isWhole(await pull(weight(NAME, { places })));
  });

  it.each([429, 500, 502, 503, 504, 408])('%s is asked again, a few times', async (status) => {
    fake.hubFault = answers(status, {}, 2);
    isWhole(await pull());
    fake.files.set('org/name/other', content());
    fake.seen.length = 0;
    fake.hubFault = answers(status);
    expect(await refusal(weight('other'))).toMatchObject({
      code: 'DIFFBIR_DOWNLOAD_FAILED',
      message: expect.stringContaining(`answers ${status}`),
    });
    expect(fake.seen.length).toBe(hub.attempts);
  });

  it.each([
    ['in seconds', () => '1'],
    ['as a date', () => new Date(Date.now() + 2000).toUTCString()],
  ])('429 is asked again after the time that it asks for: %s', async (_, time) => {
    fake.hubFault = answers(429, { 'retry-after': time() }, 1);
    const begin = performance.now();
    isWhole(await pull());
    expect(performance.now() - begin).toBeGreaterThan(900);
  });

  it('429 with a wait beyond reason is an error at once', async () => {
    fake.hubFault = answers(429, { 'retry-after': '86400' });
    expect((await refusal()).message).toContain('answers 429');
    expect(fake.seen.length).toBe(1);
  });

  it('waits longer from one attempt to the next', async () => {
    hub = impatient(environment(fake), { backoffMs: 100, attempts: 4 });
    const times: number[] = [];
    fake.hubFault = (request, response) => {
      times.push(performance.now());
      return answers(500)(request, response);
    };
    await refusal();
    const [first = 0, second = 0, third = 0] = times.slice(1).map((time, i) => time - (times[i] as number));
    expect(first).toBeGreaterThan(70);
    expect(second).toBeGreaterThan(140);
    expect(third).toBeGreaterThan(290);
  });
});

describe('a redirect', () => {
  it('does not carry the token to another host', async () => {
    isWhole(await pull());
    const sent = fake.seen.map(({ host, headers }) => [host, headers.authorization]);
    expect(sent).toEqual([
      ['hub', `Bearer ${TOKEN}`],
      ['hub', `Bearer ${TOKEN}`],
      ['delivery', undefined],
    ]);
  });

  it('does not matter to a place that is not the hub: it never gets the token', async () => {
    const elsewhere = [{ url: `${fake.delivery}/v1/${NAME}` }];
    fake.files.set(`/v1/${NAME}`, file);
    isWhole(await pull(weight(NAME, { places: elsewhere })));
    expect(fake.seen.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });

  it('within the hub is followed, with the token: a repository may have another name by now', async () => {
    fake.hubFault = (request, response) => {
      if (!request.url?.startsWith('/org/old/')) return false;
      response.writeHead(307, { location: request.url.replace('/org/old/', '/org/name/') }).end();
      return true;
    };
    isWhole(await pull(weight(NAME, { places: [{ repo: 'org/old', path: NAME, revision: 'main' }] })));
    expect(fake.seen.filter(({ host }) => host === 'hub').every(({ headers }) => headers.authorization)).toBe(true);
  });

  it.each([
    ['in a circle', () => '/org/name/resolve/main/v9.pth', /leads on more than 8 times/],
    ['to a file of this machine', () => 'file:///etc/passwd', /not safe to follow/],
    ['to nowhere', () => 'http://', /Invalid URL/],
  ])('%s is refused', async (_, location, message) => {
    fake.hubFault = answers(302, { location: location() });
    expect(await refusal()).toMatchObject({ code: 'DIFFBIR_DOWNLOAD_FAILED', message: expect.stringMatching(message) });
    expect(fake.seen.length).toBeLessThan(10);
  });

  it('hides its signature from messages', async () => {
    fake.hubFault = answers(302, { location: 'ftp://host/file?signature=secret' });
    const { message } = await refusal();
    expect(message).toContain('ftp://host/file');
    expect(message).not.toContain('secret');
  });
});

describe('the environment', () => {
  it('names a mirror by HF_ENDPOINT, also below a path', async () => {
    const front = createServer(({ url = '' }, response) => {
      response.writeHead(307, { location: `${fake.endpoint}${url.replace('/hf', '')}` }).end();
    });
    await new Promise<void>((done) => front.listen(0, '127.0.0.1', done));
    hub = impatient({ ...environment(fake), HF_ENDPOINT: `${addressOf(front)}/hf/` });
    isWhole(await pull());
    // The mirror's own address has the token; the host that it leads to has not.
    expect(fake.seen.every(({ headers }) => headers.authorization === undefined)).toBe(true);
    await new Promise((done) => front.close(done));
  });

  it('with HF_HUB_OFFLINE makes no request, and uses what is there', async () => {
    const offline = impatient({ ...environment(fake), HF_HUB_OFFLINE: '1' });
    const env = environment(fake);
    hub = offline;
    expect(await refusal()).toMatchObject({
      code: 'DIFFBIR_OFFLINE',
      status: 503,
      message: expect.stringMatching(/HF_HUB_OFFLINE .*v9\.pth/),
    });
    expect(fake.seen).toEqual([]);
    hub = impatient(env);
    await pull();
    fake.seen.length = 0;
    hub = impatient({ ...env, HF_HUB_OFFLINE: 'yes' });
    isWhole(await pull());
    expect(fake.seen).toEqual([]);
  });

  it('that names a hub which is down is a connection error with its name', async () => {
    const gone = createServer();
    await new Promise<void>((done) => gone.listen(0, '127.0.0.1', done));
    const endpoint = addressOf(gone);
    await new Promise((done) => gone.close(done));
    for (const name of ['127.0.0.1', 'localhost']) {
      hub = impatient({ ...environment(fake), HF_ENDPOINT: endpoint.replace('127.0.0.1', name) });
      expect(await refusal()).toMatchObject({
        code: 'DIFFBIR_DOWNLOAD_FAILED',
        message: expect.stringMatching(new RegExp(`ECONNREFUSED .*:${new URL(endpoint).port}`)),
      });
    }
  });
});
