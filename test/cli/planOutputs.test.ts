import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { planOutputs } from '../../src/cli/planOutputs';
import { UsageError } from '../../src/cli/usageError';
import type { OutputFormat } from '../../src/options/choices';
import { temporaryFolder } from '../facade/fakes';

const plan = (files: string[], out: string, format?: OutputFormat) =>
  planOutputs(
    files.map((file) => ({ file: `in/${file}`, relative: file })),
    out,
    format,
  ).map(({ output }) => output);

describe('planOutputs', () => {
  it('one picture may go to a named file', () => {
    expect(plan(['a.jpg'], 'x/new.png')).toEqual(['x/new.png']);
    expect(plan(['a.jpg'], 'folder')).toEqual(['folder/a.jpg']);
    expect(() => plan(['a.jpg', 'b.jpg'], 'new.png')).toThrow(UsageError);
  });

  it('a folder may be named like a picture', () => {
    const folder = path.join(temporaryFolder(), 'x.png');
    expect(plan(['a.jpg'], path.dirname(folder))).toEqual([path.join(path.dirname(folder), 'a.jpg')]);
  });

  it('names keep their place and get the extension of the format', () => {
    expect(plan(['a.JPG', 'sub/b.gif', 'c'], 'out')).toEqual(['out/a.JPG', 'out/sub/b.png', 'out/c.png']);
    expect(plan(['a.jpeg', 'b.png'], 'out', 'jpeg')).toEqual(['out/a.jpeg', 'out/b.jpg']);
  });

  it('a.jpg and a.png do not overwrite each other', () => {
    expect(plan(['a.jpg', 'a.png'], 'out')).toEqual(['out/a.jpg', 'out/a.png']);
    expect(plan(['a.jpg', 'a.png', 'b.png'], 'out', 'webp')).toEqual([
      'out/a.jpg.webp',
      'out/a.png.webp',
      'out/b.webp',
    ]);
    expect(plan(['a.gif', 'a.png'], 'out')).toEqual(['out/a.gif.png', 'out/a.png']);
  });

  it('several samples are numbered behind the name', () => {
    const plans = planOutputs([{ file: 'in/a.b.jpg', relative: 'sub/a.b.jpg' }], 'out', 'png', 2);
    expect(plans).toEqual([
      { input: 'in/a.b.jpg', output: 'out/sub/a.b_0.png', sample: 0 },
      { input: 'in/a.b.jpg', output: 'out/sub/a.b_1.png', sample: 1 },
    ]);
    expect(planOutputs([{ file: 'a.jpg', relative: 'a.jpg' }], 'x/new.png', undefined, 2)[1]?.output).toBe(
      'x/new_1.png',
    );
    const clash = ['a.png', 'a_1.png'].map((file) => ({ file, relative: file }));
    expect(planOutputs(clash, 'out', undefined, 2).length).toBe(4);
    expect(() => planOutputs([...clash, { file: 'A.png', relative: 'A.png' }], 'out', undefined, 2)).toThrow(
      UsageError,
    );
  });

  it('pictures that would clash all the same are refused', () => {
    expect(() => plan(['a.png', 'A.PNG'], 'out')).toThrow(
      /in\/a\.png and in\/A\.PNG would both be written to out\/A\.PNG/,
    );
  });
});
