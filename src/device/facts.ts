import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { NativeBinding } from '../native/binding';
import type { NativeDevices } from '../native/devices';
import { PLATFORM } from '../native/platforms';
import type { LibraryFacts } from './libraries';

/** Everything that the choice of a device depends on: detect.ts and choose.ts are functions of it alone. */
export interface DeviceFacts {
  /** `linux-x64` */
  readonly platform: string;
  /** Version of the ONNX Runtime that is loaded. */
  readonly runtimeVersion: string;
  readonly cuda: NativeDevices;
  /** Version of NVIDIA's driver in the kernel, `580.65.06` (Linux). */
  readonly kernelDriver: string | undefined;
  readonly libraries: LibraryFacts;
  /** Whether the system's loader finds a library of this name. */
  isInSystem(name: string): boolean;
}

/** Asks the addon and the system. Starts CUDA where there is a driver, which takes time and memory of the device. */
export function gatherFacts(
  binding: Pick<NativeBinding, 'devices'>,
  runtimeVersion: string,
  libraries: LibraryFacts,
): DeviceFacts {
  return {
    platform: PLATFORM,
    runtimeVersion,
    cuda: binding.devices(),
    kernelDriver: kernelDriver(readText('/proc/driver/nvidia/version')),
    libraries,
    isInSystem: (name) => isInSystem(name, readText('/etc/ld.so.cache'), process.env.LD_LIBRARY_PATH),
  };
}

/** `NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27 ...` */
export function kernelDriver(text: string): string | undefined {
  return /^NVRM version:.*?\s(\d{3,}\.\d+(?:\.\d+)?)\s/m.exec(text)?.[1];
}

/** The loader's cache has the paths of libraries as they are, each with a NUL behind it. */
export function isInSystem(name: string, loaderCache: string, searchPath = ''): boolean {
  return loaderCache.includes(`/${name}\0`) || searchPath.split(path.delimiter).some((folder) => has(folder, name));
}

function has(folder: string, name: string): boolean {
  try {
    return folder !== '' && readdirSync(folder).includes(name);
  } catch {
    return false;
  }
}

/** Empty where there is no such file. */
function readText(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
