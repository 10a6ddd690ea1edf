import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findCached } from '../../../src/hub/cache';
import { type Hub, hubFrom } from '../../../src/hub/hub';
import { withLock } from '../../../src/hub/lock';
import { pullWeights } from '../../../src/hub/pullWeights';
import type { Weight } from '../../../src/hub/weight';
import { demand, type Target } from '../target';

const COMMIT = 'c0ffee'.padEnd(40, '0');
/** Stands between answers: a connection gets the next one, and the first again behind the last. */
const NEXT = '\n=====\n';
const CODES = [
  ...(['DIFFBIR_DOWNLOAD_FAILED', 'DIFFBIR_WRONG_CHECKSUM', 'DIFFBIR_ACCESS_DENIED', 'DIFFBIR_DISK_FULL'] as const),
  'DIFFBIR_CACHE_FAILED',
] as const;

function weight(changes: Partial<Weight> = {}): Weight {
  const places = [
    { repo: 'org/name', path: 'folder/a.pth', revision: 'main' },
    { url: 'http://other.test/files/a.pth' },
  ];
  return { places, license: 'none', origin: 'a test', about: 1, ...changes };
}

/** Gives every connection the next answer, whatever it asks. All hosts are this one: it is the proxy. */
class Answers {
  private static server: Promise<Answers> | undefined;
  private answers: readonly Buffer[] = [];
  private asked = 0;

  private constructor(readonly port: number) {}

  static open(): Promise<Answers> {
    Answers.server ??= new Promise((resolve) => {
      let own: Answers;
      const server: Server = createServer((socket) => {
        socket.on('error', () => {});
        socket.once('data', () => socket.end(own.next()));
      });
      server.listen(0, '127.0.0.1', () => {
        own = new Answers((server.address() as AddressInfo).port);
        resolve(own);
      });
      server.unref();
    });
    return Answers.server;
  }

  set(text: Buffer): void {
    this.answers = text
      .toString('latin1')
      .split(NEXT)
      .map((answer) => Buffer.from(answer, 'latin1'));
    this.asked = 0;
  }

  private next(): Buffer {
    return this.answers[this.asked++ % this.answers.length] as Buffer;
  }
}

function hubIn(folder: string, port: number): Hub {
  const env = { HF_HOME: path.join(folder, 'cache', 'hf'), DIFFBIR_CACHE: path.join(folder, 'cache', 'own') };
  return hubFrom(
    { ...env, HF_ENDPOINT: 'http://hub.test', HF_TOKEN: 'secret' },
    {
      proxy: () => new URL(`http://127.0.0.1:${port}`),
      ...{ attempts: 1, stallMs: 500, backoffMs: 0, maxWaitMs: 0, staleLockMs: 1 },
      freeBytes: async () => 1 << 20,
    },
  );
}

async function inFolder<T>(run: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(path.join(tmpdir(), 'diffbir-fuzz-hub-'));
  try {
    return await run(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const redirect = [
  'HTTP/1.1 302 Found',
  `x-repo-commit: ${COMMIT}`,
  `x-linked-etag: "${'ab'.repeat(20)}"`,
  'x-linked-size: 4',
  'location: http://delivery.test/file?signature=1',
].join('\r\n');
const content = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nPK\x03\x04';
const oneByte = 'HTTP/1.1 206 Partial Content\r\netag: "x"\r\ncontent-range: bytes 0-0/4\r\ncontent-length: 1\r\n\r\nP';

export const hubAnswersTarget: Target = {
  name: 'hub-answers',
  share: 0.5,
  codes: CODES,
  dictionary: [
    ...[
      'HTTP/1.1 200 OK',
      'HTTP/1.1 302 Found',
      'HTTP/1.1 206 Partial Content',
      'HTTP/1.1 416 No',
      'HTTP/1.1 429 Wait',
    ],
    ...[
      'HTTP/1.1 100 Continue\r\n\r\n',
      '\r\n',
      '\r\n\r\n',
      NEXT,
      'location: ',
      'https://a.test/',
      'file:///etc/passwd',
      '//x',
    ],
    ...['x-linked-etag: ', 'x-linked-size: ', 'x-repo-commit: ', 'etag: ', '"../../x"', '..', 'W/', 'retry-after: 1e9'],
    ...[
      'content-length: ',
      'content-range: bytes 0-3/4',
      'content-encoding: gzip',
      'transfer-encoding: chunked\r\n\r\n0\r\n',
    ],
    ...['content-type: text/html', '<!doctype html>', '99999999999', '-1', COMMIT, 'http://[::1', 'http://\0'],
  ],
  corpus: async () =>
    [
      [`${redirect}\r\n\r\n`, content],
      [
        `HTTP/1.1 200 OK\r\nx-repo-commit: ${COMMIT}\r\netag: "${'cd'.repeat(32)}"\r\ncontent-length: 4\r\n\r\n`,
        content,
      ],
      ['HTTP/1.1 404 Not Found\r\nx-error-code: EntryNotFound\r\n\r\n', oneByte, content],
      ['HTTP/1.1 429 Wait\r\nretry-after: 0\r\n\r\n', oneByte, content],
      ['HTTP/1.1 301 Moved\r\nlocation: /org/other/resolve/main/a\r\n\r\n', `${redirect}\r\n\r\n`, content],
    ].map((answers) => Buffer.from(answers.join(NEXT), 'latin1')),
  async run(data) {
    const answers = await Answers.open();
    answers.set(data);
    return inFolder(async (folder) => {
      const pulling = pullWeights(hubIn(folder, answers.port), new Map([['a.pth', weight()]]), {});
      const pulled = await pulling.finally(() => {
        demand(
          readdirSync(folder).every((name) => name === 'cache'),
          'something was written beside the cache',
        );
      });
      demand(pulled[0]?.path.startsWith(path.join(folder, 'cache')) === true, `the file lies at ${pulled[0]?.path}`);
      return true;
    });
  },
};

/** What another program, or another user of the machine, may have left in the caches. */
export const hubCacheTarget: Target = {
  name: 'hub-cache',
  share: 1,
  codes: [],
  dictionary: ['{"id":"a","host":"b","pid":1}', '"pid":', '-1', '0', '1e99', 'null', '../', '/', '\0', '\n', COMMIT],
  corpus: async () =>
    [COMMIT, `${COMMIT}\n`, '../../../etc', '{"id":"a","host":"","pid":1}', ''].map((text) => Buffer.from(text)),
  run: (data) =>
    inFolder(async (folder) => {
      const hub = hubIn(folder, 1);
      const repo = path.join(hub.cache, 'models--org--name');
      const snapshot = path.join(repo, 'snapshots', COMMIT, 'folder');
      for (const each of [path.join(repo, 'refs'), snapshot]) mkdirSync(each, { recursive: true });
      writeFileSync(path.join(repo, 'refs', 'main'), data);
      const isThere = data.length % 2 === 0;
      if (isThere) writeFileSync(path.join(snapshot, 'a.pth'), '');
      const found = await findCached(hub, weight());
      demand((found !== undefined) === isThere, `found ${found}`);
      // To take a lock over takes the time of a pause.
      if (data.length % 16 !== 0) return isThere;
      const lock = path.join(folder, 'a.lock');
      writeFileSync(lock, data);
      return withLock(hub, lock, undefined, async () => true);
    }),
};
