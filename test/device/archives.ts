/** Archives like those of npm and PyPI, right ones and hostile ones, and a server that has them. */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { Header } from 'tar';
import type { LibraryPackage } from '../../src/device/install/packages';
import { NEEDED } from '../../src/device/libraries';
import { zip } from '../checkpoint/containers';
import { type FakeHub, sha256 } from '../hub/fakeHub';

export interface TarPart {
  readonly path: string;
  readonly data?: Buffer;
  readonly type?: 'File' | 'SymbolicLink' | 'Link' | 'Directory';
  readonly linkpath?: string;
  /** What the header says, where that is a lie. */
  readonly size?: number;
}

export function tgz(parts: readonly TarPart[]): Buffer {
  const blocks = parts.flatMap(({ path: name, data = Buffer.alloc(0), type = 'File', linkpath, size }) => {
    const header = Buffer.alloc(512);
    const fields = { path: name, type, mode: 0o755, size: size ?? data.length, mtime: new Date(0) };
    new Header({ ...fields, ...(linkpath !== undefined && { linkpath }) }).encode(header);
    return [header, data, Buffer.alloc((512 - (data.length % 512)) % 512)];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

export interface WheelPart {
  readonly path: string;
  readonly data: Buffer;
  readonly isStored?: boolean;
  /** What the directory says, where that is a lie. */
  readonly size?: number;
}

export function wheel(parts: readonly WheelPart[]): Buffer {
  return zip(
    parts.map(({ path: name, data, isStored = false, size = data.length }) => ({
      name,
      data: isStored ? data : deflateRawSync(data),
      method: isStored ? 0 : 8,
      size,
    })),
  );
}

/** Content of a library. */
export const LIBRARY = Buffer.concat([Buffer.from('\x7fELF'), Buffer.alloc(3000, 'code '), randomBytes(500)]);

type Entries = readonly string[];
const TGZ: Entries = [...NEEDED.cuda.slice(0, 2), NEEDED.tensorrt[0] as string].map((name) => `package/lib/${name}`);
const WHEEL: Entries = NEEDED.cuda.slice(2).map((name) => `nvidia/lib/${name}`);

export const NPM_FILE = 'gpu-1.0.0.tgz';
export const WHEEL_FILE = 'nvidia_cuda-13.0-py3-none-any.whl';

/** A package of npm and one of PyPI, with every library that the CUDA provider needs. */
export function packagesOf(
  npm = tgz(TGZ.map((name) => ({ path: name, data: LIBRARY }))),
  pypi = wheel([
    ...WHEEL.map((name, i) => ({ path: name, data: LIBRARY, isStored: i === 0 })),
    { path: 'nvidia/lib/other.so', data: LIBRARY },
  ]),
) {
  const entry = (name: string) => ({ path: name, bytes: LIBRARY.length });
  const common = { version: '1', license: 'none' };
  const pinned = (bytes: Buffer) => ({ bytes: bytes.length, sha256: sha256(bytes) });
  const packages: LibraryPackage[] = [
    { ...common, registry: 'npm', name: 'gpu', file: NPM_FILE, ...pinned(npm), entries: TGZ.map(entry) },
    { ...common, registry: 'pypi', name: 'nvidia-cuda', file: WHEEL_FILE, ...pinned(pypi), entries: WHEEL.map(entry) },
  ];
  return { packages, npm, pypi };
}

/** Puts packages on the other host of a fake hub, whose addresses are then those of the registries. */
export function publish(fake: FakeHub, { npm, pypi }: { npm: Buffer; pypi: Buffer }) {
  fake.files.set(`/npm/gpu/-/${NPM_FILE}`, npm);
  fake.files.set(`/wheels/${WHEEL_FILE}`, pypi);
  fake.files.set(
    '/simple/nvidia-cuda/',
    Buffer.from(
      `<!DOCTYPE html><a href="ftp://x/${WHEEL_FILE}">evil</a><a href="http://">bad</a><a href="../../wheels/other.whl">o</a>` +
        `<a\n data-x="1" href='../../wheels/${WHEEL_FILE.replace('-', '&#45;')}#sha256=${'0'.repeat(64)}'>wheel</a>`,
    ),
  );
  return { npm: `${fake.delivery}/npm`, pypi: `${fake.delivery}/simple` };
}

export const NAMES = [...TGZ, ...WHEEL].map((name) => path.posix.basename(name));
