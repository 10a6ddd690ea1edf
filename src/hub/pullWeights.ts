import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { DiffBIRError, DownloadError } from '../errors';
import { abortError } from '../jobQueue';
import { adopt, findCached, keep, workplaceOf } from './cache';
import { downloadTo } from './download';
import { Unusable, withRetries } from './failures';
import { checkFreeSpace, diskFull, nearestFolder } from './freeSpace';
import type { Hub } from './hub';
import { withLock } from './lock';
import { type RemoteFile, remoteFile } from './remoteFile';
import type { Weight } from './weight';

/** How far a download is. */
export interface PullProgress {
  /** Name of the file that is coming now. */
  readonly file: string;
  /** Bytes of it that are there, and all of them. */
  readonly fileReceived: number;
  readonly fileBytes: number;
  /** The same for all files that were missing. */
  readonly received: number;
  readonly total: number;
}

export interface PulledFile {
  readonly file: string;
  /** Where it lies now. */
  readonly path: string;
  readonly bytes: number;
  /** Whether this call had to fetch it. */
  readonly isNew: boolean;
}

export interface Pulling {
  readonly signal?: AbortSignal | undefined;
  /** An error that it throws stops the download. */
  readonly onProgress?: ((progress: PullProgress) => void) | undefined;
}

/** An error of the caller's own callback, on its way out. */
class Thrown extends Error {
  constructor(readonly error: unknown) {
    super();
  }
}

/** One file that is missing, with the reasons for which places did not do so far. */
interface Wanted {
  readonly file: string;
  readonly weight: Weight;
  readonly reasons: Unusable[];
}

/** What the place of this index has. */
interface Offer {
  readonly remote: RemoteFile;
  readonly index: number;
}

/**
 * Gets the files that no cache has yet, one after the other; what is there costs no request. Each is taken from the first
 * of its places that gives it whole and right.
 * Rejects with DownloadError, AbortError, or what `onProgress` throws.
 */
export async function pullWeights(
  hub: Hub,
  weights: ReadonlyMap<string, Weight>,
  { signal, onProgress }: Pulling,
): Promise<PulledFile[]> {
  try {
    const found = new Map<string, string>();
    const missing: Wanted[] = [];
    for (const [file, weight] of weights) {
      const there = await findCached(hub, weight);
      if (there) found.set(file, there);
      else missing.push({ file, weight, reasons: [] });
    }
    refuseOffline(hub, missing);
    const jobs: { wanted: Wanted; offer: Offer }[] = [];
    for (const wanted of missing) jobs.push({ wanted, offer: await nextOffer(hub, wanted, 0, signal) });
    await checkFreeSpace(
      hub,
      jobs.map(({ wanted, offer }) => [wanted.file, offer.remote] as const),
    );
    const total = jobs.reduce((sum, { offer }) => sum + offer.remote.size, 0);
    let before = 0;
    for (const { wanted, offer } of jobs) {
      const { file } = wanted;
      const fileBytes = offer.remote.size;
      const report = (fileReceived: number) =>
        tell(onProgress, { file, fileReceived, fileBytes, received: before + fileReceived, total });
      found.set(file, await fetchWeight(hub, wanted, offer, signal, report));
      before += fileBytes;
    }
    return await Promise.all(
      [...weights.keys()].map(async (file) => {
        const at = found.get(file) as string;
        const isNew = jobs.some(({ wanted }) => wanted.file === file);
        return { file, path: at, bytes: (await stat(at)).size, isNew };
      }),
    );
  } catch (error) {
    if (error instanceof Thrown) throw error.error;
    throw signal?.aborted ? abortError(signal) : error;
  }
}

function tell(onProgress: Pulling['onProgress'], progress: PullProgress): void {
  try {
    onProgress?.(progress);
  } catch (error) {
    throw new Thrown(error);
  }
}

function refuseOffline(hub: Hub, missing: readonly Wanted[]): void {
  const [first] = missing;
  if (!hub.offline || !first) return;
  const all = missing.map(({ file }) => file).join(', ');
  const looked = `looked in ${hub.cache} and ${hub.ownCache}`;
  const reason = `HF_HUB_OFFLINE forbids to download what no cache has (${all}; ${looked})`;
  throw new DownloadError('DIFFBIR_OFFLINE', first.file, reason);
}

/** The first place from `index` on that has the file. Throws DownloadError with every reason where none has. */
async function nextOffer(
  hub: Hub,
  { file, weight, reasons }: Wanted,
  index: number,
  signal: AbortSignal | undefined,
): Promise<Offer> {
  for (let i = index; i < weight.places.length; i++) {
    const place = weight.places[i] as Weight['places'][number];
    try {
      return { remote: await withRetries(hub, signal, () => remoteFile(hub, weight, place, signal)), index: i };
    } catch (error) {
      if (signal?.aborted) throw error;
      reasons.push(reasonOf(error));
    }
  }
  throw failure(file, reasons);
}

async function fetchWeight(
  hub: Hub,
  wanted: Wanted,
  first: Offer,
  signal: AbortSignal | undefined,
  report: (bytes: number) => void,
): Promise<string> {
  for (let offer = first; ; offer = await nextOffer(hub, wanted, offer.index + 1, signal)) {
    try {
      return await fetchFrom(hub, wanted.weight, offer.remote, signal, report);
    } catch (error) {
      if (signal?.aborted || error instanceof Thrown || error instanceof DiffBIRError) throw error;
      await refuseBadDisk(hub, wanted.file, offer.remote, error);
      wanted.reasons.push(reasonOf(error));
    }
  }
}

/** Another process may have brought the file while this one waited for the lock. */
async function fetchFrom(
  hub: Hub,
  weight: Weight,
  remote: RemoteFile,
  signal: AbortSignal | undefined,
  report: (bytes: number) => void,
): Promise<string> {
  const workplace = workplaceOf(hub, remote);
  await mkdir(path.dirname(workplace.partial), { recursive: true });
  return withLock(hub, workplace.lock, signal, async () => {
    const there = (await findCached(hub, weight)) ?? (await adopt(hub, remote));
    if (there) return there;
    await downloadTo(hub, workplace.partial, remote, signal, report);
    return keep(hub, workplace, remote);
  });
}

/** Throws where it is not the place's fault: another place would not help. */
async function refuseBadDisk(hub: Hub, file: string, remote: RemoteFile, cause: unknown): Promise<void> {
  const { code = '', syscall = '', message } = cause as NodeJS.ErrnoException;
  const { partial } = workplaceOf(hub, remote);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const there = await stat(partial).catch(() => undefined);
    const { folder } = await nearestFolder(path.dirname(partial));
    throw diskFull(file, folder, remote.size - (there?.size ?? 0), await hub.freeBytes(folder), cause);
  }
  if (!['open', 'mkdir', 'rename', 'ftruncate', 'fsync', 'unlink', 'rm', 'copyfile'].includes(syscall)) return;
  const advice = 'Name a folder that can be written with HF_HOME (DIFFBIR_CACHE for files that are not from the hub)';
  throw new DownloadError('DIFFBIR_CACHE_FAILED', file, `the cache cannot be written: ${message}. ${advice}`, {
    cause,
  });
}

function reasonOf(error: unknown): Unusable {
  if (error instanceof Unusable) return error;
  const reason = new Unusable('DIFFBIR_DOWNLOAD_FAILED', (error as Error).message);
  reason.cause = error;
  return reason;
}

/** What says most about the failure names it: wrong content, a closed door, a broken connection, and no such file last. */
function failure(file: string, reasons: readonly Unusable[]): DownloadError {
  const rank = ({ code, isMissing }: Unusable) => {
    if (isMissing) return 3;
    return code === 'DIFFBIR_WRONG_CHECKSUM' ? 0 : code === 'DIFFBIR_ACCESS_DENIED' ? 1 : 2;
  };
  const [first] = [...reasons].sort((a, b) => rank(a) - rank(b));
  const all = reasons.map(({ message }) => message).join('; ');
  return new DownloadError(first?.code ?? 'DIFFBIR_DOWNLOAD_FAILED', file, all, { cause: first });
}
