import { randomUUID } from 'node:crypto';
import { link, open, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { DiffBIRError } from '../errors';

/**
 * Writes a file whole or not at all: into a temporary file of the same folder, synced to the disk, then put in place
 * in one step. Without `force` an existing file is left alone, also one that appears while we write.
 * Throws DIFFBIR_OUTPUT_EXISTS or DIFFBIR_OUTPUT_FAILED; neither leaves anything behind.
 */
export async function writeFileAtomic(file: string, bytes: Uint8Array, { force }: { force: boolean }): Promise<void> {
  const temporary = path.join(path.dirname(file), `.diffbir-${randomUUID()}.tmp`);
  try {
    if (!force) await refuseExisting(file);
    await writeSynced(temporary, bytes);
    if (force) await rename(temporary, file);
    else await putNew(temporary, file);
  } catch (cause) {
    if (cause instanceof DiffBIRError) throw cause;
    throw new DiffBIRError('DIFFBIR_OUTPUT_FAILED', `${file} cannot be written: ${(cause as Error).message}`, {
      cause,
    });
  } finally {
    await rm(temporary, { force: true }).catch(() => {});
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

async function writeSynced(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'wx');
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A hard link, unlike a rename, fails when the name is taken. Some file systems have none. */
async function putNew(temporary: string, file: string): Promise<void> {
  try {
    await link(temporary, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw outputExists(file);
    await refuseExisting(file);
    await rename(temporary, file);
  }
}

function outputExists(file: string): DiffBIRError {
  return new DiffBIRError('DIFFBIR_OUTPUT_EXISTS', `${file} exists and is not overwritten without force`);
}
