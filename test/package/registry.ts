/** An npm registry on localhost, with nothing but the given packages: what `npm install` talks to in place of the network. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Published {
  /** Its package.json. */
  readonly manifest: { readonly name: string; readonly version: string };
  readonly tarball: string;
  readonly integrity: string;
}

export interface Registry {
  readonly url: string;
  close(): void;
}

export async function startRegistry(packages: readonly Published[]): Promise<Registry> {
  let url = '';
  const documents = () =>
    packages.map(({ manifest, integrity }, i) => [
      `/${manifest.name}`,
      {
        name: manifest.name,
        'dist-tags': { latest: manifest.version },
        versions: { [manifest.version]: { ...manifest, dist: { tarball: `${url}/-/${i}.tgz`, integrity } } },
      },
    ]);
  const server = createServer((request, response) => {
    const asked = decodeURIComponent(request.url ?? '');
    const tarball = packages[Number(/^\/-\/(\d+)\.tgz$/.exec(asked)?.[1])]?.tarball;
    const document = Object.fromEntries(documents())[asked];
    if (tarball) response.end(readFileSync(tarball));
    else if (document) response.setHeader('content-type', 'application/json').end(JSON.stringify(document));
    else response.writeHead(404).end('{}');
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, close: () => server.close() };
}
