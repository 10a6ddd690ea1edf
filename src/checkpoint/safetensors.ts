import type { DType, TensorEntry } from '../native/binding';
import { DAMAGED, type FileReader, isCount } from './fileReader';
import { parseStrictJson } from './strictJson';
import { contiguousStrides, ITEM_SIZE, placeTensor } from './tensorEntry';

/** Limit of the format's own specification, in bytes. */
const MAX_HEADER = 100_000_000;
/** File -> tensor -> shape: a valid header is never deeper than 3. */
const MAX_DEPTH = 8;

const DTYPES: ReadonlyMap<unknown, DType> = new Map([
  ['F64', 'float64'],
  ['F32', 'float32'],
  ['F16', 'float16'],
  ['BF16', 'bfloat16'],
  ['I64', 'int64'],
  ['I32', 'int32'],
  ['I16', 'int16'],
  ['I8', 'int8'],
  ['U8', 'uint8'],
  ['BOOL', 'bool'],
]);

interface TensorInfo {
  readonly dtype?: unknown;
  readonly shape?: unknown;
  readonly data_offsets?: unknown;
}

/**
 * Reads the header of a safetensors file: 8 bytes of little-endian length, that many bytes of JSON, then the data.
 * As the specification asks, the tensors must fill the data exactly, without gap or overlap.
 * Source: format description of huggingface/safetensors.
 */
export async function readSafetensors(reader: FileReader): Promise<TensorEntry[]> {
  const { header, dataBegin } = await readHeader(reader);
  const entries: TensorEntry[] = [];
  for (const [name, info] of Object.entries(header)) {
    if (name !== '__metadata__') entries.push(toEntry(reader, name, info as TensorInfo, dataBegin));
  }
  checkLayout(reader, entries, dataBegin);
  return entries;
}

/** The free-text `__metadata__` of the file; empty when it has none. */
export async function readSafetensorsMetadata(reader: FileReader): Promise<Record<string, string>> {
  const { header } = await readHeader(reader);
  return (header.__metadata__ ?? {}) as Record<string, string>;
}

async function readHeader(reader: FileReader): Promise<{ header: Record<string, unknown>; dataBegin: number }> {
  const declared = (await reader.read(0, 8, 'the header length')).readBigUInt64LE();
  if (declared > MAX_HEADER)
    throw reader.fail(`declares a header of ${declared} bytes, the format allows ${MAX_HEADER}`);
  const length = Number(declared);
  const bytes = await reader.read(8, length, 'the header');
  let header: unknown;
  try {
    header = parseStrictJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes), MAX_DEPTH);
  } catch (error) {
    throw reader.fail(`its safetensors header is not valid: ${(error as Error).message}`, { cause: error });
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw reader.fail('its safetensors header is not a JSON object');
  }
  return { header: header as Record<string, unknown>, dataBegin: 8 + length };
}

function toEntry(reader: FileReader, name: string, info: TensorInfo, dataBegin: number): TensorEntry {
  const bad = (reason: string) => reader.fail(`tensor "${name}" ${reason}`);
  const dtype = DTYPES.get(info?.dtype);
  if (!dtype) throw bad(`has the unknown dtype ${JSON.stringify(info?.dtype)}`);
  const { shape, data_offsets: offsets } = info;
  if (!Array.isArray(shape) || !shape.every(isCount)) throw bad('has a shape that is no list of sizes');
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw bad('has data_offsets that are no pair of non-negative integers');
  }
  const [begin, end] = offsets as [number, number];
  const bytes = shape.reduce((product, size) => product * size, ITEM_SIZE[dtype]);
  if (begin > end || end - begin !== bytes) throw bad(`needs ${bytes} bytes but its data_offsets are ${begin}..${end}`);
  if (dataBegin + end > reader.size) throw bad(`lies outside the file (it ends at ${dataBegin + end}); ${DAMAGED}`);
  const storage = { storageOffset: 0, storageBegin: dataBegin + begin, storageEnd: dataBegin + end };
  try {
    return placeTensor(name, { dtype, shape, strides: contiguousStrides(shape), ...storage });
  } catch (error) {
    throw bad((error as Error).message);
  }
}

function checkLayout(reader: FileReader, entries: readonly TensorEntry[], dataBegin: number): void {
  let behind = dataBegin;
  for (const entry of [...entries].sort((a, b) => a.offset - b.offset || a.end - b.end)) {
    if (entry.offset < behind) throw reader.fail(`tensor "${entry.name}" overlaps another one`);
    if (entry.offset > behind) throw reader.fail(`has a gap before tensor "${entry.name}"`);
    behind = entry.end;
  }
  if (behind !== reader.size)
    throw reader.fail(`has ${reader.size - behind} bytes that belong to no tensor; ${DAMAGED}`);
}
