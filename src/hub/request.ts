import http from 'node:http';
import https from 'node:https';
import { isIP } from 'node:net';
import tls from 'node:tls';
import { packageVersion } from '../packageVersion';
import type { Hub } from './hub';
import { type Patience, proxyHeaders, timedOut, tunnel } from './proxy';

/** Redirects in a row that are followed. */
const MAX_REDIRECTS = 8;

export interface Call {
  readonly method: 'GET' | 'HEAD';
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
  /** Sees each answer on the way; true: this one is what was asked for, although it leads on. */
  isFinal?(answer: http.IncomingMessage): boolean;
}

/**
 * Sends a request and follows redirects by hand: the hub's token goes to the hub's own host alone, and nothing that
 * began with TLS goes on without. The body is not decoded, and must be read or destroyed.
 * Rejects with the error of the connection.
 */
export async function request(hub: Hub, address: URL, call: Call): Promise<http.IncomingMessage> {
  let url = address;
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const answer = await send(hub, url, call);
    const { statusCode = 0, headers } = answer;
    const leadsOn = statusCode >= 300 && statusCode < 400 && headers.location !== undefined;
    if (call.isFinal?.(answer) || !leadsOn) return answer;
    answer.destroy();
    const next = new URL(headers.location as string, url);
    if (next.protocol !== 'https:' && (next.protocol !== 'http:' || url.protocol === 'https:')) {
      throw new Error(`${shown(url)} leads to ${shown(next)}, which is not safe to follow`);
    }
    url = next;
  }
  throw new Error(`${shown(address)} leads on more than ${MAX_REDIRECTS} times`);
}

/** An address for messages: the query of a signed address is a secret. */
export function shown(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}`;
}

async function send(hub: Hub, url: URL, { method, headers, signal }: Call): Promise<http.IncomingMessage> {
  signal?.throwIfAborted();
  const proxy = hub.proxy(url);
  const isForHub = url.origin === new URL(hub.endpoint).origin;
  const patience = { timeout: hub.stallMs, ...(signal && { signal }) };
  const options: https.RequestOptions = {
    method,
    headers: {
      ...headers,
      host: url.host,
      // Lengths and ranges must count the bytes of the file itself.
      'accept-encoding': 'identity',
      'user-agent': `diffbir/${packageVersion()} node/${process.versions.node}`,
      ...(isForHub && hub.token !== undefined && { authorization: `Bearer ${hub.token}` }),
      ...(proxy && url.protocol === 'http:' && proxyHeaders(proxy)),
    },
    ...patience,
    ...(await route(url, proxy, patience)),
  };
  // Without TLS to the host itself, it is the proxy that is spoken to.
  const { protocol } = url.protocol === 'http:' && proxy ? proxy : url;
  return new Promise((resolve, reject) => {
    let answer: http.IncomingMessage | undefined;
    const sent = (protocol === 'https:' ? https : http).request(options, (begun) => {
      answer = begun;
      resolve(begun);
    });
    sent
      .on('timeout', () => {
        (answer ?? sent).destroy(timedOut(`nothing came from ${url.host} for ${hub.stallMs / 1000} s`));
      })
      .on('error', (error: NodeJS.ErrnoException) => {
        // Where a host has several addresses, Node's error for all of them together has no text.
        error.message ||= `${error.code} ${url.host}`;
        reject(error);
      })
      .end();
  });
}

/** Straight to the host; to a proxy that fetches for us; or through one, with TLS to the host itself. */
async function route(url: URL, proxy: URL | undefined, patience: Patience): Promise<https.RequestOptions> {
  const to = ({ hostname, port }: URL) => ({ hostname: bare(hostname), ...(port && { port }), agent: false as const });
  if (!proxy) return { ...to(url), path: url.pathname + url.search };
  if (url.protocol === 'http:') return { ...to(proxy), path: url.href };
  const socket = await tunnel(proxy, url, patience);
  const host = bare(url.hostname);
  const secured = tls.connect({ socket, host, ...(!isIP(host) && { servername: host }) });
  return { hostname: host, path: url.pathname + url.search, createConnection: () => secured };
}

/** A host as the network wants it: `[::1]` is `::1`. */
function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}
