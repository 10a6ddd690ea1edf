/** Writes checkpoint files for the tests: right ones, and ones that are wrong in exactly one place. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll } from 'vitest';

export * from './containers';
export * from './pickle';

/** A folder that is gone after the tests of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'diffbir-checkpoint-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

let count = 0;

/** Writes bytes under a new name and returns its path. */
export function write(folder: string, bytes: Uint8Array, name = `file${count++}.ckpt`): string {
  const file = path.join(folder, name);
  writeFileSync(file, bytes);
  return file;
}
