import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { expandInputs } from '../../src/cli/expandInputs';
import { temporaryFolder } from '../facade/fakes';

let folder: string;
const at = (...parts: string[]) => path.join(folder, ...parts);
beforeEach(() => {
  folder = temporaryFolder();
  mkdirSync(at('sub', 'deep'), { recursive: true });
  mkdirSync(at('out'));
  const names = [
    'b.JPG',
    'a.png',
    'notes.txt',
    '.hidden.png',
    'photo[1].webp',
    'photo1.webp',
    'sub/c.tif',
    'sub/deep/d.avif',
    'out/e.png',
  ];
  for (const name of names) writeFileSync(at(name), '');
});

const expand = async (words: string[], recursive = false) =>
  (
    await expandInputs(
      words.map((word) => at(word)),
      { recursive, exclude: at('out') },
    )
  ).map(({ file, relative }) => {
    expect(file.endsWith(relative)).toBe(true);
    return relative;
  });

describe('expandInputs', () => {
  it('a folder gives its pictures by name, whatever the case of their extension', async () => {
    expect(await expand([''])).toEqual(['a.png', 'b.JPG', 'photo1.webp', 'photo[1].webp']);
  });

  it('recursive goes below, keeps the tree, and leaves the output folder out', async () => {
    expect(await expand([''], true)).toEqual([
      'a.png',
      'b.JPG',
      'photo1.webp',
      'photo[1].webp',
      'sub/c.tif',
      'sub/deep/d.avif',
    ]);
  });

  it('does not follow links in a circle', async () => {
    symlinkSync(folder, at('sub', 'circle'));
    expect((await expand([''], true)).length).toBe(6);
  });

  it('patterns, files named like patterns, and each picture once', async () => {
    expect(await expand(['*.png'])).toEqual(['a.png']);
    expect(await expand(['**/*.{tif,avif}'])).toEqual(['c.tif', 'd.avif']);
    expect(await expand(['photo[1].webp'])).toEqual(['photo[1].webp']);
    expect(await expand(['a.png', '*.png', 'a.png'])).toEqual(['a.png']);
  });

  it('what is not there is left for the report', async () => {
    expect(await expand(['none.png', 'no*.png'])).toEqual(['none.png', 'no*.png']);
  });
});
