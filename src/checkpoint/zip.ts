import { isUtf8 } from 'node:buffer';
import { DAMAGED, type FileReader, isCount } from './fileReader';

/** One stored file of a zip archive, as the central directory tells. */
export interface ZipEntry {
  readonly name: string;
  readonly method: number;
  readonly encrypted: boolean;
  readonly size: number;
  readonly storedSize: number;
  readonly headerOffset: number;
  /** First byte behind this entry that belongs to something else: its data must end before. */
  readonly limit: number;
}

const END = 0x06054b50;
const END_SIZE = 22;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const MAX_COMMENT = 0xffff;
const MAX_DIRECTORY = 128_000_000;
const IN_ZIP64 = 0xffffffff;
const STORED = 0;

/**
 * Reads the directory of a zip archive, with zip64. Nothing is unpacked, so names are only names; entries that lie
 * over each other, outside the file, or twice under one name are refused.
 * Source: PKWARE APPNOTE.TXT 6.3, sections 4.3 to 4.5.
 */
export async function readZipDirectory(reader: FileReader): Promise<Map<string, ZipEntry>> {
  const { offset, size, count } = await findDirectory(reader);
  if (size > MAX_DIRECTORY) throw reader.fail(`its zip directory is ${size} bytes large`);
  const directory = await reader.read(offset, size, 'the zip directory');
  const found: Omit<ZipEntry, 'limit'>[] = [];
  for (let at = 0; at < size; ) {
    if (size - at < 46 || directory.readUInt32LE(at) !== CENTRAL)
      throw reader.fail(`its zip directory is bad; ${DAMAGED}`);
    const [nameSize, extraSize, commentSize] = [28, 30, 32].map((field) => directory.readUInt16LE(at + field));
    const end = at + 46 + (nameSize as number) + (extraSize as number) + (commentSize as number);
    if (end > size) throw reader.fail(`its zip directory is bad; ${DAMAGED}`);
    found.push(parseEntry(reader, directory.subarray(at, end)));
    at = end;
  }
  if (found.length !== count) throw reader.fail(`its zip directory has ${found.length} entries but declares ${count}`);
  return withLimits(reader, found, offset);
}

/** Byte offset of an entry's data. Throws when it is compressed or encrypted: torch always stores. */
export async function dataOffset(reader: FileReader, entry: ZipEntry): Promise<number> {
  if (!entry.encrypted && (entry.method !== STORED || entry.size !== entry.storedSize)) {
    const advice = 'unpack the archive and use the checkpoint inside, or save it anew';
    throw reader.fail(`its zip entry "${entry.name}" is compressed, torch stores it plain; ${advice}`);
  }
  return storedOffset(reader, entry);
}

/** Byte offset of what is stored of an entry, compressed or not. Throws when it is encrypted. */
export async function storedOffset(reader: FileReader, entry: ZipEntry): Promise<number> {
  const bad = (reason: string) => reader.fail(`its zip entry "${entry.name}" ${reason}`);
  if (entry.encrypted) throw bad('is encrypted; decrypt the file first');
  const header = await reader.read(entry.headerOffset, 30, `the header of "${entry.name}"`);
  if (header.readUInt32LE(0) !== LOCAL) throw bad(`is not where the directory says; ${DAMAGED}`);
  const offset = entry.headerOffset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  if (offset + entry.storedSize > entry.limit) throw bad(`reaches into what follows it; ${DAMAGED}`);
  return offset;
}

interface Directory {
  readonly offset: number;
  readonly size: number;
  readonly count: number;
}

async function findDirectory(reader: FileReader): Promise<Directory> {
  const length = Math.min(reader.size, END_SIZE + MAX_COMMENT);
  const base = reader.size - length;
  const tail = await reader.read(base, length, 'the end of the zip archive');
  for (let at = length - END_SIZE; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== END || at + END_SIZE + tail.readUInt16LE(at + 20) !== length) continue;
    const [count, size, offset] = [tail.readUInt16LE(at + 10), tail.readUInt32LE(at + 12), tail.readUInt32LE(at + 16)];
    const large = count === 0xffff || size === IN_ZIP64 || offset === IN_ZIP64;
    const directory = large ? await readEnd64(reader, base + at) : { offset, size, count };
    if (![directory.offset, directory.size, directory.count].every(isCount))
      throw reader.fail('its zip64 sizes are bad');
    if (directory.offset + directory.size > base + at) throw reader.fail(`its zip directory lies outside; ${DAMAGED}`);
    return directory;
  }
  throw reader.fail(`is a zip archive without an end (${reader.size} bytes); ${DAMAGED}`);
}

async function readEnd64(reader: FileReader, endOffset: number): Promise<Directory> {
  const locator = await reader.read(endOffset - 20, 20, 'the zip64 locator');
  if (locator.readUInt32LE(0) !== LOCATOR64) throw reader.fail(`its zip64 locator is missing; ${DAMAGED}`);
  const end = await reader.read(Number(locator.readBigUInt64LE(8)), 56, 'the zip64 end record');
  if (end.readUInt32LE(0) !== END64)
    throw reader.fail(`its zip64 end record is not where the locator says; ${DAMAGED}`);
  const [count, size, offset] = [32, 40, 48].map((field) => Number(end.readBigUInt64LE(field)));
  return { count: count as number, size: size as number, offset: offset as number };
}

function parseEntry(reader: FileReader, record: Buffer): Omit<ZipEntry, 'limit'> {
  const nameEnd = 46 + record.readUInt16LE(28);
  const nameBytes = record.subarray(46, nameEnd);
  if (!isUtf8(nameBytes)) throw reader.fail('its zip directory has a name that is not UTF-8');
  const name = nameBytes.toString('utf8');
  if (name.startsWith('/') || name.split(/[/\\]/).includes('..')) {
    throw reader.fail(`its zip directory has the path "${name}", which no checkpoint has`);
  }
  const extra = record.subarray(nameEnd, nameEnd + record.readUInt16LE(30));
  const large = new Large(reader, name, zip64Field(extra));
  return {
    name,
    method: record.readUInt16LE(10),
    encrypted: (record.readUInt16LE(8) & 1) !== 0,
    // In the order in which the zip64 field holds those that do not fit 32 bits.
    size: large.resolve(record.readUInt32LE(24)),
    storedSize: large.resolve(record.readUInt32LE(20)),
    headerOffset: large.resolve(record.readUInt32LE(42)),
  };
}

/** Values of the zip64 extra field, which stand there in a fixed order, but only those that are needed. */
class Large {
  private used = 0;

  constructor(
    private readonly reader: FileReader,
    private readonly name: string,
    private readonly field: Buffer,
  ) {}

  resolve(value: number): number {
    if (value !== IN_ZIP64) return value;
    this.used += 8;
    if (this.used > this.field.length) throw this.reader.fail(`its zip entry "${this.name}" lacks its zip64 sizes`);
    return Number(this.field.readBigUInt64LE(this.used - 8));
  }
}

/** Content of the extra field with id 1; empty when there is none. */
function zip64Field(extra: Buffer): Buffer {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) === 1) return extra.subarray(at + 4, at + 4 + extra.readUInt16LE(at + 2));
  }
  return Buffer.alloc(0);
}

function withLimits(
  reader: FileReader,
  found: readonly Omit<ZipEntry, 'limit'>[],
  directoryOffset: number,
): Map<string, ZipEntry> {
  const entries = new Map<string, ZipEntry>();
  const ordered = [...found].sort((a, b) => a.headerOffset - b.headerOffset);
  for (const [i, entry] of ordered.entries()) {
    const limit = ordered[i + 1]?.headerOffset ?? directoryOffset;
    if (entries.has(entry.name)) throw reader.fail(`its zip directory has "${entry.name}" twice`);
    if (!(entry.headerOffset + 30 + entry.storedSize <= limit)) {
      throw reader.fail(`its zip entry "${entry.name}" overlaps the next one or lies outside the file; ${DAMAGED}`);
    }
    entries.set(entry.name, { ...entry, limit });
  }
  return entries;
}
