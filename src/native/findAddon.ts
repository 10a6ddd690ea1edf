import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { packageRoot } from '../packageRoot';
import { packageVersion } from '../packageVersion';
import { ADDON_FILE, PLATFORM, platformPackage, runtimeFile } from './platforms';

/** A file that may be there, or why it cannot be. */
export interface Candidate {
  readonly file: string;
  readonly problem?: string;
}

/** Resolves and loads as this package does, wherever its dependencies are: hoisted, or beside it in a linked store. */
export function requireFromPackage(): NodeJS.Require {
  return createRequire(path.join(packageRoot(), 'package.json'));
}

/** Whether this is the repository, where the addon is built, and no installed package. */
export function isCheckout(): boolean {
  return existsSync(path.join(packageRoot(), 'CMakeLists.txt'));
}

/** Where the addon can be: what was built in a checkout, else the platform's package. */
export function addonCandidates(): Candidate[] {
  if (!isCheckout()) return [installedAddon()];
  const folders = [`prebuilds/${PLATFORM}`, 'build', 'build/Release'];
  return folders.map((folder) => ({ file: path.join(packageRoot(), folder, ADDON_FILE) }));
}

/** Where ONNX Runtime can be for an addon in this folder. */
export function runtimeCandidates(addonFolder: string): Candidate[] {
  const beside = { file: path.join(addonFolder, runtimeFile(process.platform)) };
  if (!isCheckout()) return [beside];
  // Where the addon was built in another way than by `npm run build:native`.
  const folder = path.join(packageRoot(), 'node_modules', 'onnxruntime-node', 'bin', 'napi-v6');
  const name = process.platform === 'linux' ? 'libonnxruntime.so.1' : runtimeFile(process.platform);
  return [beside, { file: path.join(folder, process.platform, process.arch, name) }];
}

function installedAddon(): Candidate {
  const name = platformPackage(PLATFORM);
  const manifest = installedPackage(PLATFORM);
  if (manifest === undefined) return { file: name, problem: `the package is not installed for ${packageRoot()}` };
  const file = path.join(path.dirname(manifest), ADDON_FILE);
  const { version } = requireFromPackage()(manifest) as { version: string };
  if (version === packageVersion()) return { file };
  return { file, problem: `${name} is of version ${version}, and diffbir of ${packageVersion()}` };
}

/** Path of the package.json of a platform's package, where it is installed. */
export function installedPackage(platform: string): string | undefined {
  try {
    return requireFromPackage().resolve(`${platformPackage(platform)}/package.json`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}
