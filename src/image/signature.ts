import { InvalidImageError } from '../errors';
import { FORMATS, type OutputFormat } from '../options/choices';

const ascii = (bytes: Uint8Array, from: number, to: number) => Buffer.from(bytes.subarray(from, to)).toString('latin1');

/** Formats that are decoded, by their first bytes; a name's extension is never trusted. */
const READABLE: Readonly<Record<string, (bytes: Uint8Array) => boolean>> = {
  png: (bytes) => ascii(bytes, 0, 8) === '\x89PNG\r\n\x1a\n',
  jpeg: (bytes) => ascii(bytes, 0, 3) === '\xff\xd8\xff',
  webp: (bytes) => ascii(bytes, 0, 4) === 'RIFF' && ascii(bytes, 8, 12) === 'WEBP',
  gif: (bytes) => /^GIF8[79]a$/.test(ascii(bytes, 0, 6)),
  tiff: (bytes) => ['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].includes(ascii(bytes, 0, 4)),
  avif: (bytes) => ascii(bytes, 4, 8) === 'ftyp' && /avif|avis/.test(ascii(bytes, 8, 40)),
};

/** Things that are often taken for pictures, with what to say about them. */
const REFUSED: readonly (readonly [RegExp, string])[] = [
  [/^\s*(<!doctype html|<html|<head|<body)/i, 'is an HTML page, not a picture (was the download an error page?)'],
  [
    /^\s*(<\?xml[^>]*>\s*)?(<!--(?:(?!-->).)*-->\s*|<!doctype svg[^>]*>\s*)*<svg/is,
    'is an SVG drawing; convert it to PNG first',
  ],
  [/^%PDF/, 'is a PDF document; extract its pictures first'],
  [/^version https:\/\/git-lfs/, 'is a Git LFS pointer, not the picture (run git lfs pull)'],
  [/^BM/, 'is a BMP picture, which is not supported; convert it to PNG first'],
  [/^....ftyp(heic|heix|mif1)/s, 'is an HEIC picture, which is not supported; convert it to JPEG or PNG first'],
];

/**
 * The format of a picture file by its first bytes. Throws InvalidImageError for anything that is no supported
 * picture, before any decoder sees it.
 */
export function detectFormat(name: string, bytes: Uint8Array): string {
  if (bytes.length === 0) throw new InvalidImageError(`${name} is empty`);
  for (const [format, matches] of Object.entries(READABLE)) if (matches(bytes)) return format;
  const start = ascii(bytes, 0, 1024);
  const reason = REFUSED.find(([pattern]) => pattern.test(start))?.[1];
  throw new InvalidImageError(
    `${name} ${reason ?? 'is not a picture in a format that can be read (PNG, JPEG, WebP, TIFF, GIF, AVIF)'}`,
  );
}

/** The format in which a picture goes out unless told otherwise; GIF has too few colours for a photograph. */
export function defaultOutput(format: string): OutputFormat {
  return (FORMATS as readonly string[]).includes(format) ? (format as OutputFormat) : 'png';
}
