import { copyFile, mkdir, readdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { writeFileAtomic } from '../output/writeFile';
import type { Hub } from './hub';
import type { RemoteFile } from './remoteFile';
import { type HubPlace, isHubPlace, type UrlPlace, type Weight } from './weight';

/** Folders of commits have their full names. */
const COMMIT = /^[0-9a-f]{40}$/;

/** The file of a weight, if any of its places left it in a cache; its real path, behind symbolic links. */
export async function findCached(hub: Hub, { places }: Weight): Promise<string | undefined> {
  for (const place of places) {
    const file = isHubPlace(place) ? await findInHubCache(hub, place) : await regular(ownFile(hub, place));
    if (file) return file;
  }
  return undefined;
}

/**
 * As Python finds it, by the commit that `refs/<revision>` names; else in any other snapshot: when a newer commit of the
 * repository became known, a file that did not change need not be there.
 */
async function findInHubCache(hub: Hub, place: HubPlace): Promise<string | undefined> {
  const folder = repoFolder(hub, place.repo);
  const named = await readFile(path.join(folder, 'refs', place.revision), 'utf8').catch(() => '');
  const others = await readdir(path.join(folder, 'snapshots')).catch(() => []);
  for (const commit of [place.revision, named.trim(), ...others.sort()].filter((name) => COMMIT.test(name))) {
    const file = await regular(path.join(folder, 'snapshots', commit, place.path));
    if (file) return file;
  }
  return undefined;
}

async function regular(file: string): Promise<string | undefined> {
  const found = await stat(file).catch(() => undefined);
  return found?.isFile() ? realpath(file) : undefined;
}

/** Where a download is collected, and what is locked meanwhile. */
export interface Workplace {
  readonly partial: string;
  readonly lock: string;
}

/**
 * The place of work for a file. In the hub's cache it is beside Python's and not Python's own: its locks are `flock`s,
 * which Node.js cannot take, so that both could write into one `.incomplete` file at once.
 */
export function workplaceOf(hub: Hub, { place, key }: RemoteFile): Workplace {
  if (isHubPlace(place)) {
    return {
      partial: path.join(repoFolder(hub, place.repo), 'blobs', `${key}.diffbir.incomplete`),
      lock: path.join(hub.cache, '.locks', repoName(place.repo), `${key}.diffbir.lock`),
    };
  }
  const file = ownFile(hub, place);
  return { partial: `${file}.${key}.incomplete`, lock: `${file}.lock` };
}

/** Puts a complete file where it is looked for, and returns its real path. */
export async function keep(hub: Hub, { partial }: Workplace, remote: RemoteFile): Promise<string> {
  const { place } = remote;
  if (!isHubPlace(place)) {
    const file = ownFile(hub, place);
    await rename(partial, file);
    return realpath(file);
  }
  const blob = path.join(repoFolder(hub, place.repo), 'blobs', remote.key);
  await rename(partial, blob);
  return link(hub, place, remote, blob);
}

/** For a blob that another revision brought already: gives it its name in this one. */
export async function adopt(hub: Hub, remote: RemoteFile): Promise<string | undefined> {
  const { place, key, size } = remote;
  if (!isHubPlace(place)) return undefined;
  const blob = path.join(repoFolder(hub, place.repo), 'blobs', key);
  const found = await stat(blob).catch(() => undefined);
  return found?.isFile() && found.size === size ? link(hub, place, remote, blob, copyFile) : undefined;
}

/**
 * The snapshot's name for a blob, and the revision's for the snapshot. Without symbolic links the file itself goes there,
 * as Python does it.
 */
async function link(
  hub: Hub,
  place: HubPlace,
  { commit = '' }: RemoteFile,
  blob: string,
  put: (from: string, to: string) => Promise<void> = rename,
): Promise<string> {
  const folder = repoFolder(hub, place.repo);
  const file = path.join(folder, 'snapshots', commit, place.path);
  await mkdir(path.dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    await hub.symlink(path.relative(path.dirname(file), blob), temporary);
    await rename(temporary, file);
  } catch {
    await rm(temporary, { force: true });
    await put(blob, file);
  }
  if (place.revision !== commit) {
    const ref = path.join(folder, 'refs', place.revision);
    await mkdir(path.dirname(ref), { recursive: true });
    await writeFileAtomic(ref, Buffer.from(commit), { force: true });
  }
  return realpath(file);
}

function repoName(repo: string): string {
  return `models--${repo.replaceAll('/', '--')}`;
}

function repoFolder(hub: Hub, repo: string): string {
  return path.join(hub.cache, repoName(repo));
}

/** The address as folders: `github.com/cszn/KAIR/releases/download/v1.0/BSRNet.pth`. */
function ownFile(hub: Hub, place: UrlPlace): string {
  const { hostname, pathname } = new URL(place.url);
  return path.join(hub.ownCache, hostname, ...pathname.split('/').map(decodeURIComponent));
}
