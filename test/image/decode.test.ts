import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidImageError } from '../../src/errors';
import { decode } from '../../src/image/decode';
import { withChunks } from '../../src/image/png';
import { isInput } from '../../src/image/readInput';
import type { ImageInput } from '../../src/image/types';
import { resolveOptions } from '../../src/options/resolve';
import { exifWithOrientation, floatTiff, HEIGHT, hugePng, image, pixels, WIDTH } from './pictures';

const read = (input: unknown, options = {}) => decode(input as ImageInput, resolveOptions(options));

/** The error of a decoding; fails when it succeeds. */
async function refusal(input: unknown, options = {}): Promise<InvalidImageError> {
  const error = await read(input, options).then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(InvalidImageError);
  return error;
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'diffbir-image-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('where a picture comes from', () => {
  it('path, file URL, Buffer, Uint8Array, ArrayBuffer, streams', async () => {
    const png = await image().png().toBuffer();
    const file = path.join(folder, 'picture.png');
    writeFileSync(file, png);
    const arrayBuffer = png.buffer.slice(png.byteOffset, png.byteOffset + png.length);
    const chunked = Readable.from([png.subarray(0, 20), png.subarray(20)]);
    const web = new ReadableStream({
      start(controller) {
        controller.enqueue(new Uint8Array(png));
        controller.close();
      },
    });
    for (const input of [file, pathToFileURL(file), png, new Uint8Array(png), arrayBuffer, chunked, web]) {
      expect(Buffer.from((await read(input)).rgb).equals(pixels())).toBe(true);
    }
  });

  it.each([
    ['3 channels', 3],
    ['4 channels', 4],
    ['gray', 1],
    ['gray and alpha', 2],
  ] as const)('raw pixels: %s', async (_, channels) => {
    const data = pixels(channels);
    const picture = await read({ data, width: WIDTH, height: HEIGHT, channels });
    const last = (channel: number) => data[(WIDTH * HEIGHT - 1) * channels + channel];
    expect([...picture.rgb.subarray(-3)]).toEqual(
      channels < 3 ? [last(0), last(0), last(0)] : [last(0), last(1), last(2)],
    );
    expect(picture.alpha?.at(-1)).toBe(channels % 2 === 0 ? last(channels - 1) : undefined);
    expect(picture.format).toBe('png');
  });

  it('raw floats 0..1 are rounded; outside values are clamped and told', async () => {
    const picture = await read({ data: Float32Array.of(0, 0.5, 1, -1, 2, 0.1), width: 2, height: 1, channels: 3 });
    expect([...picture.rgb]).toEqual([0, 128, 255, 0, 255, 26]);
    expect(picture.warnings).toEqual(['values outside 0..1 were clamped']);
  });
});

describe('what becomes 8-bit RGB', () => {
  it.each([
    ['palette', () => image().png({ palette: true }), false, []],
    ['gray', () => image(1).toColourspace('b-w').png(), false, []],
    ['gray with alpha', () => image(2).png(), true, []],
    ['1 bit', () => image(1).threshold(128).png({ palette: true, colours: 2 }), false, []],
    ['16 bit', () => image().toColourspace('rgb16').png(), false, ['ushort samples were reduced to 8 bits']],
    ['16-bit gray', () => image(1).toColourspace('grey16').png(), false, ['ushort samples were reduced to 8 bits']],
    ['CMYK', () => image().toColourspace('cmyk').jpeg(), false, ['CMYK was converted to sRGB; its profile is dropped']],
  ])('%s', async (_, make, hasAlpha, warnings) => {
    const picture = await read(await make().toBuffer());
    expect(picture.rgb.length).toBe(WIDTH * HEIGHT * 3);
    expect(picture.alpha !== undefined).toBe(hasAlpha);
    expect(picture.warnings).toEqual(warnings);
  });

  it('16 bits keep the upper eight', async () => {
    const data = Uint16Array.from({ length: WIDTH * HEIGHT * 3 }, (_, i) => ((i * 37) % 256) * 257);
    const png = await sharp(data, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
      .toColourspace('rgb16')
      .png()
      .toBuffer();
    expect((await sharp(png).metadata()).depth).toBe('ushort');
    expect(Buffer.from((await read(png)).rgb).equals(pixels())).toBe(true);
  });

  it('a TIFF of floats is taken as linear light from 0 to 1', async () => {
    const picture = await read(floatTiff(Float32Array.of(0, 0.21404, 1, 5, -1, 0, Number.NaN, 1, 1), 3, 1));
    const [black, middle, white, above, below] = picture.rgb;
    expect([black, white, above, below]).toEqual([0, 255, 255, 0]);
    expect(Math.abs((middle as number) - 128)).toBeLessThanOrEqual(1);
    expect(picture.warnings).toEqual(['float samples were reduced to 8 bits']);
  });

  it('of an animation the first frame', async () => {
    const frames = Buffer.concat([Buffer.alloc(WIDTH * HEIGHT * 3, 255), Buffer.alloc(WIDTH * HEIGHT * 3)]);
    const raw = { width: WIDTH, height: HEIGHT * 2, channels: 3 as const, pageHeight: HEIGHT };
    for (const format of ['gif', 'webp'] as const) {
      const picture = await read(await sharp(frames, { raw }).toFormat(format).toBuffer());
      expect([picture.width, picture.height]).toEqual([WIDTH, HEIGHT]);
      expect(picture.rgb[0]).toBeGreaterThan(250);
      expect(picture.warnings).toEqual(['only the first of 2 frames or pages was taken']);
    }
  });

  it('black, white and transparent everywhere', async () => {
    for (const value of [0, 255]) {
      const data = Buffer.alloc(WIDTH * HEIGHT * 4, value);
      const picture = await read(
        await sharp(data, { raw: { width: WIDTH, height: HEIGHT, channels: 4 } })
          .png()
          .toBuffer(),
      );
      expect(new Set(picture.rgb)).toEqual(new Set([value]));
      expect(new Set(picture.alpha)).toEqual(new Set([value]));
    }
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('EXIF orientation %i is applied', async (orientation) => {
    const png = withChunks(await image().png().toBuffer(), { exif: exifWithOrientation(orientation) });
    const picture = await read(png);
    const turned = orientation > 4;
    expect([picture.width, picture.height]).toEqual(turned ? [HEIGHT, WIDTH] : [WIDTH, HEIGHT]);
    // Where the first stored pixel is seen: left top, right top, right bottom, ...
    const [x, y] = [
      [0, 0],
      [1, 0],
      [1, 1],
      [0, 1],
      [0, 0],
      [1, 0],
      [1, 1],
      [0, 1],
    ][orientation - 1] as [number, number];
    const at = (y * (picture.height - 1) * picture.width + x * (picture.width - 1)) * 3;
    expect([...picture.rgb.subarray(at, at + 3)]).toEqual([...pixels().subarray(0, 3)]);
    expect(picture.metadata.exif?.equals(exifWithOrientation(1))).toBe(true);
  });
});

describe('colour profiles', () => {
  it('pixels with an RGB profile stay as they are', async () => {
    const png = await image().withIccProfile('p3').png().toBuffer();
    const picture = await read(png);
    const stored = await sharp(png, { ignoreIcc: true }).raw().toBuffer();
    expect(stored.equals(pixels())).toBe(false);
    expect(stored.equals(picture.rgb)).toBe(true);
    expect(picture.metadata.icc?.equals((await sharp(png).metadata()).icc as Buffer)).toBe(true);
  });

  it('without metadata the pixels are sRGB', async () => {
    const picture = await read(await image().withIccProfile('p3').png().toBuffer(), { keepMetadata: false });
    expect(picture.metadata).toEqual({});
    const worst = Math.max(...picture.rgb.map((value, i) => Math.abs(value - (pixels()[i] as number))));
    expect(worst).toBeLessThan(40);
  });

  it('a damaged profile is dropped and told', async () => {
    const icc = Buffer.alloc(200, 7);
    const picture = await read(withChunks(await image().png().toBuffer(), { icc }), { failOn: 'none' });
    expect(picture.metadata.icc).toBeUndefined();
    expect(Buffer.from(picture.rgb).equals(pixels())).toBe(true);
  });

  it('a CMYK profile does not go out with RGB pixels', async () => {
    const jpeg = await image().toColourspace('cmyk').withIccProfile('cmyk').jpeg().toBuffer();
    expect((await read(jpeg)).metadata.icc).toBeUndefined();
  });
});

describe('what is refused, with file and reason', () => {
  it.each([
    ['empty', Buffer.alloc(0), /is empty/],
    ['1 byte', Buffer.from([0x89]), /not a picture/],
    ['text', Buffer.from('hello'), /not a picture/],
    ['HTML', Buffer.from('<!DOCTYPE html><html><body>404</body></html>'), /HTML page/],
    ['SVG', Buffer.from('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'), /SVG/],
    ['SVG with an outside reference', Buffer.from('<svg><image href="file:///etc/passwd"/></svg>'), /SVG/],
    ['PDF', Buffer.from('%PDF-1.7'), /PDF/],
    ['LFS pointer', Buffer.from('version https://git-lfs.github.com/spec/v1\n'), /LFS/],
    ['BMP', Buffer.from('BM......'), /BMP/],
    ['PNG signature alone', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), /cannot be decoded/],
  ])('%s', async (_, bytes, reason) => {
    const error = await refusal(bytes);
    expect(error.message).toMatch(reason);
    expect(error.message).toMatch(/^the input buffer /);
    expect(error.code).toBe('DIFFBIR_INVALID_IMAGE');
  });

  it('comments without end before an SVG that never comes, at once', async () => {
    const begin = performance.now();
    expect((await refusal(Buffer.from('<!---->'.repeat(140)))).message).toMatch(/not a picture/);
    expect((await refusal(Buffer.from(`${'<!-- -->'.repeat(9)}<svg/>`))).message).toMatch(/SVG/);
    expect(performance.now() - begin).toBeLessThan(1000);
  });

  it.each(['jpeg', 'png', 'webp'] as const)('a truncated %s', async (format) => {
    const noise = {
      create: {
        width: 200,
        height: 200,
        channels: 3 as const,
        background: 'red',
        noise: { type: 'gaussian' as const, mean: 128, sigma: 30 },
      },
    };
    const whole = await sharp(noise).toFormat(format).toBuffer();
    const file = path.join(folder, `cut.${format}`);
    writeFileSync(file, whole.subarray(0, whole.length / 2));
    expect((await refusal(file)).message).toMatch(new RegExp(`^${file} cannot be decoded: .+`));
    if (format === 'jpeg') expect((await read(file, { failOn: 'none' })).width).toBe(200);
  });

  it('a wrong extension does not matter, wrong content does', async () => {
    const file = path.join(folder, 'really-a-webp.jpg');
    writeFileSync(file, await image().webp({ lossless: true }).toBuffer());
    expect((await read(file)).format).toBe('webp');
    writeFileSync(file, 'not at all');
    expect((await refusal(file)).message).toContain(file);
  });

  it('missing file, folder', async () => {
    expect((await refusal(path.join(folder, 'none.png'))).message).toMatch(/none\.png does not exist/);
    expect((await refusal(folder)).message).toMatch(/is not a file/);
  });

  it('a decompression bomb, before it is decoded', async () => {
    const bomb = hugePng(30_000, 30_000);
    expect(bomb.length).toBeLessThan(1 << 20);
    const before = process.memoryUsage.rss();
    expect((await refusal(bomb)).code).toBe('DIFFBIR_IMAGE_TOO_LARGE');
    expect(process.memoryUsage.rss() - before).toBeLessThan(200 << 20);
  });

  it('more pixels than limitInputPixels', async () => {
    const png = await image().png().toBuffer();
    expect((await refusal(png, { limitInputPixels: 23 })).message).toMatch(
      /6 x 4 pixels, more than limitInputPixels \(23\)/,
    );
    expect((await read(png, { limitInputPixels: 24 })).width).toBe(WIDTH);
    expect((await refusal({ data: pixels(), width: 6, height: 4, channels: 3 }, { limitInputPixels: 23 })).code).toBe(
      'DIFFBIR_IMAGE_TOO_LARGE',
    );
  });

  it.each([
    ['NaN', { data: Float32Array.of(0, Number.NaN, 0), width: 1, height: 1, channels: 3 }, /data\[1\] is NaN/],
    [
      'Infinity',
      { data: Float32Array.of(Number.POSITIVE_INFINITY, 0, 0), width: 1, height: 1, channels: 3 },
      /data\[0\] is Infinity/,
    ],
    [
      'wrong length',
      { data: new Uint8Array(5), width: 1, height: 2, channels: 3 },
      /has 5 values, but 1 x 2 x 3 needs 6/,
    ],
    ['no pixels', { data: new Uint8Array(0), width: 0, height: 2, channels: 3 }, /width is 0/],
    ['a huge side', { data: new Uint8Array(3), width: 2 ** 53, height: 1, channels: 3 }, /width is 9007199254740992/],
    ['5 channels', { data: new Uint8Array(5), width: 1, height: 1, channels: 5 }, /channels is 5/],
    ['doubles', { data: new Float64Array(3), width: 1, height: 1, channels: 3 }, /no Uint8Array/],
  ])('raw pixels with %s', async (_, raw, reason) => {
    expect((await refusal(raw)).message).toMatch(reason);
  });

  it('raw pixels whose members throw, change, or are nothing that can be shown', async () => {
    const raw = { data: new Uint8Array(3), width: 1, height: 1, channels: 3 };
    const fail = () => {
      throw new Error('getter');
    };
    let asked = 0;
    const changing = Object.defineProperty({ ...raw }, 'width', { get: () => (asked++ === 0 ? 1 : 2 ** 40) });
    expect((await read(changing)).width).toBe(1);
    const throwing = Object.defineProperty({ ...raw }, 'height', { get: fail });
    expect((await refusal(throwing)).message).toBe('the raw input cannot be read: one of its members threw an error');
    expect((await refusal({ ...raw, width: Symbol('w') })).message).toMatch(/width is Symbol\(w\)/);
    expect((await refusal({ ...raw, channels: { toString: fail } })).message).toMatch(/channels is \{ toString/);
    const trap = new Proxy({}, { getPrototypeOf: fail });
    expect((await refusal({ ...raw, data: trap })).message).toMatch(/data is no Uint8Array/);
    expect(isInput(new Proxy({}, { getPrototypeOf: fail, has: fail, get: fail }))).toBe(false);
  });

  it('a stream that fails, and one of text', async () => {
    const failing = new Readable({
      read() {
        this.destroy(new Error('connection lost'));
      },
    });
    expect((await refusal(failing)).message).toMatch(/the input stream failed: connection lost/);
    expect((await refusal(Readable.from(['text']))).message).toMatch(/gives string chunks/);
  });

  it('a stream that never ends is left when the signal fires', async () => {
    const stream = new Readable({ read() {} });
    const controller = new AbortController();
    const reading = read(stream, { signal: controller.signal });
    setTimeout(() => controller.abort(), 10);
    await expect(reading).rejects.toMatchObject({ code: 'DIFFBIR_ABORTED' });
    expect(stream.destroyed).toBe(true);
  });
});

describe('sizes', () => {
  it.each([
    [1, 1],
    [1, 65_000],
    [65_000, 1],
    [7, 513],
  ])('%i x %i can be read', async (width, height) => {
    const picture = await read(hugePng(width, height));
    expect([picture.width, picture.height, picture.rgb.length]).toEqual([width, height, width * height * 3]);
  });

  it('a picture with 8 MB of XMP is read, without the XMP', async () => {
    const png = withChunks(await image().png().toBuffer(), { xmp: Buffer.alloc(8 << 20, 'x') });
    const picture = await read(png, { failOn: 'none' });
    expect(picture.width).toBe(WIDTH);
    expect(picture.metadata.xmp).toBeUndefined();
  });

  it('a polyglot is what its first bytes say', async () => {
    const both = Buffer.concat([await image().png().toBuffer(), Buffer.from('<html><script>alert(1)</script></html>')]);
    expect((await read(both)).format).toBe('png');
  });
});
