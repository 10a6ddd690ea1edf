/** Container files around what a checkpoint holds: right ones, and ones that are wrong in exactly one place. */
import { dict, pickle, u32 } from './pickle';

export function floats(...values: number[]): Buffer {
  return Buffer.from(Float32Array.from(values).buffer);
}

export interface ZipPart {
  readonly name: string | Buffer;
  readonly data: Buffer;
  readonly method?: number;
  readonly flags?: number;
  /** Lies of the directory. */
  readonly size?: number;
  readonly storedSize?: number;
  readonly headerOffset?: number;
  readonly extra?: Buffer;
  /** Lies of the header before the data. */
  readonly signature?: number;
  readonly localExtraSize?: number;
}

/** A zip archive as torch writes it: sizes in the directory only. `end` changes fields of the end record. */
export function zip(parts: readonly ZipPart[], end: { count?: number; size?: number; offset?: number } = {}): Buffer {
  const bodies: Buffer[] = [];
  const records: Buffer[] = [];
  let at = 0;
  for (const part of parts) {
    const name = Buffer.from(part.name as string);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(part.signature ?? 0x04034b50);
    local.writeUInt16LE(name.length, 26);
    local.writeUInt16LE(part.localExtraSize ?? 0, 28);
    const record = Buffer.alloc(46);
    record.writeUInt32LE(0x02014b50);
    record.writeUInt16LE(part.flags ?? 0x808, 8);
    record.writeUInt16LE(part.method ?? 0, 10);
    record.writeUInt32LE(part.storedSize ?? part.data.length, 20);
    record.writeUInt32LE(part.size ?? part.data.length, 24);
    record.writeUInt16LE(name.length, 28);
    record.writeUInt16LE(part.extra?.length ?? 0, 30);
    record.writeUInt32LE(part.headerOffset ?? at, 42);
    records.push(Buffer.concat([record, name, part.extra ?? Buffer.alloc(0)]));
    bodies.push(local, name, part.data);
    at += 30 + name.length + part.data.length;
  }
  const directory = Buffer.concat(records);
  const last = Buffer.alloc(22);
  last.writeUInt32LE(0x06054b50);
  last.writeUInt16LE(end.count ?? parts.length, 10);
  last.writeUInt32LE(end.size ?? directory.length, 12);
  last.writeUInt32LE(end.offset ?? at, 16);
  return Buffer.concat([...bodies, directory, last]);
}

/** A torch zip file around a pickled value, by default with storage 0 = (1, 2). */
export function torchZip(value: unknown, storages: Record<string, Buffer> = { 0: floats(1, 2) }): Buffer {
  return zip([
    { name: 'archive/data.pkl', data: value instanceof Buffer ? value : pickle(value) },
    { name: 'archive/byteorder', data: Buffer.from('little') },
    ...Object.entries(storages).map(([key, data]) => ({ name: `archive/data/${key}`, data })),
  ]);
}

/** A legacy torch file around a pickled value. `storages` are [key, element count, bytes]. */
export function torchLegacy(
  value: unknown,
  storages: readonly (readonly [string, number, Buffer])[] = [['0', 2, floats(1, 2)]],
  { magic = 0x1950a86a20f9469cfc6cn, protocol = 1001, littleEndian = true, keys = storages.map(([key]) => key) } = {},
): Buffer {
  const machine = dict({ protocol_version: 1001, little_endian: littleEndian });
  const data = storages.flatMap(([, elements, bytes]) => [u32(elements), u32(0), bytes]);
  return Buffer.concat([pickle(magic), pickle(protocol), pickle(machine), pickle(value), pickle(keys), ...data]);
}

/** A safetensors file with a header given as an object, text or bytes. */
export function safetensors(header: object | string | Buffer, data: Buffer = floats(1, 2), length?: bigint): Buffer {
  const json =
    header instanceof Buffer ? header : Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(length ?? BigInt(json.length));
  return Buffer.concat([size, json, data]);
}
