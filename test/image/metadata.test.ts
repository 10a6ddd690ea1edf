import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { cleanMetadata, isRgbProfile } from '../../src/image/metadata';
import { exifWithOrientation, image } from './pictures';

async function profile(name: string): Promise<Buffer> {
  return (await sharp(await image().withIccProfile(name).png().toBuffer()).metadata()).icc as Buffer;
}

describe('cleanMetadata', () => {
  it('keeps a sound profile', async () => {
    const icc = await profile('p3');
    expect(cleanMetadata({ icc })).toEqual({ metadata: { icc }, warnings: [] });
    expect(isRgbProfile(icc)).toBe(true);
  });

  it.each([
    ['without its signature', (icc: Buffer) => icc.fill(0, 36, 40), 'it is damaged'],
    ['shorter than a header', (icc: Buffer) => icc.subarray(0, 100), 'it is damaged'],
    ['shorter than it says', (icc: Buffer) => icc.subarray(0, 200), 'it is truncated'],
    ['of 5 MB', (icc: Buffer) => Buffer.concat([icc, Buffer.alloc(5 << 20)]), /bytes are too many/],
  ])('drops a profile %s, and says so', async (_, damage, reason) => {
    const { metadata, warnings } = cleanMetadata({ icc: damage(Buffer.from(await profile('p3'))) });
    expect(metadata).toEqual({});
    expect(warnings).toEqual([expect.stringMatching(reason)]);
    expect(warnings[0]).toMatch(/^ICC profile dropped: /);
  });

  it('takes the prefix off EXIF and sets orientation 1 in either byte order', () => {
    const little = exifWithOrientation(6);
    const big = Buffer.from([
      ...[0x4d, 0x4d, 0, 42, 0, 0, 0, 8],
      ...[0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0],
    ]);
    const prefixed = Buffer.concat([Buffer.from('Exif\0\0'), little]);
    expect(cleanMetadata({ exif: prefixed }).metadata.exif).toEqual(exifWithOrientation(1));
    expect(cleanMetadata({ exif: big }).metadata.exif?.[19]).toBe(1);
    // The caller's bytes stay as they are.
    expect(little[18]).toBe(6);
  });

  it('survives EXIF that lies about its directory', () => {
    for (const [at, value] of [
      [4, 0xff],
      [8, 0xff],
      [10, 0xff],
    ] as const) {
      const exif = exifWithOrientation(6);
      exif[at] = value;
      expect(() => cleanMetadata({ exif })).not.toThrow();
    }
    expect(cleanMetadata({ exif: Buffer.from('nonsense, but long enough') }).warnings).toEqual([
      'EXIF dropped: it is damaged',
    ]);
  });
});
