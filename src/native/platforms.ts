/** What npm has to know of a platform, as in the fields of package.json. */
interface PlatformFields {
  readonly os: NodeJS.Platform;
  readonly cpu: NodeJS.Architecture;
  readonly libc?: 'glibc';
}

/** The platforms that have a package `@diffbir/<platform>`, which carries the addon and ONNX Runtime. */
export const PLATFORMS: Readonly<Record<string, PlatformFields>> = {
  'linux-x64': { os: 'linux', cpu: 'x64', libc: 'glibc' },
  'linux-arm64': { os: 'linux', cpu: 'arm64', libc: 'glibc' },
  'darwin-arm64': { os: 'darwin', cpu: 'arm64' },
  'win32-x64': { os: 'win32', cpu: 'x64' },
};

/** This machine's, whether it has a package or not. */
export const PLATFORM = `${process.platform}-${process.arch}`;

export const ADDON_FILE = 'diffbir.node';

export function platformPackage(platform: string): string {
  return `@diffbir/${platform}`;
}

/** Name of ONNX Runtime's library beside the addon, where `scripts/build-native.mjs` lays it. */
export function runtimeFile(os: NodeJS.Platform): string {
  if (os === 'win32') return 'onnxruntime.dll';
  return os === 'darwin' ? 'libonnxruntime.1.dylib' : 'libdiffbir-ort.so.1';
}

/** Whether this is a Linux with musl in place of glibc, for which the binaries are not built. */
export function isMusl(): boolean {
  if (process.platform !== 'linux') return false;
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return header?.glibcVersionRuntime === undefined;
}
