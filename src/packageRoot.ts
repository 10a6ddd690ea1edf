import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

let found: string | undefined;

/**
 * Folder of this package: the nearest one above this module that has a `package.json`. Works from `src`, from `dist` as
 * ESM and as CommonJS, and for a copy inside another program's folder. For a package in Electron's `app.asar` it is the
 * folder in `app.asar.unpacked`, where there is one.
 */
export function packageRoot(): string {
  if (found) return found;
  // CommonJS has __filename, ESM import.meta.url. Below `node -e` ESM too sees a __filename, which names no file: [eval].
  const here =
    typeof __filename === 'string' && path.isAbsolute(__filename) ? __filename : fileURLToPath(import.meta.url);
  let folder = path.dirname(here);
  while (!existsSync(path.join(folder, 'package.json'))) {
    const parent = path.dirname(folder);
    if (parent === folder) throw new Error(`No package.json above ${here}`);
    folder = parent;
  }
  // In Electron native code opens files, which it cannot do inside an archive.
  const unpacked = folder.replace(/(?<=[\\/]app\.asar)(?=[\\/])/, '.unpacked');
  found = existsSync(unpacked) ? unpacked : folder;
  return found;
}
