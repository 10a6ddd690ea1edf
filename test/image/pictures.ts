/** Small pictures for tests, made on the spot: each shows one thing that a decoder must cope with. */
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { pngChunk } from '../../src/image/png';

export const WIDTH = 6;
export const HEIGHT = 4;

/** Every value different from its neighbours, so that no turn or flip goes unnoticed. */
export function pixels(channels: 1 | 2 | 3 | 4 = 3): Uint8Array {
  return Uint8Array.from({ length: WIDTH * HEIGHT * channels }, (_, i) => (i * 37) % 256);
}

export function image(channels: 1 | 2 | 3 | 4 = 3) {
  return sharp(pixels(channels), { raw: { width: WIDTH, height: HEIGHT, channels } });
}

/** An EXIF block (TIFF structure) with nothing but the orientation. */
export function exifWithOrientation(value: number): Buffer {
  const directory = [1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, value, 0, 0, 0, 0, 0, 0, 0];
  return Buffer.from([0x49, 0x49, 42, 0, 8, 0, 0, 0, ...directory]);
}

/** A black 1-bit PNG of any size, a few kilobytes long. */
export function hugePng(width: number, height: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 1;
  const rows = deflateSync(Buffer.alloc((Math.ceil(width / 8) + 1) * height), { level: 9 });
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  return Buffer.concat([signature, pngChunk('IHDR', header), pngChunk('IDAT', rows), pngChunk('IEND')]);
}

/** An RGB TIFF of 32-bit floats, uncompressed, one strip. */
export function floatTiff(values: Float32Array, width: number, height: number): Buffer {
  const tags: readonly (readonly [number, number, number])[] = [
    [256, 3, width],
    [257, 3, height],
    [258, 3, 32],
    [259, 3, 1],
    [262, 3, 2],
    [273, 4, 8],
    [277, 3, 3],
    [278, 3, height],
    [279, 4, values.byteLength],
    [339, 3, 3],
  ];
  const directory = Buffer.alloc(2 + tags.length * 12 + 4);
  directory.writeUInt16LE(tags.length, 0);
  tags.forEach(([tag, type, value], i) => {
    directory.writeUInt16LE(tag, 2 + i * 12);
    directory.writeUInt16LE(type, 4 + i * 12);
    directory.writeUInt32LE(1, 6 + i * 12);
    directory.writeUInt32LE(value, 10 + i * 12);
  });
  const head = Buffer.from('II*\0\0\0\0\0', 'latin1');
  head.writeUInt32LE(8 + values.byteLength, 4);
  return Buffer.concat([head, Buffer.from(values.buffer), directory]);
}
