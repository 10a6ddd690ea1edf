/** A disk that fails while a checkpoint is read: the n-th question to the file fails, for every n. */
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { readCheckpoint } from '../../src/checkpoint/readCheckpoint';
import { CheckpointError } from '../../src/errors';
import { packageRoot } from '../../src/packageRoot';

const FILES = ['models/tiny/vae.safetensors', 'test/fixtures/faces/one_face_parsenet.pth'];

async function fileHandle(): Promise<FileHandle> {
  await using handle = await open(path.join(packageRoot(), 'package.json'));
  return Object.getPrototypeOf(handle);
}

/** Lets the n-th call of a method fail. Returns how many there were. */
function failing(prototype: FileHandle, method: 'read' | 'stat', n: number): () => number {
  const real = prototype[method] as (...args: unknown[]) => Promise<unknown>;
  let calls = 0;
  vi.spyOn(prototype, method).mockImplementation(function (this: FileHandle, ...args: unknown[]) {
    return ++calls === n
      ? Promise.reject(Object.assign(new Error('EIO: i/o error'), { code: 'EIO' }))
      : real.apply(this, args);
  } as never);
  return () => calls;
}

afterEach(() => vi.restoreAllMocks());

describe('a disk that fails', () => {
  for (const name of FILES) {
    for (const method of ['read', 'stat'] as const) {
      it(`is told by a CheckpointError: ${method} of ${name}`, async () => {
        const file = path.join(packageRoot(), name);
        const prototype = await fileHandle();
        const expected = await readCheckpoint(file);
        const count = failing(prototype, method, 0);
        await readCheckpoint(file);
        const calls = count();
        expect(calls).toBeGreaterThan(0);
        for (let n = 1; n <= calls; n++) {
          vi.restoreAllMocks();
          failing(prototype, method, n);
          const error = await readCheckpoint(file).catch((caught) => caught);
          expect(error).toBeInstanceOf(CheckpointError);
          expect(error.message).toBe(`${file}: cannot be read (EIO)`);
          expect(error.file).toBe(file);
        }
        vi.restoreAllMocks();
        expect(await readCheckpoint(file)).toEqual(expected);
      });
    }
  }
});
