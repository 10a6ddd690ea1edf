/** Proxies of the environment, on any Node.js that this package runs on. */
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, connect } from 'node:net';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Environment, hubFrom } from '../../src/hub/hub';
import { pullWeights } from '../../src/hub/pullWeights';
import { temporaryFolder } from '../facade/fakes';
import { addressOf, content, createFakeHub, environment, type FakeHub, impatient, weight } from './fakeHub';

const NAME = 'v9.pth';
const PULL = path.join(import.meta.dirname, 'pullProcess.ts');
const run = promisify(execFile);
const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

/** A certificate for hub.test that nobody but the test believes. */
function certificate(): { key: string; cert: string } {
  const folder = temporaryFolder();
  const [key, cert] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')];
  const words = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const names = ['-subj', '/CN=hub.test', '-addext', 'subjectAltName=DNS:hub.test'];
  execFileSync('openssl', [...words, ...names, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  return { key, cert };
}

let fake: FakeHub;
let proxy: Server;
/** What the proxy was asked, as `METHOD target`, and the credentials that came with it. */
let asked: string[];
let credentials: (string | undefined)[];
/** What the proxy answers to CONNECT: it leads to this port of this machine, refuses, or says nothing. */
let connects: number | 'refusal' | 'silence';
let firstBytes: Buffer | undefined;
let tunnels: Duplex[];
beforeEach(async () => {
  fake = await createFakeHub();
  fake.files.set(`org/name/${NAME}`, content());
  [asked, credentials, connects, firstBytes, tunnels] = [[], [], 'silence', undefined, []];
  const see = ({ method, url, headers }: IncomingMessage) => {
    asked.push(`${method} ${url}`);
    credentials.push(headers['proxy-authorization']);
  };
  proxy = createServer((request, response) => {
    see(request);
    const { 'proxy-authorization': _, ...headers } = request.headers;
    httpRequest(request.url ?? '', { method: request.method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.pipe(response);
    }).end();
  });
  proxy.on('connect', (request, socket) => {
    see(request);
    tunnels.push(socket);
    socket.on('error', () => {});
    if (connects === 'silence') return;
    if (connects === 'refusal') return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    socket.once('data', (data: Buffer) => {
      firstBytes = data;
    });
    const target = connect(connects, '127.0.0.1').on('error', () => socket.destroy());
    tunnels.push(target);
    socket.pipe(target).pipe(socket);
  });
  await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
});
afterEach(async () => {
  await fake.close();
  for (const socket of tunnels) socket.destroy();
  proxy.closeAllConnections();
  await new Promise((done) => proxy.close(done));
});

const pull = (env: Environment) =>
  pullWeights(impatient({ ...environment(fake), ...env }, { attempts: 1, stallMs: 200 }), weight(NAME), {});

describe('a proxy', () => {
  it('of HTTP_PROXY gets every request, with its own credentials', async () => {
    const address = addressOf(proxy).replace('://', '://user:p%40ss@');
    expect((await pull({ HTTP_PROXY: address }))[0]?.isNew).toBe(true);
    const targets = fake.seen.map(
      ({ host, method, url }) => `${method} ${host === 'hub' ? fake.endpoint : fake.delivery}${url}`,
    );
    expect(asked).toEqual(targets);
    expect(new Set(credentials)).toEqual(new Set([`Basic ${Buffer.from('user:p@ss').toString('base64')}`]));
    expect(fake.seen.some(({ headers }) => headers['proxy-authorization'])).toBe(false);
  });

  it.skipIf(!hasOpenssl)('of HTTPS_PROXY leads TLS through, and sees neither path nor token', async () => {
    const { key, cert } = certificate();
    const secure = createSecureServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
      const { method, url, headers } = request;
      fake.seen.push({ host: 'hub', method: method ?? '', url: url ?? '', headers });
      response.writeHead(404).end();
    });
    await new Promise<void>((done) => secure.listen(0, '127.0.0.1', done));
    connects = (secure.address() as AddressInfo).port;
    const env = { ...environment(fake), HTTPS_PROXY: addressOf(proxy), HF_ENDPOINT: 'https://hub.test' };
    const { stdout } = await run(process.execPath, ['--import', 'tsx', PULL, NAME], {
      env: { PATH: process.env.PATH, ...env, NODE_EXTRA_CA_CERTS: cert },
    }).catch((error) => error);
    expect(JSON.parse(stdout).message).toContain('https://hub.test/org/name/resolve/main/v9.pth answers 404');
    expect(asked).toEqual(['CONNECT hub.test:443']);
    expect(fake.seen.map(({ headers }) => [headers.host, headers.authorization])).toEqual([
      ['hub.test', 'Bearer hf_secret'],
    ]);
    // What went through the proxy begins as a TLS handshake.
    expect(firstBytes?.[0]).toBe(22);
    await new Promise((done) => secure.close(done));
  });

  it('of HTTPS_PROXY is no way to a host that does not speak TLS', async () => {
    const plain = createServer();
    await new Promise<void>((done) => plain.listen(0, '127.0.0.1', done));
    connects = (plain.address() as AddressInfo).port;
    const env = { HTTPS_PROXY: addressOf(proxy), HF_ENDPOINT: 'https://hub.test' };
    await expect(pull(env)).rejects.toMatchObject({ code: 'DIFFBIR_DOWNLOAD_FAILED' });
    expect(firstBytes?.includes('hf_secret')).toBe(false);
    plain.closeAllConnections();
    await new Promise((done) => plain.close(done));
  });

  it('that refuses or is silent is named in the error', async () => {
    const env = { ALL_PROXY: addressOf(proxy), HF_ENDPOINT: 'https://hub.test' };
    connects = 'refusal';
    await expect(pull(env)).rejects.toThrow(/the proxy 127\.0\.0\.1:\d+ answered 407 for hub\.test:443/);
    connects = 'silence';
    await expect(pull(env)).rejects.toThrow(/the proxy 127\.0\.0\.1:\d+ does not answer/);
    await expect(pull({ ...env, ALL_PROXY: 'socks5://127.0.0.1:9' })).rejects.toThrow(/socks5:\/\/ is not supported/);
  });

  it('is left out for the hosts of NO_PROXY', async () => {
    await pull({ HTTP_PROXY: addressOf(proxy), NO_PROXY: 'example.org, 127.0.0.1' });
    expect(asked).toEqual([]);
  });

  it.each([
    ['http_proxy=a:1', 'http://h/', 'a:1'],
    ['HTTP_PROXY=http://a:1', 'http://h/', 'a:1'],
    ['http_proxy=a:1 HTTP_PROXY=b:1', 'http://h/', 'a:1'],
    ['http_proxy=a:1', 'https://h/', undefined],
    ['https_proxy=a:1 http_proxy=b:1', 'https://h/', 'a:1'],
    ['all_proxy=a:1', 'https://h/', 'a:1'],
    ['all_proxy=a:1 no_proxy=*', 'https://h/', undefined],
    ['all_proxy=a:1 no_proxy=example.org', 'https://www.example.org/', undefined],
    ['all_proxy=a:1 no_proxy=.example.org', 'https://EXAMPLE.org/', undefined],
    ['all_proxy=a:1 no_proxy=*.example.org', 'https://x.example.org/', undefined],
    ['all_proxy=a:1 no_proxy=example.org', 'https://notexample.org/', 'a:1'],
    ['all_proxy=a:1 no_proxy=h:8443', 'https://h:8443/', undefined],
    ['all_proxy=a:1 no_proxy=h:443', 'https://h/', undefined],
    ['all_proxy=a:1 no_proxy=h:8443', 'https://h/', 'a:1'],
    ['all_proxy=a:1 no_proxy=::1', 'https://[::1]/', undefined],
    ['', 'https://h/', undefined],
  ])('%s for %s', (variables, url, host) => {
    const env = Object.fromEntries(variables.split(' ').map((pair) => pair.split('=')));
    expect(hubFrom(env).proxy(new URL(url))?.host).toBe(host);
  });
});
