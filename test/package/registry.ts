import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { manifestOf } from './packages';

export interface Registry {
  readonly url: string;
  close(): void;
}

/** An npm registry on localhost of the tarballs in a folder, and nothing else: `npm install` talks to it alone. */
export async function startRegistry(folder: string): Promise<Registry> {
  let url = '';
  const packages = new Map(
    readdirSync(folder).map((file) => {
      const tarball = path.join(folder, file);
      const manifest = manifestOf(tarball);
      const integrity = `sha512-${createHash('sha512').update(readFileSync(tarball)).digest('base64')}`;
      return [manifest.name, { file, manifest, integrity }];
    }),
  );
  const documentOf = (name: string) => {
    const found = packages.get(name);
    if (!found) return undefined;
    const { file, manifest, integrity } = found;
    const dist = { tarball: `${url}/-/${file}`, integrity };
    const { version } = manifest;
    return { name, 'dist-tags': { latest: version }, versions: { [version]: { ...manifest, dist } } };
  };
  const server = createServer((request, response) => {
    const asked = decodeURIComponent(request.url ?? '').slice(1);
    const file = [...packages.values()].find(({ file }) => asked === `-/${file}`)?.file;
    const document = documentOf(asked);
    if (file) response.end(readFileSync(path.join(folder, file)));
    else if (document) response.setHeader('content-type', 'application/json').end(JSON.stringify(document));
    else response.writeHead(404).end('{}');
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, close: () => server.close() };
}
