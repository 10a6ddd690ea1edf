/** docs/api is what the types and their docstrings say: `npm run docs:api` writes it. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../facade/fakes';

it('the API reference is up to date', { timeout: 120_000 }, () => {
  const out = temporaryFolder();
  const typedoc = path.resolve('node_modules/typedoc/bin/typedoc');
  execFileSync(process.execPath, [typedoc, '--out', out, '--logLevel', 'Error']);
  const text = (folder: string) => readFileSync(path.join(folder, 'README.md'), 'utf8');
  expect(text(out)).toBe(text('docs/api'));
});
