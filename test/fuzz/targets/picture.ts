import sharp, { type Sharp } from 'sharp';
import { decode } from '../../../src/image/decode';
import { encode } from '../../../src/image/encode';
import { cleanMetadata } from '../../../src/image/metadata';
import { pngChunk, withChunks } from '../../../src/image/png';
import type { Picture } from '../../../src/image/types';
import { inspect } from '../../../src/inspect';
import { FORMATS } from '../../../src/options/choices';
import { resolveOptions } from '../../../src/options/resolve';
import { withParameters } from '../../../src/parameters/xmp';
import { exifWithOrientation, floatTiff, HEIGHT, hugePng, image, WIDTH } from '../../image/pictures';
import type { Random } from '../random';
import { demand, type Mutate, type Target } from '../target';

sharp.cache(false);
sharp.concurrency(1);

const LIMIT = 1 << 21;

async function profileOf(picture: Sharp): Promise<Buffer> {
  return (await sharp(await picture.toBuffer()).metadata()).icc as Buffer;
}

const rgbProfile = () => profileOf(image().withIccProfile('p3').png());

/** By its header: a real one has a megabyte. */
async function cmykProfile(): Promise<Buffer> {
  const icc = Buffer.from(await rgbProfile());
  icc.write('CMYK', 16);
  return icc;
}

/** A photograph's size and smoothness, so that compressed data has more than one block. */
function photograph() {
  const data = Uint8Array.from({ length: 72 * 40 * 3 }, (_, i) => 128 + 100 * Math.sin(i / 50) + ((i * 37) % 20));
  return sharp(data, { raw: { width: 72, height: 40, channels: 3 } });
}

async function pictures(): Promise<Buffer[]> {
  const frames = { width: WIDTH, height: HEIGHT * 2, channels: 3 as const, pageHeight: HEIGHT };
  const animation = () => sharp(Buffer.alloc(WIDTH * HEIGHT * 6, 99), { raw: frames });
  const png = await image().png().toBuffer();
  const metadata = { icc: await rgbProfile(), exif: exifWithOrientation(6), xmp: withParameters(undefined, '{}') };
  const made = await Promise.all(
    [
      image(4).png(),
      image(2).png(),
      image(1).threshold(128).png({ palette: true, colours: 2 }),
      image().toColourspace('rgb16').png({ progressive: true }),
      photograph().jpeg(),
      photograph().jpeg({ progressive: true }).withIccProfile('p3').withXmp('<x/>'),
      image().toColourspace('cmyk').jpeg(),
      photograph().webp(),
      image(4).webp({ lossless: true }),
      animation().webp(),
      animation().gif(),
      photograph().tiff({ compression: 'deflate', predictor: 'horizontal' }),
      photograph().tiff({ tile: true, tileWidth: 16, tileHeight: 16, compression: 'lzw', pyramid: true }),
      image().toColourspace('rgb16').tiff({ compression: 'jpeg' }),
      photograph().avif({ effort: 0 }),
    ].map((each) => each.toBuffer()),
  );
  return [png, withChunks(png, metadata), ...made, hugePng(40, 2000), floatTiff(new Float32Array(9), 3, 1)];
}

async function run(data: Buffer): Promise<boolean> {
  const failOn = data.length % 2 === 0 ? 'none' : 'warning';
  const described = await settled(inspect(data));
  const read = await settled(decode(data, resolveOptions({ limitInputPixels: LIMIT, failOn })));
  if ('error' in read) throw read.error;
  checkPicture(read.value);
  if ('error' in described) throw described.error;
  await checkOutput(read.value, FORMATS[data.length % FORMATS.length] as (typeof FORMATS)[number]);
  return true;
}

async function settled<T>(promise: Promise<T>): Promise<{ value: T } | { error: unknown }> {
  return promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}

function checkPicture({ width, height, rgb, alpha, metadata }: Picture): void {
  demand(width >= 1 && height >= 1 && width * height <= LIMIT, `${width} x ${height} pixels`);
  demand(rgb.length === width * height * 3, `${rgb.length} values for ${width} x ${height}`);
  demand(!alpha || alpha.length === width * height, 'alpha does not fit its size');
  for (const block of [metadata.icc, metadata.exif, metadata.xmp]) demand((block?.length ?? 0) <= 4 << 20, 'a block');
}

/** What came with a picture must not keep its restoration from being written, nor spoil the parameters in it. */
async function checkOutput({ width, height, rgb, metadata }: Picture, format: (typeof FORMATS)[number]): Promise<void> {
  const isSmall = width * height <= 4096 && width < 1000 && height < 1000;
  if (!isSmall || format === 'avif') return; // whose encoder is slow, and takes metadata as the others do
  const pixels = { data: rgb, width, height, channels: 3 as const };
  const parameters = JSON.stringify({ formatVersion: 1, version: '1', model: 'm', options: { steps: 3 } });
  const file = await encode({ ...pixels, metadata: { ...metadata, parameters } }, { format, quality: 80 });
  const found = await inspect(file);
  demand(found.parameters?.model === 'm' || format === 'jpeg', 'the parameters cannot be read');
  demand(found.width === width && found.height === height, 'the output has another size');
}

const CODES = ['DIFFBIR_INVALID_IMAGE', 'DIFFBIR_IMAGE_TOO_LARGE'] as const;

const WORDS = [
  ...['IHDR', 'IDAT', 'IEND', 'PLTE', 'tRNS', 'iCCP', 'eXIf', 'iTXt', 'acTL', 'gAMA', 'cHRM', 'pHYs', 'zTXt'],
  ...[
    '\xff\xd8',
    '\xff\xe1',
    '\xff\xe2',
    '\xff\xc0',
    '\xff\xc2',
    '\xff\xc4',
    '\xff\xda',
    '\xff\xdd',
    '\xff\xd9',
    '\xff\xee',
  ],
  ...[
    'RIFF',
    'WEBP',
    'VP8 ',
    'VP8L',
    'VP8X',
    'ANIM',
    'ANMF',
    'ALPH',
    'EXIF',
    'XMP ',
    'ICCP',
    'GIF89a',
    '\x21\xf9\x04',
    ',',
  ],
  ...[
    'II*\0',
    'MM\0*',
    'II+\0',
    'ftypavif',
    'meta',
    'iloc',
    'ispe',
    'ipco',
    'mdat',
    'Exif\0\0',
    'ICC_PROFILE\0\x01\x01',
  ],
  ...['<!---->', '<svg', '<?xml ', '<!doctype svg', '<html', '%PDF', 'BM', 'http://ns.adobe.com/xap/1.0/\0'],
];

export const pictureTarget: Target = {
  name: 'picture',
  share: 1,
  codes: CODES,
  dictionary: WORDS,
  corpus: pictures,
  generate: (random, mutate, corpus) => changedPng(random, mutate, random.pick(corpus.slice(0, 5))),
  run,
};

interface Chunk {
  readonly type: string;
  readonly data: Buffer;
}

/** A PNG whose chunks are changed inside, doubled, left out or in another order, with the right checksums. */
function changedPng(random: Random, mutate: Mutate, png: Buffer): Buffer {
  const chunks = chunksOf(png);
  const at = random.below(chunks.length);
  const chosen = chunks[at] as Chunk;
  const change = random.below(4);
  if (change === 0) chunks.splice(at, 1);
  else if (change === 1) chunks.splice(random.below(chunks.length), 0, chosen);
  else chunks[at] = { ...chosen, data: mutate(chosen.data) };
  return Buffer.concat([png.subarray(0, 8), ...chunks.map(({ type, data }) => pngChunk(type, data))]);
}

function chunksOf(png: Buffer): Chunk[] {
  const chunks: Chunk[] = [];
  for (let at = 8; at + 12 <= png.length; ) {
    const length = png.readUInt32BE(at);
    chunks.push({ type: png.toString('latin1', at + 4, at + 8), data: png.subarray(at + 8, at + 8 + length) });
    at += 12 + length;
  }
  return chunks;
}

/** Profile, EXIF and XMP of a picture that is sound but for them. */
export const metadataTarget: Target = {
  name: 'metadata',
  share: 1,
  codes: CODES,
  dictionary: [
    ...WORDS,
    'acsp',
    'RGB ',
    'CMYK',
    'XYZ ',
    'desc',
    'A2B0',
    'mft2',
    'tiff:Orientation="6"',
    '</rdf:RDF>',
    'diffbir:parameters>',
  ],
  corpus: async () => [
    await rgbProfile(),
    await cmykProfile(),
    exifWithOrientation(6),
    withParameters(undefined, '{"formatVersion":1,"version":"1","model":"m","options":{}}'),
  ],
  async run(data) {
    cleanMetadata({ icc: data, exif: data, xmp: data });
    const kind = (['icc', 'exif', 'xmp'] as const)[data.length % 3] as 'icc';
    return run(withChunks(await image().png().toBuffer(), { [kind]: data }));
  },
};

/** The first bytes alone, which decide what reads the rest. */
export const signatureTarget: Target = {
  name: 'signature',
  share: 25,
  codes: CODES,
  dictionary: WORDS,
  corpus: async () =>
    ['<svg/>', '<?xml version="1.0"?><!-- a --><svg', '<!doctype html>', 'GIF89a', ''].map((text) => Buffer.from(text)),
  async run(data) {
    // Never a decoder: none of them is asked about a header of nothing.
    const file = data.subarray(0, 2000);
    if (/^(\x89PNG|\xff\xd8\xff|RIFF|GIF8|II[*+]|MM\0|....ftyp)/s.test(file.toString('latin1', 0, 12))) return false;
    await decode(file, resolveOptions());
    return true;
  },
};
