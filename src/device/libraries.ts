import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { isCount } from '../checkpoint/fileReader';
import { parseStrictJson } from '../checkpoint/strictJson';
import { hubFrom } from '../hub/hub';
import type { Provider } from '../native/devices';

/** The ONNX Runtime whose provider libraries `diffbir install-cuda` brings: the one that this package ships. */
export const ONNXRUNTIME = '1.29.0';
/** Major version of CUDA that they are built for. */
export const CUDA = '13';

export const MANIFEST = 'manifest.json';

/** `manifest.json` beside the libraries: written last, so that a folder with one is complete. */
export interface ProviderManifest {
  /** Version of the ONNX Runtime that the provider belongs to. */
  readonly onnxruntime: string;
  /** Major version of CUDA. */
  readonly cuda: string;
  /** What the provider has code for, as in NativeDevices; undefined where nobody wrote it down. */
  readonly architectures?: readonly string[];
  readonly files: readonly { readonly name: string; readonly sha256: string; readonly bytes: number }[];
}

/** What lies in the folder of the provider libraries. */
export interface LibraryFacts {
  readonly folder: string;
  /** Undefined where it is missing, or cannot be used. */
  readonly manifest: ProviderManifest | undefined;
  /** Names and bytes. */
  readonly files: ReadonlyMap<string, number>;
}

/** Libraries that a provider needs, by the names under which they are loaded. */
export const NEEDED: Readonly<Record<Exclude<Provider, 'cpu'>, readonly string[]>> = {
  cuda: [
    'libonnxruntime_providers_shared.so',
    'libonnxruntime_providers_cuda.so',
    'libcudart.so.13',
    'libcublas.so.13',
    'libcublasLt.so.13',
    'libcurand.so.10',
    // Not among those that the provider is linked with: it opens cuDNN at the first convolution, and has none without it.
    'libcudnn.so.9',
  ],
  tensorrt: ['libonnxruntime_providers_tensorrt.so', 'libnvinfer.so.10', 'libnvonnxparser.so.10'],
};

/** Where provider libraries of this package are, or would be: `<cache>/cuda/<version of ONNX Runtime>`. */
export function librariesFolder(cache = hubFrom(process.env).ownCache): string {
  return path.join(cache, 'cuda', ONNXRUNTIME);
}

/** Looks into a folder of provider libraries, which need not be there. */
export async function readLibraries(folder: string): Promise<LibraryFacts> {
  const names = await readdir(folder).catch(() => []);
  const files = new Map<string, number>();
  for (const name of names) {
    const found = await stat(path.join(folder, name)).catch(() => undefined);
    if (found?.isFile()) files.set(name, found.size);
  }
  const text = files.has(MANIFEST) ? await readFile(path.join(folder, MANIFEST), 'utf8').catch(() => '') : '';
  return { folder, manifest: parseManifest(text), files };
}

const MAX_DEPTH = 4;
const MAX_MANIFEST = 100_000;

function parseManifest(text: string): ProviderManifest | undefined {
  if (text.length > MAX_MANIFEST) return undefined;
  try {
    const found = parseStrictJson(text, MAX_DEPTH) as ProviderManifest;
    const isRight =
      typeof found.onnxruntime === 'string' &&
      typeof found.cuda === 'string' &&
      (found.architectures ?? []).every(isText) &&
      found.files.every(({ name, sha256, bytes }) => [name, sha256].every(isText) && isCount(bytes));
    return isRight ? found : undefined;
  } catch {
    return undefined; // damaged is as good as missing: the same command mends it
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
