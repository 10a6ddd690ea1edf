/** Servers that behave like the hub and like the host that delivers its files, in this process and without a network. */
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { type Environment, type Hub, hubFrom } from '../../src/hub/hub';
import type { Weight } from '../../src/hub/weight';
import { temporaryFolder } from '../facade/fakes';

export const COMMIT = 'c0ffee'.padEnd(40, '0');
export const TOKEN = 'hf_secret';

export interface Seen {
  readonly host: 'hub' | 'delivery';
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
}

/** Answers in place of the server; true: it did. */
export type Fault = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface FakeHub {
  readonly endpoint: string;
  readonly delivery: string;
  /** What was asked, in its order. */
  readonly seen: Seen[];
  /** Content of `org/name/path` on the hub, and of `/path` on the other host. */
  readonly files: Map<string, Buffer>;
  /** Etags of the other host; the hub's are SHA-256. */
  readonly etags: Map<string, string>;
  commit: string;
  /** Milliseconds between chunks of 1 KiB; 0: all at once. */
  pace: number;
  /** Asked first, of the hub and of the delivery host. */
  hubFault: Fault | undefined;
  deliveryFault: Fault | undefined;
  /** The requests for content, by their ranges. */
  ranges(): (string | undefined)[];
  close(): Promise<void>;
}

export function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

export async function createFakeHub(): Promise<FakeHub> {
  const fake = {
    seen: [] as Seen[],
    files: new Map<string, Buffer>(),
    etags: new Map<string, string>(),
    commit: COMMIT,
    pace: 0,
    hubFault: undefined as Fault | undefined,
    deliveryFault: undefined as Fault | undefined,
  };
  const see = (host: Seen['host'], { method = '', url = '', headers }: IncomingMessage) =>
    void fake.seen.push({ host, method, url, headers });

  const delivery = createServer((request, response) => {
    see('delivery', request);
    if (fake.deliveryFault?.(request, response)) return;
    const key = (request.url ?? '').split('?')[0] as string;
    const content = fake.files.get(key) ?? [...fake.files.values()].find((file) => `/${sha256(file)}` === key);
    if (!content) return void response.writeHead(404).end();
    // Etags of delivery hosts are not the hub's.
    const etag = fake.etags.get(key) ?? '"of-the-delivery-host"';
    send(request, response, content, etag, fake.pace);
  });
  const hub = createServer((request, response) => {
    see('hub', request);
    if (fake.hubFault?.(request, response)) return;
    const [, repo, revision, name] = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(request.url ?? '') ?? [];
    const content = fake.files.get(`${repo}/${name}`);
    if (!content || (revision !== 'main' && revision !== fake.commit)) {
      return void response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end('no');
    }
    response.writeHead(302, {
      'x-repo-commit': fake.commit,
      'x-linked-etag': `"${sha256(content)}"`,
      'x-linked-size': content.length,
      location: `${addressOf(delivery)}/${sha256(content)}?signature=secret`,
    });
    response.end();
  });
  await Promise.all([hub, delivery].map((server) => new Promise<void>((done) => server.listen(0, '127.0.0.1', done))));
  return Object.assign(fake, {
    endpoint: addressOf(hub),
    delivery: addressOf(delivery),
    ranges: () =>
      fake.seen
        .filter(({ host, method }) => host === 'delivery' && method === 'GET')
        .map(({ headers }) => headers.range),
    close: async () => {
      for (const server of [hub, delivery]) {
        server.closeAllConnections();
        await new Promise((done) => server.close(done));
      }
    },
  });
}

export function addressOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Sends content, or the part of it that is asked for and that `If-Range` allows. */
function send(request: IncomingMessage, response: ServerResponse, content: Buffer, etag: string, pace: number): void {
  const [, from] = /^bytes=(\d+)-/.exec(request.headers.range ?? '') ?? [];
  const guard = request.headers['if-range'];
  const isPart = from !== undefined && (guard === undefined || guard === etag);
  const start = isPart ? Number(from) : 0;
  const [, last = content.length - 1] = /^bytes=\d+-(\d+)$/.exec((isPart && request.headers.range) || '') ?? [];
  const part = content.subarray(start, Number(last) + 1);
  response.writeHead(isPart ? 206 : 200, {
    etag,
    'content-type': 'application/octet-stream',
    'content-length': part.length,
    ...(isPart && { 'content-range': `bytes ${start}-${last}/${content.length}` }),
  });
  if (pace === 0) return void response.end(part);
  let at = 0;
  const timer = setInterval(() => {
    response.write(part.subarray(at, at + 1024));
    at += 1024;
    if (at >= part.length) {
      clearInterval(timer);
      response.end();
    }
  }, pace);
  response.on('close', () => clearInterval(timer));
}

/** A fault that answers with a status, each of the next `times` times. */
export function answers(status: number, headers: Record<string, string> = {}, times = Number.POSITIVE_INFINITY): Fault {
  let left = times;
  return (_, response) => {
    if (left-- <= 0) return false;
    response.writeHead(status, headers).end('no');
    return true;
  };
}

/** A fault that sends the first `bytes` and then cuts the connection, each of the next `times` times. */
export function cutsAfter(content: Buffer, bytes: number, times = 1): Fault {
  let left = times;
  return ({ headers }, response) => {
    if (left-- <= 0) return false;
    const start = Number(/^bytes=(\d+)-/.exec(headers.range ?? '')?.[1] ?? 0);
    response.writeHead(start > 0 ? 206 : 200, {
      'content-length': content.length - start,
      ...(start > 0 && { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` }),
    });
    response.write(content.subarray(start, start + bytes), () => response.destroy());
    return true;
  };
}

/** The environment of a user of this hub with caches of his own. */
export function environment(fake: FakeHub, folder = temporaryFolder()): Environment {
  return {
    HF_HOME: path.join(folder, 'hf'),
    DIFFBIR_CACHE: path.join(folder, 'own'),
    HF_ENDPOINT: fake.endpoint,
    HF_TOKEN: TOKEN,
  };
}

/** The same as a Hub, without the patience of real life. */
export function impatient(env: Environment, changes: Partial<Hub> = {}): Hub {
  return hubFrom(env, { stallMs: 400, attempts: 3, backoffMs: 5, staleLockMs: 400, ...changes });
}

/** Content like a checkpoint's: no two alike, and no text. */
export function content(bytes = 5000): Buffer {
  return Buffer.concat([Buffer.from('PK\x03\x04'), randomBytes(bytes - 4)]);
}

/** A weight of the repository `org/name`. */
export function weight(file: string, changes: Partial<Weight> = {}): ReadonlyMap<string, Weight> {
  const places = [{ repo: 'org/name', path: file, revision: 'main' }];
  return new Map([[file, { places, license: 'none', origin: 'a test', about: 1, ...changes }]]);
}
