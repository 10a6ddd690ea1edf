import path from 'node:path';
import { packageVersion } from '../packageVersion';
import { installedPackage, isCheckout } from './findAddon';
import { isMusl, PLATFORM, PLATFORMS, platformPackage, runtimeFile } from './platforms';

/** What to do where neither option nor variable named the file that does not load. */
export function loadHelp(): { readonly isSupported: boolean; readonly text: string } {
  if (isMusl()) {
    const text = 'Alpine and other musl systems are not supported yet: use an image with glibc, such as node:20-slim.';
    return { isSupported: false, text };
  }
  if (isCheckout()) return { isSupported: true, text: 'Build it: npm run build:native' };
  if (!Object.hasOwn(PLATFORMS, PLATFORM)) {
    const text = `This platform is not supported yet. There are packages for ${Object.keys(PLATFORMS).join(', ')}.`;
    return { isSupported: false, text };
  }
  return { isSupported: true, text: installHelp() };
}

function installHelp(): string {
  const command = `npm install --include=optional diffbir@${packageVersion()}`;
  const own = installedPackage(PLATFORM);
  if (own) return `${systemHelp()} If that is so, delete ${path.dirname(own)} and run: ${command}`;
  const name = platformPackage(PLATFORM);
  const other = Object.keys(PLATFORMS).find(installedPackage);
  const why = other
    ? `${platformPackage(other)} is there instead: node_modules or the lockfile comes from another platform.`
    : `${name} is an optional dependency of diffbir: it was left out (--omit=optional, --no-optional), or the lockfile ` +
      'comes from another platform.';
  return `${why} Run on this machine: ${command}`;
}

/** What a package that is there may lack around it. */
function systemHelp(): string {
  const lies = `${runtimeFile(process.platform)} must lie beside ${platformPackage(PLATFORM)}'s addon`;
  if (process.platform === 'linux') return `${lies}, and the system must have glibc 2.28 or newer and libstdc++.`;
  return process.platform === 'win32'
    ? `${lies}, and the system must have the Visual C++ Redistributable.`
    : `${lies}.`;
}
