import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll } from 'vitest';

const scratch = mkdtempSync(path.join(tmpdir(), 'diffbir-package-'));
// Several installations: on a busy disk they take longer than hooks may by default.
afterAll(() => rmSync(scratch, { recursive: true }), 60_000);

/** An empty folder that is deleted after the tests of the file: installed packages are large. */
export function scratchFolder(): string {
  return mkdtempSync(path.join(scratch, 'folder-'));
}
