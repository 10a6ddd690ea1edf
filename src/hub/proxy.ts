import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import type { Environment } from './hub';

/**
 * The proxy that `HTTPS_PROXY`, `HTTP_PROXY` or `ALL_PROXY` names for an address, unless `NO_PROXY` excepts its host;
 * lower-case names go first, as in curl. Throws for a proxy that speaks neither HTTP nor HTTPS.
 */
export function proxyFrom(env: Environment, url: URL): URL | undefined {
  const get = (name: string) => env[name] || env[name.toUpperCase()];
  const named = get(url.protocol === 'https:' ? 'https_proxy' : 'http_proxy') || get('all_proxy');
  if (!named || isExcepted(get('no_proxy') ?? '', url)) return undefined;
  const address = named.includes('://') ? named : `http://${named}`;
  if (!URL.canParse(address)) throw new Error('the address of the proxy is not valid');
  const proxy = new URL(address);
  if (proxy.protocol === 'http:' || proxy.protocol === 'https:') return proxy;
  throw new Error(`a proxy with ${proxy.protocol}// is not supported: only http:// and https://`);
}

/** `NO_PROXY`: hosts and domains with all below them, `host:port`, or `*`, between commas or spaces. */
function isExcepted(list: string, { hostname, port, protocol }: URL): boolean {
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const at = port || (protocol === 'https:' ? '443' : '80');
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .filter(Boolean)
    .some((entry) => {
      if (entry === '*' || entry === host) return true;
      const [, name = entry, only = at] = /^(.+?):(\d+)$/.exec(entry) ?? [];
      const domain = name.replace(/^\*?\./, '');
      return only === at && (host === domain || host.endsWith(`.${domain}`));
    });
}

/** Credentials of the proxy's address, as a header for it. */
export function proxyHeaders({ username, password }: URL): Record<string, string> {
  if (!username) return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}

/** How long a connection may bring nothing, in milliseconds, and what ends it at once. */
export interface Patience {
  readonly timeout: number;
  readonly signal?: AbortSignal;
}

/** Opens a way through the proxy to the host of `url`, over which TLS can then speak. */
export function tunnel(proxy: URL, url: URL, patience: Patience): Promise<Duplex> {
  const target = `${url.hostname}:${url.port || 443}`;
  return new Promise((resolve, reject) => {
    const request = (proxy.protocol === 'https:' ? https : http).request({
      method: 'CONNECT',
      hostname: proxy.hostname.replace(/^\[|\]$/g, ''),
      port: proxy.port || (proxy.protocol === 'https:' ? 443 : 80),
      path: target,
      headers: { host: target, ...proxyHeaders(proxy) },
      agent: false,
      ...patience,
    });
    request
      .on('timeout', () => request.destroy(timedOut(`the proxy ${proxy.host} does not answer`)))
      .on('error', reject)
      .on('connect', ({ statusCode }, socket) => {
        if (statusCode === 200) return resolve(socket);
        socket.destroy();
        reject(new Error(`the proxy ${proxy.host} answered ${statusCode} for ${target}`));
      })
      .on('response', (response) => {
        response.destroy();
        reject(new Error(`the proxy ${proxy.host} answered ${response.statusCode} for ${target}`));
      })
      .end();
  });
}

/** The error of a connection that stalls, with the code that the system's own timeouts have. */
export function timedOut(message: string): Error {
  return Object.assign(new Error(message), { code: 'ETIMEDOUT' });
}
