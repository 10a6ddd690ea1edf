import path from 'node:path';
import { hubFrom } from '../hub/hub';
import type { ExecutionSpec } from '../native/devices';
import { loadBinding, runtimeVersion } from '../native/loadBinding';
import { ASKED, type ChosenDevice, chooseCpu, chooseDevices, inWords } from './choose';
import { notInstalled } from './detect';
import { gatherFacts } from './facts';
import { librariesFolder, ONNXRUNTIME, readLibraries } from './libraries';
import { type Device, type DeviceRequest, parseDevice } from './parse';

/** A device with what native code needs to run there. */
export interface ResolvedDevice {
  readonly device: ChosenDevice;
  readonly execution: ExecutionSpec;
}

/** One at least. */
export type ResolvedDevices = readonly [ResolvedDevice, ...ResolvedDevice[]];

/**
 * Finds out what a device stands for on this machine: one, or as many as it names. Where nothing is installed for a GPU,
 * `auto` does not even ask for one: CUDA's start takes time and memory.
 * Rejects with DIFFBIR_NO_DEVICE, NativeLoadError.
 */
export async function resolveDevices(asked: Device, nativeBinding?: string): Promise<ResolvedDevices> {
  const request = parseDevice(asked) as DeviceRequest;
  if (request.provider === 'cpu') return [resolved(chooseCpu(ASKED))];
  const cache = hubFrom(process.env).ownCache;
  const libraries = await readLibraries(librariesFolder(cache));
  if (request.provider === 'auto' && !libraries.manifest) {
    return [resolved(chooseCpu(inWords([notInstalled(libraries)])))];
  }
  const facts = gatherFacts(loadBinding(nativeBinding), runtimeVersion(nativeBinding), libraries);
  const chosen = chooseDevices(asked, request, facts).map((device) => resolved(device, libraries.folder, cache));
  return chosen as readonly ResolvedDevice[] as ResolvedDevices;
}

/** With the folders of GPU libraries and of our cache, where it is no CPU. */
export function resolved(device: ChosenDevice, libraries = '', cache = ''): ResolvedDevice {
  const { provider, index } = device;
  if (provider === 'cpu') return { device, execution: { provider, device: 0 } };
  const own = provider === 'tensorrt' ? { cache: path.join(cache, 'tensorrt', ONNXRUNTIME) } : { cudaGraphs: true };
  return { device, execution: { provider, device: index, libraries, ...own } };
}
