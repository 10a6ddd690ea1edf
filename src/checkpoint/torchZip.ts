import type { TensorEntry } from '../native/binding';
import { DAMAGED, type FileReader } from './fileReader';
import { readPickle } from './pickle';
import { type StoragePlace, toEntry, torchHooks } from './torchObjects';
import { unwrapStateDict } from './unwrap';
import { dataOffset, readZipDirectory, type ZipEntry } from './zip';

/** The pickle of a full Stable Diffusion file has 0.2 MB; optimizer states may make it larger. */
const MAX_PICKLE = 256_000_000;

/**
 * Reads a file of `torch.save` since PyTorch 1.6: a zip archive with `<name>/data.pkl` and, stored uncompressed, one
 * entry `<name>/data/<key>` per storage.
 */
export async function readTorchZip(reader: FileReader): Promise<TensorEntry[]> {
  const directory = await readZipDirectory(reader);
  const { folder, pickle } = findPickle(reader, directory);
  await checkByteOrder(reader, directory.get(`${folder}byteorder`));
  const root = await readRoot(reader, pickle);
  const places = new Map<string, StoragePlace>();
  const entries: TensorEntry[] = [];
  for (const [name, ref] of unwrapStateDict(reader, root)) {
    const { key } = ref.storage;
    const place = places.get(key) ?? (await findStorage(reader, directory.get(`${folder}data/${key}`), name));
    places.set(key, place);
    entries.push(toEntry(reader, name, ref, place));
  }
  return entries;
}

function findPickle(
  reader: FileReader,
  directory: ReadonlyMap<string, ZipEntry>,
): { folder: string; pickle: ZipEntry } {
  for (const [name, pickle] of directory) {
    const [folder] = /^[^/]*\/(?=data\.pkl$)/.exec(name) ?? [];
    if (folder === undefined) continue;
    if (directory.has(`${folder}constants.pkl`)) {
      throw reader.fail('is a TorchScript program, not a checkpoint; save model.state_dict() from PyTorch');
    }
    return { folder, pickle };
  }
  const packed = [...directory.keys()].find((name) => /\.(ckpt|pth?|safetensors)$/.test(name));
  if (packed) throw reader.fail(`is a zip archive with the checkpoint "${packed}" inside; unpack it first`);
  throw reader.fail('is a zip archive but no PyTorch checkpoint (it has no data.pkl)');
}

async function checkByteOrder(reader: FileReader, entry: ZipEntry | undefined): Promise<void> {
  if (!entry) return;
  const text = await reader.read(await dataOffset(reader, entry), Math.min(entry.size, 16), 'the byte order');
  if (text.toString('latin1') !== 'little') {
    throw reader.fail('was saved on a big-endian machine; load and save it on a little-endian one');
  }
}

async function readRoot(reader: FileReader, pickle: ZipEntry): Promise<unknown> {
  if (pickle.size > MAX_PICKLE) throw reader.fail(`its data.pkl is ${pickle.size} bytes large`);
  const bytes = await reader.read(await dataOffset(reader, pickle), pickle.size, 'data.pkl');
  try {
    return readPickle(bytes, 0, torchHooks).value;
  } catch (error) {
    throw reader.fail(`its data.pkl cannot be used: ${(error as Error).message}`, { cause: error });
  }
}

async function findStorage(reader: FileReader, entry: ZipEntry | undefined, tensor: string): Promise<StoragePlace> {
  if (!entry) throw reader.fail(`has no data for tensor "${tensor}"; ${DAMAGED}`);
  const begin = await dataOffset(reader, entry);
  return { begin, end: begin + entry.size };
}
