import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decode } from '../../src/image/decode';
import { encode, resizeAlpha } from '../../src/image/encode';
import { withChunks } from '../../src/image/png';
import { joinAlpha } from '../../src/image/raw';
import { FORMATS } from '../../src/options/choices';
import { resolveOptions } from '../../src/options/resolve';
import { exifWithOrientation, HEIGHT, image, pixels, WIDTH } from './pictures';

const XMP = Buffer.from('<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>');
const rgb = { data: pixels(), width: WIDTH, height: HEIGHT, channels: 3 as const, metadata: {} };

/** A PNG with a Display P3 profile, EXIF with orientation 6, XMP, and alpha. */
async function richPng(): Promise<Buffer> {
  const icc = (await sharp(await image().withIccProfile('p3').png().toBuffer()).metadata()).icc as Buffer;
  return withChunks(await image(4).png().toBuffer(), { icc, exif: exifWithOrientation(6), xmp: XMP });
}

describe('encode', () => {
  it.each(FORMATS)('%s keeps profile, EXIF and XMP, and says that the picture is upright', async (format) => {
    const source = await richPng();
    const picture = await decode(source, resolveOptions());
    const bytes = await encode(
      { ...rgb, width: HEIGHT, height: WIDTH, metadata: picture.metadata },
      { format, quality: 95 },
    );
    const [before, after] = [await sharp(source).metadata(), await sharp(bytes).metadata()];
    expect(after.icc?.equals(before.icc as Buffer)).toBe(true);
    expect(after.orientation ?? 1).toBe(1);
    // TIFF has its tags in the file itself; sharp shows no block for them.
    if (format !== 'tiff') expect(after.exif?.length).toBeGreaterThan(0);
    expect(after.xmp?.toString()).toContain('tiff:Orientation="1"');
    expect([after.width, after.height]).toEqual([HEIGHT, WIDTH]);
  });

  it.each(['png', 'tiff'] as const)('%s is lossless, with and without metadata and alpha', async (format) => {
    const { metadata } = await decode(await richPng(), resolveOptions());
    for (const each of [{}, metadata]) {
      for (const channels of [3, 4] as const) {
        const bytes = await encode(
          { ...rgb, data: pixels(channels), channels, metadata: each },
          { format, quality: 1 },
        );
        const raw = await sharp(bytes, { ignoreIcc: true }).raw().toBuffer();
        expect(raw.equals(pixels(channels))).toBe(true);
      }
    }
  });

  it.each(['webp', 'avif', 'png', 'tiff'] as const)('%s keeps alpha', async (format) => {
    const bytes = await encode({ ...rgb, data: pixels(4), channels: 4 }, { format, quality: 95 });
    expect((await sharp(bytes).metadata()).hasAlpha).toBe(true);
  });

  it('lays transparency on white for jpeg', async () => {
    const data = new Uint8Array(8 * 8 * 4);
    const bytes = await encode(
      { data, width: 8, height: 8, channels: 4, metadata: {} },
      { format: 'jpeg', quality: 95 },
    );
    expect([...(await sharp(bytes).raw().toBuffer())].every((value) => value > 253)).toBe(true);
  });

  it('quality changes the size of jpeg', async () => {
    const size = async (quality: number) => (await encode(rgb, { format: 'jpeg', quality })).length;
    expect(await size(95)).toBeGreaterThan(await size(5));
  });

  it('names the format when it cannot hold the picture', async () => {
    const wide = { data: new Uint8Array(20_000 * 3), width: 20_000, height: 1, channels: 3 as const, metadata: {} };
    await expect(encode(wide, { format: 'webp', quality: 90 })).rejects.toMatchObject({
      code: 'DIFFBIR_OUTPUT_FAILED',
      message: expect.stringMatching(/cannot be written as webp: .+/),
    });
  });
});

describe('alpha', () => {
  it('is joined with RGB', () => {
    expect([...joinAlpha(Uint8Array.of(1, 2, 3, 4, 5, 6), Uint8Array.of(7, 8))]).toEqual([1, 2, 3, 7, 4, 5, 6, 8]);
    expect(joinAlpha(rgb.data, undefined)).toBe(rgb.data);
  });

  it('is resized without overshoot, and stays as it is at its own size', async () => {
    const alpha = Uint8Array.of(0, 255, 0, 255);
    const large = await resizeAlpha(alpha, { width: 2, height: 2 }, { width: 5, height: 7 });
    expect(large.length).toBe(35);
    expect([large[0], large[4]]).toEqual([0, 255]);
    expect(await resizeAlpha(alpha, { width: 2, height: 2 }, { width: 2, height: 2 })).toBe(alpha);
    const clear = await resizeAlpha(new Uint8Array(4), { width: 2, height: 2 }, { width: 64, height: 64 });
    expect(clear.every((value) => value === 0)).toBe(true);
  });
});
