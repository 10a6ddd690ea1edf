import type { TensorEntry } from '../native/binding';
import { DAMAGED, type FileReader, isCount } from './fileReader';
import { readPickle, TruncatedPickle } from './pickle';
import { ITEM_SIZE } from './tensorEntry';
import { type StoragePlace, type StorageRef, toEntry, torchHooks } from './torchObjects';
import { unwrapStateDict } from './unwrap';

/** First value of every legacy file. */
const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;
/** The pickles stand before the data; their length is nowhere written, so ever larger pieces are tried. */
const FIRST_PIECE = 1 << 20;
const LARGEST_PIECE = 1 << 28;

/**
 * Reads a file of `torch.save` before PyTorch 1.6 (or `_use_new_zipfile_serialization=False`): five pickles (magic
 * number, protocol version, machine, the object, keys of the storages), then each storage as its element count (int64)
 * and its bytes, in the order of the keys.
 */
export async function readTorchLegacy(reader: FileReader): Promise<TensorEntry[]> {
  const { root, keys, storages, end } = await readPickles(reader);
  const tensors = unwrapStateDict(reader, root);
  const places = await locateStorages(reader, keys, storages, end);
  const entries: TensorEntry[] = [];
  for (const [name, ref] of tensors) {
    const place = places.get(ref.storage.key);
    if (!place) throw reader.fail(`has no data for tensor "${name}"; ${DAMAGED}`);
    entries.push(toEntry(reader, name, ref, place));
  }
  return entries;
}

/** Whether a file starts with the pickle of the magic number (any protocol from 2 on). */
export function isTorchLegacy(head: Buffer): boolean {
  const magic = Buffer.from(MAGIC.toString(16), 'hex').reverse();
  return head[0] === 0x80 && head.subarray(0, 32).includes(magic);
}

interface Pickles {
  readonly root: unknown;
  readonly keys: unknown;
  /** Every storage that the object refers to, by key. */
  readonly storages: ReadonlyMap<string, StorageRef>;
  /** Byte behind the last pickle. */
  readonly end: number;
}

async function readPickles(reader: FileReader): Promise<Pickles> {
  for (let piece = FIRST_PIECE; ; piece *= 4) {
    const length = Math.min(piece, reader.size);
    const bytes = await reader.read(0, length, 'the pickles');
    try {
      return parsePickles(bytes);
    } catch (error) {
      const more = error instanceof TruncatedPickle && length < reader.size && piece < LARGEST_PIECE;
      if (more) continue;
      const advice = error instanceof TruncatedPickle ? `; ${DAMAGED}` : '';
      throw reader.fail(`its pickle cannot be used: ${(error as Error).message}${advice}`, { cause: error });
    }
  }
}

function parsePickles(bytes: Buffer): Pickles {
  const storages = new Map<string, StorageRef>();
  const hooks = {
    ...torchHooks,
    persistent(id: unknown) {
      const storage = torchHooks.persistent(id) as StorageRef;
      storages.set(storage.key, storage);
      return storage;
    },
  };
  let end = 0;
  const next = () => {
    const { value, end: behind } = readPickle(bytes, end, hooks);
    end = behind;
    return value;
  };
  if (next() !== MAGIC) throw new Error('the magic number is wrong');
  const protocol = next();
  if (protocol !== PROTOCOL) throw new Error(`it does not have protocol version ${PROTOCOL}`);
  const machine = next();
  if (!(machine instanceof Map) || machine.get('little_endian') !== true) {
    throw new Error('it was saved on a big-endian machine; load and save it on a little-endian one');
  }
  const root = next();
  const keys = next();
  return { root, keys, storages, end };
}

async function locateStorages(
  reader: FileReader,
  keys: unknown,
  storages: ReadonlyMap<string, StorageRef>,
  begin: number,
): Promise<Map<string, StoragePlace>> {
  if (!Array.isArray(keys)) throw reader.fail('its list of storages is no list');
  const places = new Map<string, StoragePlace>();
  let at = begin;
  for (const key of keys) {
    const storage = storages.get(key);
    if (!storage || places.has(key)) throw reader.fail('its list of storages does not fit its tensors');
    if (!storage.dtype) throw reader.fail(`has a storage of the unsupported type ${storage.className}`);
    const count = (await reader.read(at, 8, `the size of storage ${key}`)).readBigInt64LE();
    if (!isCount(storage.count) || count !== BigInt(storage.count)) {
      throw reader.fail(`storage ${key} has ${count} elements, its tensors expect another number; ${DAMAGED}`);
    }
    const end = at + 8 + Number(count) * ITEM_SIZE[storage.dtype];
    if (!(end <= reader.size))
      throw reader.fail(`storage ${key} ends at byte ${end}, behind the file's end; ${DAMAGED}`);
    places.set(key, { begin: at + 8, end });
    at = end;
  }
  return places;
}
