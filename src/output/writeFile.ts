import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { link, open, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { DiffBIRError } from '../errors';

/** What writing needs of the file system; tests give one with faults. */
export interface Disk {
  open(
    file: string,
    flags: 'wx',
  ): Promise<{
    writeFile(bytes: Uint8Array): Promise<void>;
    sync(): Promise<void>;
    close(): Promise<void>;
  }>;
  link(from: string, to: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
}

/** Temporary files that are being written: process.exit() runs no `finally`. */
const unfinished = new Set<string>();

function removeUnfinished(): void {
  for (const file of unfinished) rmSync(file, { force: true });
}

/**
 * Writes a file whole or not at all: into a temporary file of the same folder, synced to the disk, then put in place
 * in one step. Without `force` an existing file is left alone, also one that appears while we write.
 * Throws DIFFBIR_OUTPUT_EXISTS or DIFFBIR_OUTPUT_FAILED; neither leaves anything behind, nor does the end of the process
 * by process.exit(). A process that is killed leaves the temporary file, `.diffbir-*.tmp`.
 */
export async function writeFileAtomic(
  file: string,
  bytes: Uint8Array,
  { force }: { force: boolean },
  disk: Disk = { open, link, rename },
): Promise<void> {
  const temporary = path.join(path.dirname(file), `.diffbir-${randomUUID()}.tmp`);
  try {
    if (!force) await refuseExisting(file);
    if (unfinished.size === 0) process.on('exit', removeUnfinished);
    unfinished.add(temporary);
    await writeSynced(disk, temporary, bytes);
    if (force) await disk.rename(temporary, file);
    else await putNew(disk, temporary, file);
  } catch (cause) {
    if (cause instanceof DiffBIRError) throw cause;
    throw new DiffBIRError('DIFFBIR_OUTPUT_FAILED', `${file} cannot be written: ${(cause as Error).message}`, {
      cause,
    });
  } finally {
    await rm(temporary, { force: true }).catch(() => {});
    unfinished.delete(temporary);
    if (unfinished.size === 0) process.off('exit', removeUnfinished);
  }
}

/** Asked before the work of a restoration, so that it is not done in vain. */
export async function refuseExisting(file: string): Promise<void> {
  const exists = await stat(file).then(
    () => true,
    () => false,
  );
  if (exists) throw outputExists(file);
}

async function writeSynced(disk: Disk, file: string, bytes: Uint8Array): Promise<void> {
  const handle = await disk.open(file, 'wx');
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A hard link, unlike a rename, fails when the name is taken. Some file systems have none. */
async function putNew(disk: Disk, temporary: string, file: string): Promise<void> {
  try {
    await disk.link(temporary, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw outputExists(file);
    await refuseExisting(file);
    await disk.rename(temporary, file);
  }
}

function outputExists(file: string): DiffBIRError {
  return new DiffBIRError('DIFFBIR_OUTPUT_EXISTS', `${file} exists and is not overwritten without force`);
}
