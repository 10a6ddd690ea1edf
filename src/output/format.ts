import path from 'node:path';
import { InvalidOptionError } from '../errors';
import { FORMATS, type OutputFormat } from '../options/choices';

const EXTENSIONS: Readonly<Record<string, OutputFormat>> = {
  '.png': 'png',
  '.jpg': 'jpeg',
  '.jpeg': 'jpeg',
  '.jpe': 'jpeg',
  '.webp': 'webp',
  '.tif': 'tiff',
  '.tiff': 'tiff',
  '.avif': 'avif',
};

/** The format that a file's name stands for; undefined where it stands for none that can be written. */
export function formatOfName(file: string): OutputFormat | undefined {
  return EXTENSIONS[path.extname(file).toLowerCase()];
}

/** The usual extension of a format, with its dot. */
export function extensionOf(format: OutputFormat): string {
  return format === 'jpeg' ? '.jpg' : format === 'tiff' ? '.tif' : `.${format}`;
}

/**
 * The format of a file to write: the one asked for, else that of the file's name, else the fallback.
 * Throws InvalidOptionError where the two contradict each other: nobody wants a JPEG named .png.
 */
export function formatFor(file: string, asked: OutputFormat | undefined, fallback: OutputFormat): OutputFormat {
  const named = formatOfName(file);
  if (!named && path.extname(file) && !asked) {
    throw new InvalidOptionError(
      'format',
      `Expected a file name with the extension of ${FORMATS.join(', ')}, or the option format, but received ${file}`,
    );
  }
  if (asked && named && asked !== named) {
    throw new InvalidOptionError('format', `Expected ${named} for format, as in ${file}, but received ${asked}`);
  }
  return asked ?? named ?? fallback;
}
