/** The batch example as a process. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../facade/fakes';
import { gray, SMALL } from './pictures';
import { start } from './program';

function folders(): { from: string; to: string } {
  const folder = temporaryFolder();
  const [from, to] = [path.join(folder, 'from'), path.join(folder, 'to')];
  mkdirSync(path.join(from, 'deep', 'er'), { recursive: true });
  return { from, to };
}

const batch = async (...args: string[]) => {
  const program = start('batch.mjs', args);
  const { code } = await program.ended;
  return { code, printed: program.printed() };
};

describe('examples/batch.mjs', () => {
  it('restores the tree, collects what fails, and goes on where it was', async () => {
    const { from, to } = folders();
    for (const name of ['a.png', 'deep/b.png', 'deep/er/c.PNG']) writeFileSync(path.join(from, name), SMALL);
    writeFileSync(path.join(from, 'bad.png'), 'no picture');
    writeFileSync(path.join(from, 'notes.txt'), 'no picture either');

    const first = await batch(from, to);
    expect(first.code).toBe(1);
    expect(first.printed).toContain(`${path.join(from, 'bad.png')} is not a picture`);
    expect(first.printed).toContain('3 restored, 1 failed, 0 were done before');
    const written = readdirSync(to, { recursive: true }).map(String).sort();
    expect(written).toEqual(['a.png', 'deep', 'deep/b.png', 'deep/er', 'deep/er/c.PNG'].map(path.normalize));
    expect(await sharp(path.join(to, 'deep', 'er', 'c.PNG')).metadata()).toMatchObject({ format: 'png', width: 32 });

    cpSync(path.join(from, 'a.png'), path.join(from, 'bad.png'));
    const before = statSync(path.join(to, 'a.png')).mtimeMs;
    const second = await batch(from, to);
    expect(second).toEqual({ code: 0, printed: '1 restored, 0 failed, 3 were done before\n' });
    expect(statSync(path.join(to, 'a.png')).mtimeMs).toBe(before);
  });

  it('Ctrl-C leaves whole pictures and nothing else', async () => {
    const { from, to } = folders();
    writeFileSync(path.join(from, 'a.png'), SMALL);
    writeFileSync(path.join(from, 'b.png'), await gray(700));
    const program = start('batch.mjs', [from, to]);
    while (!existsSync(path.join(to, 'a.png'))) await new Promise((resolve) => setTimeout(resolve, 20));
    program.child.kill('SIGINT');
    expect(await program.ended).toEqual({ code: 130, signal: null });
    expect(program.printed()).toBe('1 restored, 0 failed, 0 were done before\n');
    expect(readdirSync(to)).toEqual(['a.png']);
    expect(readFileSync(path.join(to, 'a.png')).length).toBeGreaterThan(0);
  });

  it('says what it wants', async () => {
    const { from } = folders();
    for (const args of [[], [from], [from, from], [from, path.join(from, 'restored')]]) {
      expect(await batch(...args)).toMatchObject({ code: 2, printed: expect.stringContaining('FROM TO') });
    }
    expect((await batch(from, `${from}-restored`)).code).toBe(0);
  });
});
