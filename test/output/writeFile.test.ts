/** Files appear whole or not at all, whatever happens to the disk or the process. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { link, open, rename } from 'node:fs/promises';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Disk, writeFileAtomic } from '../../src/output/writeFile';
import { temporaryFolder } from '../facade/fakes';

let folder: string;
let file: string;
beforeEach(() => {
  folder = temporaryFolder();
  file = path.join(folder, 'out.png');
});

function fault(code: string): never {
  throw Object.assign(new Error(`${code}: injected`), { code });
}

/** A disk on which one operation fails; the others are real. */
function faulty(operation: string, code: string): Disk {
  const failing = (name: string) => {
    if (name === operation) fault(code);
  };
  return {
    async open(name, flags) {
      failing('open');
      const handle = await open(name, flags);
      return {
        async writeFile(bytes) {
          // Half of it is there when the disk is full.
          if (operation === 'write') await handle.writeFile(bytes.subarray(0, bytes.length / 2));
          failing('write');
          await handle.writeFile(bytes);
        },
        async sync() {
          failing('sync');
          await handle.sync();
        },
        async close() {
          await handle.close();
          failing('close');
        },
      };
    },
    async link(from, to) {
      failing('link');
      await link(from, to);
    },
    async rename(from, to) {
      failing('rename');
      await rename(from, to);
    },
  };
}

const bytes = Buffer.alloc(100_000, 7);

describe('a disk that fails', () => {
  it.each([
    ['open', 'EROFS'],
    ['open', 'EACCES'],
    ['write', 'ENOSPC'],
    ['write', 'EIO'],
    ['sync', 'EIO'],
    ['close', 'EDQUOT'],
    ['rename', 'EROFS'],
  ])('%s with %s: an error that names the file, the old one stays, nothing else', async (operation, code) => {
    writeFileSync(file, 'old');
    const error = await writeFileAtomic(file, bytes, { force: true }, faulty(operation, code)).catch((e) => e);
    expect(error).toMatchObject({
      code: 'DIFFBIR_OUTPUT_FAILED',
      message: `${file} cannot be written: ${code}: injected`,
      cause: { code },
    });
    expect([readFileSync(file, 'utf8'), readdirSync(folder)]).toEqual(['old', ['out.png']]);
    await writeFileAtomic(file, bytes, { force: true });
    expect(readFileSync(file)).toEqual(bytes);
  });

  it('a file system without hard links gets the file by renaming, and an existing one is still safe', async () => {
    const disk = faulty('link', 'EPERM');
    await writeFileAtomic(file, bytes, { force: false }, disk);
    expect([readFileSync(file), readdirSync(folder)]).toEqual([bytes, ['out.png']]);
    const appears: Disk = {
      ...disk,
      link: async () => {
        writeFileSync(path.join(folder, 'other.png'), 'theirs');
        fault('EPERM');
      },
    };
    const other = path.join(folder, 'other.png');
    await expect(writeFileAtomic(other, bytes, { force: false }, appears)).rejects.toMatchObject({
      code: 'DIFFBIR_OUTPUT_EXISTS',
    });
    expect([readFileSync(other, 'utf8'), readdirSync(folder).length]).toEqual(['theirs', 2]);
  });

  it('is synced before it is put in place', async () => {
    const order: string[] = [];
    const real = faulty('none', '');
    const disk: Disk = {
      async open(name, flags) {
        const handle = await real.open(name, flags);
        return {
          writeFile: (data) => handle.writeFile(data).finally(() => order.push('write')),
          sync: () => handle.sync().finally(() => order.push('sync')),
          close: () => handle.close().finally(() => order.push('close')),
        };
      },
      link: (from, to) => real.link(from, to).finally(() => order.push('link')),
      rename: (from, to) => real.rename(from, to).finally(() => order.push('rename')),
    };
    await writeFileAtomic(file, bytes, { force: false }, disk);
    await writeFileAtomic(file, bytes, { force: true }, disk);
    expect(order).toEqual(['write', 'sync', 'close', 'link', 'write', 'sync', 'close', 'rename']);
  });
});

describe('a process that ends while it writes', () => {
  const MIB = 2 ** 20;
  const SIZE = 256 * MIB;

  /** Ends a process in the given way when a part of the file is there; answers what it leaves. */
  async function ended(way: 'SIGKILL' | 'process.exit' | 'uncaught exception') {
    const program = path.join(import.meta.dirname, 'writeAndEnd.ts');
    const child = spawn(process.execPath, ['--import', 'tsx', program, file, String(SIZE)], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    const code = new Promise((resolve) => child.once('close', (code, signal) => resolve(code ?? signal)));
    for (;;) {
      const part = readdirSync(folder).find((name) => name.endsWith('.tmp'));
      const size = part ? statSync(path.join(folder, part), { throwIfNoEntry: false })?.size : 0;
      if (size && size < SIZE) break;
      if (child.exitCode !== null) throw new Error('it ended by itself');
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (way === 'SIGKILL') child.kill(way);
    else child.stdin.write(way);
    return { code: await code, left: readdirSync(folder) };
  }

  it.each([false, true])('killed: nobody sees a part, whether there was a file before (%s) or not', async (before) => {
    if (before) writeFileSync(file, 'old');
    const { code, left } = await ended('SIGKILL');
    expect(code).toBe('SIGKILL');
    expect(existsSync(file)).toBe(before);
    if (before) expect(readFileSync(file, 'utf8')).toBe('old');
    // What is left is hidden, and of a name that no output has.
    expect(left.filter((name) => name !== 'out.png')).toEqual([expect.stringMatching(/^\.diffbir-.*\.tmp$/)]);
  });

  it.each(['process.exit', 'uncaught exception'] as const)('%s: not even the temporary file is left', async (way) => {
    const { code, left } = await ended(way);
    expect([code, left]).toEqual([way === 'process.exit' ? 7 : 1, []]);
  });

  it('leaves no listener when all is written', async () => {
    const before = process.listenerCount('exit');
    await Promise.all([1, 2].map((i) => writeFileAtomic(path.join(folder, `${i}`), bytes, { force: false })));
    expect(process.listenerCount('exit')).toBe(before);
  });
});
