import { decodeHTMLAttribute } from 'entities';
import { expected } from '../../errors';
import { refusal, Transient, Unusable, withRetries } from '../../hub/failures';
import type { Environment, Hub } from '../../hub/hub';
import { request, shown } from '../../hub/request';
import type { LibraryPackage } from './packages';

/** Where packages come from, without a slash at the end. */
export interface Registries {
  /** Of npm: `https://registry.npmjs.org`. */
  readonly npm: string;
  /** The simple index of Python packages, as pip has it (PEP 503): `https://pypi.org/simple`. */
  readonly pypi: string;
}

/** Larger pages of an index are not believed; NVIDIA's largest has some hundred kB. */
const MOST_INDEX = 2 ** 24;

/** By arguments, else by the variables that npm and pip read, else the public ones. Throws InvalidOptionError. */
export function registriesFrom(
  env: Environment,
  { registry, indexUrl }: { registry?: string; indexUrl?: string } = {},
) {
  const npm = registry || env.npm_config_registry || env.NPM_CONFIG_REGISTRY || 'https://registry.npmjs.org';
  const pypi = indexUrl || env.PIP_INDEX_URL || 'https://pypi.org/simple';
  return { npm: checked('registry', npm), pypi: checked('indexUrl', pypi) } satisfies Registries;
}

function checked(name: string, address: string): string {
  if (!URL.canParse(address) || !/^https?:$/.test(new URL(address).protocol)) {
    throw expected('an address that begins with https:// or http://', name, address);
  }
  return address.replace(/\/+$/, '');
}

/** Address of a package's archive: npm's follows from its name, a Python index has to be asked. Throws Unusable. */
export async function addressOf(
  hub: Hub,
  registries: Registries,
  wanted: LibraryPackage,
  signal: AbortSignal | undefined,
): Promise<URL> {
  if (wanted.registry === 'npm') return new URL(`${registries.npm}/${wanted.name}/-/${wanted.file}`);
  const index = new URL(`${registries.pypi}/${wanted.name}/`);
  const page = await withRetries(hub, signal, () => readPage(hub, index, signal));
  return linkIn(page, index, wanted.file);
}

/** The link to a file on a page of a simple index. What it says of the file's hash does not matter: ours is pinned. */
function linkIn(page: string, index: URL, file: string): URL {
  for (const [, href = ''] of page.matchAll(/<a\s[^>]*?\bhref\s*=\s*["']([^"']*)["']/gi)) {
    const address = decodeHTMLAttribute(href);
    if (!URL.canParse(address, index.href)) continue;
    const url = new URL(address, index);
    url.hash = '';
    const isSafe = url.protocol === 'https:' || url.protocol === index.protocol;
    if (isSafe && url.pathname.endsWith(`/${file}`)) return url;
  }
  throw new Unusable('DIFFBIR_DOWNLOAD_FAILED', `${shown(index)} does not have ${file}`, true);
}

async function readPage(hub: Hub, url: URL, signal: AbortSignal | undefined): Promise<string> {
  const answer = await request(hub, url, { method: 'GET', headers: { accept: 'text/html' }, signal });
  try {
    if (answer.statusCode !== 200) throw refusal(url, answer);
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MOST_INDEX)
        throw new Unusable('DIFFBIR_DOWNLOAD_FAILED', `${shown(url)} sends too much for an index`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ECONNRESET') throw cause;
    throw new Transient(`the connection to ${shown(url)} was cut`, undefined, { cause });
  } finally {
    answer.destroy();
  }
}
