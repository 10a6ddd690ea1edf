import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';
import { FileReader } from '../../checkpoint/fileReader';
import { readZipDirectory, storedOffset } from '../../checkpoint/zip';
import { sha256Of } from '../../hub/download';
import type { ProviderManifest } from '../libraries';
import type { LibraryPackage } from './packages';

const DEFLATED = 8;
const STORED = 0;

/**
 * Writes the wanted files of an archive into a folder, under their last names, and says what they are. Nothing else is
 * written, and of each file no more than the bytes that are on record.
 * Throws where an entry is missing or has another size; what was written so far stays.
 */
export async function unpack(
  archive: string,
  { registry, entries }: Pick<LibraryPackage, 'registry' | 'entries'>,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<ProviderManifest['files']> {
  await mkdir(folder, { recursive: true });
  await (registry === 'npm' ? unpackTar : unpackZip)(archive, entries, folder, signal);
  const files: ProviderManifest['files'][number][] = [];
  for (const { path: entry, bytes } of entries) {
    const name = path.posix.basename(entry);
    const file = path.join(folder, name);
    const found = (await stat(file).catch(() => undefined))?.size;
    if (found !== bytes) throw new Error(`${entry} has ${found ?? 'no'} bytes instead of ${bytes}`);
    files.push({ name, sha256: await sha256Of(file, signal), bytes });
  }
  return files;
}

type Unpack = (
  archive: string,
  entries: LibraryPackage['entries'],
  folder: string,
  signal: AbortSignal | undefined,
) => Promise<void>;

const unpackTar: Unpack = async (archive, entries, folder, signal) => {
  const wanted = new Map(entries.map(({ path: entry, bytes }) => [entry, bytes]));
  const tree = path.join(folder, '.tar');
  await rm(tree, { recursive: true, force: true });
  await mkdir(tree);
  signal?.throwIfAborted();
  // Links have other types than files, and what leads out of the folder is nobody's wish.
  const filter = (entry: string, found: object) =>
    'type' in found && found.type === 'File' && 'size' in found && found.size === wanted.get(entry);
  const { extract } = await import('tar');
  await extract({ file: archive, cwd: tree, strict: true, preserveOwner: false, noMtime: true, filter });
  for (const entry of wanted.keys()) {
    const file = path.join(tree, ...entry.split('/'));
    if (await stat(file).catch(() => undefined)) await rename(file, path.join(folder, path.posix.basename(entry)));
  }
  await rm(tree, { recursive: true, force: true });
};

const unpackZip: Unpack = (archive, entries, folder, signal) =>
  FileReader.with(archive, async (reader) => {
    const directory = await readZipDirectory(reader);
    for (const { path: name, bytes } of entries) {
      const entry = directory.get(name);
      if (!entry) throw reader.fail(`does not have ${name}`);
      if (entry.size !== bytes) throw reader.fail(`has ${name} with ${entry.size} bytes instead of ${bytes}`);
      if (entry.method !== DEFLATED && entry.method !== STORED) throw reader.fail(`packs ${name} in an unknown way`);
      const start = await storedOffset(reader, entry);
      const source = createReadStream(archive, { start, end: start + entry.storedSize - 1, highWaterMark: 1 << 20 });
      const target = createWriteStream(path.join(folder, path.posix.basename(name)));
      const options = signal ? { signal } : {};
      if (entry.method === STORED) await pipeline(source, bounded(bytes), target, options);
      else await pipeline(source, createInflateRaw(), bounded(bytes), target, options);
    }
  });

/** Passes on as many bytes as were announced; more are an error. */
function bounded(most: number) {
  return async function* (chunks: AsyncIterable<Buffer>) {
    let bytes = 0;
    for await (const chunk of chunks) {
      bytes += chunk.length;
      if (bytes > most) throw new Error(`more than the ${most} bytes that were announced come out of it`);
      yield chunk;
    }
  };
}
