import { stat } from 'node:fs/promises';
import path from 'node:path';
import { DownloadError } from '../errors';
import { workplaceOf } from './cache';
import type { Hub } from './hub';
import type { RemoteFile } from './remoteFile';

/**
 * Checks that all files fit beside what is there of them already, before the first byte of the first one comes.
 * Throws DIFFBIR_DISK_FULL with the bytes that are needed and free.
 */
export async function checkFreeSpace(hub: Hub, files: readonly (readonly [string, RemoteFile])[]): Promise<void> {
  const disks = new Map<number, { folder: string; needed: number; file: string }>();
  for (const [file, remote] of files) {
    const { partial } = workplaceOf(hub, remote);
    const there = await stat(partial).catch(() => undefined);
    const { folder, device } = await nearestFolder(path.dirname(partial));
    const disk = disks.get(device) ?? { folder, needed: 0, file };
    disk.needed += Math.max(remote.size - (there?.size ?? 0), 0);
    disks.set(device, disk);
  }
  for (const { folder, needed, file } of disks.values()) {
    const free = await hub.freeBytes(folder);
    if (free < needed) throw diskFull(file, folder, needed, free);
  }
}

/** The error for a disk on which `needed` more bytes do not fit. */
export function diskFull(file: string, folder: string, needed: number, free: number, cause?: unknown): DownloadError {
  return new DownloadError(
    'DIFFBIR_DISK_FULL',
    file,
    `${needed} bytes are needed on the disk of ${folder}, and ${free} are free. Make room, or name another folder with ` +
      'HF_HOME (DIFFBIR_CACHE for files that are not from the hub); what is there already is kept',
    { neededBytes: needed, freeBytes: free, ...(cause !== undefined && { cause }) },
  );
}

/** The folder itself, or the one above it that exists: on its file system the folder will be. */
export async function nearestFolder(folder: string): Promise<{ folder: string; device: number }> {
  for (let at = folder; ; at = path.dirname(at)) {
    const found = await stat(at).catch(() => undefined);
    if (found?.isDirectory()) return { folder: at, device: found.dev };
    if (at === path.dirname(at)) return { folder: at, device: 0 };
  }
}
