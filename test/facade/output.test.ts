import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { beforeEach, describe, expect, it } from 'vitest';
import { writeFileAtomic } from '../../src/output/writeFile';
import type { RestoreResult } from '../../src/restoreResult';
import { pixels } from '../image/pictures';
import { fakeNative, fakeRestorer, temporaryFolder } from './fakes';

let folder: string;
let result: RestoreResult;
beforeEach(async () => {
  folder = temporaryFolder();
  result = await (await fakeRestorer(fakeNative())).restore({ data: pixels(), width: 6, height: 4, channels: 3 });
});

describe('toFile', () => {
  it('writes the format that the name stands for, and nothing else', async () => {
    for (const [name, format] of [
      ['a.png', 'png'],
      ['b.JPG', 'jpeg'],
      ['c.webp', 'webp'],
      ['d.tiff', 'tiff'],
      ['e.avif', 'avif'],
    ] as const) {
      const file = path.join(folder, name);
      const info = await result.toFile(file);
      expect(info).toEqual({ format, width: 6, height: 4, channels: 3, size: readFileSync(file).length });
      expect((await sharp(file).metadata()).format).toBe(format === 'avif' ? 'heif' : format);
    }
    expect(readdirSync(folder).length).toBe(5);
  });

  it('does not overwrite without force', async () => {
    const file = path.join(folder, 'a.png');
    writeFileSync(file, 'mine');
    await expect(result.toFile(file)).rejects.toMatchObject({ code: 'DIFFBIR_OUTPUT_EXISTS' });
    expect(readFileSync(file, 'utf8')).toBe('mine');
    await result.toFile(file, { force: true });
    expect((await sharp(file).metadata()).width).toBe(6);
    expect(readdirSync(folder)).toEqual(['a.png']);
  });

  it('refuses a name that contradicts the format, or stands for none', async () => {
    await expect(result.toFile(path.join(folder, 'a.png'), { format: 'webp' })).rejects.toMatchObject({
      option: 'format',
    });
    await expect(result.toFile(path.join(folder, 'a.bmp'))).rejects.toThrow(/png, jpeg, webp, tiff, avif/);
    await expect(result.toFile('')).rejects.toMatchObject({ option: 'file' });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('leaves nothing behind when it fails', async () => {
    await expect(result.toFile(path.join(folder, 'none', 'a.png'))).rejects.toMatchObject({
      code: 'DIFFBIR_OUTPUT_FAILED',
      message: expect.stringContaining(path.join(folder, 'none', 'a.png')),
    });
    mkdirSync(path.join(folder, 'dir.png'));
    await expect(result.toFile(path.join(folder, 'dir.png'), { force: true })).rejects.toMatchObject({
      code: 'DIFFBIR_OUTPUT_FAILED',
    });
    expect(readdirSync(folder)).toEqual(['dir.png']);
  });
});

describe('writeFileAtomic', () => {
  it('gives a file to one writer alone', async () => {
    const file = path.join(folder, 'race');
    const writers = ['a', 'b', 'c', 'd'].map((text) =>
      writeFileAtomic(file, Buffer.from(text.repeat(1e6)), { force: false }),
    );
    const outcomes = await Promise.allSettled(writers);
    expect(outcomes.filter(({ status }) => status === 'fulfilled').length).toBe(1);
    expect(new Set(readFileSync(file, 'utf8')).size).toBe(1);
    expect(readdirSync(folder)).toEqual(['race']);
  });

  it('never shows a part of a file', async () => {
    const file = path.join(folder, 'big');
    const sizes = new Set<number>();
    let isDone = false;
    const writing = writeFileAtomic(file, Buffer.alloc(50 << 20), { force: false }).finally(() => {
      isDone = true;
    });
    while (!isDone) {
      if (existsSync(file)) sizes.add(readFileSync(file).length);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await writing;
    sizes.add(readFileSync(file).length);
    expect([...sizes]).toEqual([50 << 20]);
  });
});
