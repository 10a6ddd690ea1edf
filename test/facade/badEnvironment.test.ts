/** A process that may write nowhere but where it is told to. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { temporaryFolder } from './fakes';

const root = path.resolve(import.meta.dirname, '..', '..');
const run = promisify(execFile);

it('no home, no cache and no temporary folder: the command line restores a picture', async () => {
  const folder = temporaryFolder();
  // A file in the place of a folder: unlike permissions, that stops the superuser too.
  const blocked = path.join(folder, 'file');
  writeFileSync(blocked, 'a file');
  const out = path.join(folder, 'out.png');
  const nowhere = path.join(blocked, 'x');
  const env = { PATH: process.env.PATH, HOME: nowhere, XDG_CACHE_HOME: nowhere, HF_HOME: nowhere, TMPDIR: nowhere };
  const { stdout } = await run(
    process.execPath,
    ['--import', 'tsx', path.join(root, 'src/cli/main.ts'), 'restore', 'examples/sample/degraded.jpg', '-o', out],
    { env: { ...env, DIFFBIR_CACHE: nowhere, TSX_DISABLE_CACHE: '1' }, cwd: root },
  );
  expect(stdout).toBe(`${out}\n`);
  expect(existsSync(out)).toBe(true);
  expect(readFileSync(blocked, 'utf8')).toBe('a file');
  expect(readdirSync(folder).sort()).toEqual(['file', 'out.png']);
});
