import { readFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { packageRoot } from './packageRoot';

/** Version of this package. */
export function packageVersion(): string {
  return JSON.parse(readFileSync(path.join(packageRoot(), 'package.json'), 'utf8')).version;
}

/** Versions of this package and of what it stands on, for bug reports. Throws where the native part cannot be loaded. */
export async function versions(): Promise<{ diffbir: string; onnxruntime: string; sharp: string; vips: string }> {
  const { runtimeVersion } = await import('./native/loadBinding');
  return {
    diffbir: packageVersion(),
    onnxruntime: runtimeVersion(),
    sharp: sharp.versions.sharp ?? '',
    vips: sharp.versions.vips,
  };
}
