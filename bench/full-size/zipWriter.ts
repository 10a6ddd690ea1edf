import { closeSync, openSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';

const UTF8_AND_DESCRIPTOR = 0x808;
const ALIGNMENT = 64;
/** Values from here on go into zip64 fields. */
const LIMIT = 0xffffffff;

interface Written {
  readonly name: Buffer;
  readonly crc: number;
  readonly size: number;
  readonly offset: number;
}

/**
 * Writes a zip archive as torch does: entries stored, their data at multiples of 64 bytes behind an extra field `FB`,
 * sizes and checksums behind the data and in the directory, zip64 where 32 bits do not do. Nothing but the directory
 * stays in memory.
 * Source: PKWARE APPNOTE.TXT 6.3, sections 4.3 to 4.5; files of torch 2.13.
 */
export class ZipWriter {
  private readonly file: number;
  private readonly entries: Written[] = [];
  private at = 0;

  /** @param limit tests use zip64 from a smaller size on */
  constructor(
    path: string,
    private readonly limit = LIMIT,
  ) {
    this.file = openSync(path, 'w');
  }

  add(name: string, pieces: Iterable<Uint8Array>): void {
    const bytes = Buffer.from(name);
    const offset = this.at;
    // Where a size is needed beforehand, the entry is small; the offset decides.
    const wide = this.isWide(offset);
    this.write(localHeader(bytes, offset, wide));
    let [size, crc] = [0, 0];
    for (const piece of pieces) {
      this.write(piece);
      crc = crc32(piece, crc);
      size += piece.length;
    }
    if (this.isWide(size)) throw new RangeError(`${name} is too large for one entry`);
    this.write(descriptor(crc, size, wide));
    this.entries.push({ name: bytes, crc, size, offset });
  }

  /** Writes the directory and closes the file. */
  close(): void {
    const offset = this.at;
    for (const entry of this.entries) this.write(record(entry, this.isWide(entry.offset)));
    this.write(endRecords(this.entries.length, this.at - offset, offset, this.limit));
    closeSync(this.file);
  }

  private isWide(value: number): boolean {
    return value >= this.limit;
  }

  private write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) done += writeSync(this.file, bytes, done);
    this.at += bytes.length;
  }
}

/** With the extra field that moves the data to the next multiple of 64. */
function localHeader(name: Buffer, offset: number, wide: boolean): Buffer {
  const header = Buffer.alloc(30);
  header.writeUInt32LE(0x04034b50);
  header.writeUInt16LE(UTF8_AND_DESCRIPTOR, 6);
  header.writeUInt16LE(name.length, 26);
  const large = wide ? zip64Field(offset) : Buffer.alloc(0);
  const begin = offset + header.length + name.length + large.length + 4;
  const padding = Buffer.alloc(4 + ((ALIGNMENT - (begin % ALIGNMENT)) % ALIGNMENT), 'Z');
  padding.write('FB');
  padding.writeUInt16LE(padding.length - 4, 2);
  header.writeUInt16LE(large.length + padding.length, 28);
  return Buffer.concat([header, name, large, padding]);
}

/** Extra field 1, here with the one value that does not fit 32 bits: where the entry begins. */
function zip64Field(offset: number): Buffer {
  const field = Buffer.alloc(12);
  field.writeUInt16LE(1);
  field.writeUInt16LE(8, 2);
  field.writeBigUInt64LE(BigInt(offset), 4);
  return field;
}

/** What stands behind the data; with a zip64 field in the header its sizes have 8 bytes. */
function descriptor(crc: number, size: number, wide: boolean): Buffer {
  const bytes = Buffer.alloc(wide ? 24 : 16);
  bytes.writeUInt32LE(0x08074b50);
  bytes.writeUInt32LE(crc, 4);
  for (const i of [0, 1]) {
    if (wide) bytes.writeBigUInt64LE(BigInt(size), 8 + 8 * i);
    else bytes.writeUInt32LE(size, 8 + 4 * i);
  }
  return bytes;
}

/** An entry of the directory. */
function record({ name, crc, size, offset }: Written, wide: boolean): Buffer {
  const extra = wide ? zip64Field(offset) : Buffer.alloc(0);
  const bytes = Buffer.alloc(46);
  bytes.writeUInt32LE(0x02014b50);
  bytes.writeUInt16LE(UTF8_AND_DESCRIPTOR, 8);
  bytes.writeUInt32LE(crc, 16);
  bytes.writeUInt32LE(size, 20);
  bytes.writeUInt32LE(size, 24);
  bytes.writeUInt16LE(name.length, 28);
  bytes.writeUInt16LE(extra.length, 30);
  bytes.writeUInt32LE(wide ? LIMIT : offset, 42);
  return Buffer.concat([bytes, name, extra]);
}

/** The end of the directory, twice: torch always writes the zip64 form too. */
function endRecords(count: number, size: number, offset: number, limit: number): Buffer {
  const bytes = Buffer.alloc(56 + 20 + 22);
  bytes.writeUInt32LE(0x06064b50);
  bytes.writeBigUInt64LE(44n, 4);
  bytes.writeUInt16LE(0x031e, 12);
  bytes.writeUInt16LE(45, 14);
  for (const [field, value] of [
    [24, count],
    [32, count],
    [40, size],
    [48, offset],
  ] as const) {
    bytes.writeBigUInt64LE(BigInt(value), field);
  }
  bytes.writeUInt32LE(0x07064b50, 56);
  bytes.writeBigUInt64LE(BigInt(offset + size), 64);
  bytes.writeUInt32LE(1, 72);
  bytes.writeUInt32LE(0x06054b50, 76);
  bytes.writeUInt16LE(Math.min(count, 0xffff), 84);
  bytes.writeUInt16LE(Math.min(count, 0xffff), 86);
  bytes.writeUInt32LE(size, 88);
  bytes.writeUInt32LE(offset >= limit ? LIMIT : offset, 92);
  return bytes;
}
