// Formats native/ with clang-format; `--check` fails on the first file that is not formatted.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const sources = readdirSync(path.join(root, 'native'), { recursive: true })
  .filter((file) => /\.(h|cpp|cu|cuh)$/.test(file))
  .map((file) => path.join(root, 'native', file));
const { getNativeBinary } = createRequire(import.meta.url)('clang-format');
const mode = process.argv.includes('--check') ? ['--dry-run', '--Werror'] : ['-i'];
process.exit(spawnSync(getNativeBinary(), [...mode, ...sources], { stdio: 'inherit' }).status ?? 1);
