/** A machine on which everything is right, for tests that take one thing away. */
import type { DeviceFacts } from '../../src/device/facts';
import { NEEDED } from '../../src/device/libraries';
import type { NativeDevice } from '../../src/native/devices';

const MIB = 2 ** 20;

export const GPU: NativeDevice = {
  index: 0,
  name: 'NVIDIA Test',
  computeCapability: '9.0',
  totalBytes: 80_000 * MIB,
  freeBytes: 79_000 * MIB,
  multiprocessors: 132,
  maxThreadsPerMultiprocessor: 2048,
};

const files = new Map(NEEDED.cuda.map((name) => [name, 100]));

export const READY: DeviceFacts = {
  platform: 'linux-x64',
  runtimeVersion: '1.29.0',
  cuda: {
    built: true,
    architectures: ['sm_75', 'sm_80', 'sm_86', 'sm_89', 'sm_90', 'sm_100', 'compute_120'],
    runtimeVersion: '13.0',
    driverVersion: '13.0',
    devices: [GPU],
  },
  kernelDriver: '580.65.06',
  libraries: {
    folder: '/cache/cuda/1.29.0',
    manifest: {
      onnxruntime: '1.29.0',
      cuda: '13',
      architectures: ['sm_75', 'sm_80', 'sm_86', 'sm_89', 'sm_90', 'sm_120'],
      files: [...files].map(([name, bytes]) => ({ name, sha256: 'a'.repeat(64), bytes })),
    },
    files,
  },
  isInSystem: () => false,
};

/** `READY` with other things that CUDA says. */
export function withCuda(changes: Partial<DeviceFacts['cuda']>): DeviceFacts {
  return { ...READY, cuda: { ...READY.cuda, ...changes } };
}

/** `READY` with other libraries. */
export function withLibraries(changes: Partial<DeviceFacts['libraries']>): DeviceFacts {
  return { ...READY, libraries: { ...READY.libraries, ...changes } };
}
