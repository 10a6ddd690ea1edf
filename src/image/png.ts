import { deflateSync } from 'node:zlib';
import type { Metadata } from './types';

/** Signature and IHDR: ancillary chunks follow. */
const HEADER_LENGTH = 33;

/**
 * Puts metadata into a PNG file (PNG specification 1.3: iCCP, eXIf, iTXt). sharp can carry metadata from an input to
 * an output of any format, but takes none from memory: this PNG is the carrier.
 */
export function withChunks(png: Buffer, { icc, exif, xmp }: Metadata): Buffer {
  const chunks: Buffer[] = [];
  if (icc) chunks.push(pngChunk('iCCP', Buffer.from('icc\0\0', 'latin1'), deflateSync(icc)));
  if (exif) chunks.push(pngChunk('eXIf', exif));
  if (xmp) chunks.push(pngChunk('iTXt', Buffer.from('XML:com.adobe.xmp\0\0\0\0\0', 'latin1'), xmp));
  return Buffer.concat([png.subarray(0, HEADER_LENGTH), ...chunks, png.subarray(HEADER_LENGTH)]);
}

/** One chunk: length, type, data, checksum of type and data. */
export function pngChunk(type: string, ...data: readonly Buffer[]): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), ...data]);
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(body.length - 4);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}

/** CRC-32 of ISO 3309; zlib.crc32 came only with Node 20.15. */
function crc32(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}
