import { withoutParameters } from '../parameters/xmp';
import type { Metadata } from './types';

/** PNG readers refuse chunks of 8 MB; what is larger than this is no description of a picture. */
const MAX_BLOCK = 4 << 20;
const ORIENTATION = 0x0112;
const SHORT = 3;

/** The blocks that a decoder found, as they may be written again, and what had to be dropped. */
export function cleanMetadata(found: Omit<Metadata, 'parameters'>): { metadata: Metadata; warnings: string[] } {
  const warnings: string[] = [];
  const keep = (name: string, block: Buffer | undefined, problem: (block: Buffer) => string | undefined) => {
    if (!block) return undefined;
    const reason = block.length > MAX_BLOCK ? `${block.length} bytes are too many` : problem(block);
    if (reason) warnings.push(`${name} dropped: ${reason}`);
    return reason ? undefined : block;
  };
  const icc = keep('ICC profile', found.icc, profileProblem);
  const exif = keep('EXIF', found.exif && tiffOf(found.exif), (block) => (isTiff(block) ? undefined : 'it is damaged'));
  const xmp = keep('XMP', found.xmp, () => undefined);
  return {
    metadata: {
      ...(icc && { icc }),
      ...(exif && { exif: uprightExif(exif) }),
      ...(xmp && { xmp: withoutParameters(uprightXmp(xmp)) }),
    },
    warnings,
  };
}

/** Whether pixels can stay in the profile's own space: native code works on RGB. */
export function isRgbProfile(icc: Buffer): boolean {
  return icc.toString('latin1', 16, 20) === 'RGB ';
}

/** Checks the header alone (ICC.1, section 7.2): declared size, signature. */
function profileProblem(icc: Buffer): string | undefined {
  if (icc.length < 128 || icc.toString('latin1', 36, 40) !== 'acsp') return 'it is damaged';
  return icc.readUInt32BE(0) > icc.length ? 'it is truncated' : undefined;
}

/** JPEG and WebP put `Exif\0\0` in front of the TIFF structure. */
function tiffOf(exif: Buffer): Buffer {
  return exif.toString('latin1', 0, 6) === 'Exif\0\0' ? exif.subarray(6) : exif;
}

function isTiff(block: Buffer): boolean {
  return block.length >= 14 && ['II*\0', 'MM\0*'].includes(block.toString('latin1', 0, 4));
}

/** Sets the orientation tag of the first directory to 1: it has been applied to the pixels. */
function uprightExif(exif: Buffer): Buffer {
  const copy = Buffer.from(exif);
  const little = copy.toString('latin1', 0, 2) === 'II';
  const read16 = (at: number) => (at + 2 > copy.length ? 0 : little ? copy.readUInt16LE(at) : copy.readUInt16BE(at));
  const directory = little ? copy.readUInt32LE(4) : copy.readUInt32BE(4);
  const count = read16(directory);
  for (let entry = directory + 2; entry < directory + 2 + count * 12 && entry + 12 <= copy.length; entry += 12) {
    if (read16(entry) !== ORIENTATION || read16(entry + 2) !== SHORT) continue;
    if (little) copy.writeUInt16LE(1, entry + 8);
    else copy.writeUInt16BE(1, entry + 8);
  }
  return copy;
}

/** The same in XMP, as attribute or element. */
function uprightXmp(xmp: Buffer): Buffer {
  const text = xmp.toString('latin1');
  return Buffer.from(text.replace(/(?<=tiff:Orientation\s*(?:=\s*["']|>)\s*)[2-8]/g, '1'), 'latin1');
}
