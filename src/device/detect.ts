import type { NativeDevice, Provider } from '../native/devices';
import type { DeviceFacts } from './facts';
import { CUDA, type LibraryFacts, NEEDED } from './libraries';

export type GpuProvider = Exclude<Provider, 'cpu'>;

/** One reason why a GPU is not used. */
export interface Problem {
  readonly code:
    | 'platform'
    | 'not-built'
    | 'no-driver'
    | 'driver-too-old'
    | 'cuda-failed'
    | 'no-device'
    | 'no-libraries'
    | 'missing-library'
    | 'wrong-major'
    | 'other-version'
    | 'no-code'
    | 'little-memory';
  /** What is wrong, as a sentence. */
  readonly reason: string;
  /** What to do, as a sentence. */
  readonly fix: string;
}

/** A GPU, and what keeps it from being used. */
export interface ExaminedDevice extends NativeDevice {
  readonly problems: readonly Problem[];
}

/** What a provider lacks on this machine, and each device for it. */
export interface Examination {
  readonly problems: readonly Problem[];
  readonly devices: readonly ExaminedDevice[];
}

/** The driver that CUDA 13 needs, on Linux. */
const DRIVER = '580';
/** What CUDA and the provider take before the first network is there: a guess, to be measured on a GPU. */
export const LEAST_MEMORY = 2 ** 30;

const INSTALL = 'Run: npx diffbir install-cuda';

/** Everything that keeps a provider from being used, and its devices. */
export function examine(facts: DeviceFacts, provider: GpuProvider): Examination {
  return {
    problems: [...systemProblems(facts), ...libraryProblems(facts, provider)],
    devices: facts.cuda.devices.map((device) => ({ ...device, problems: deviceProblems(device, facts) })),
  };
}

/** Addon and driver. Where the addon has no CUDA, nothing else can be known. */
function systemProblems({ platform, cuda, kernelDriver }: DeviceFacts): Problem[] {
  if (platform !== 'linux-x64') {
    const reason = `There are GPU libraries for linux-x64 alone so far, and this is ${platform}.`;
    return [{ code: 'platform', reason, fix: "Choose the device 'cpu'." }];
  }
  if (!cuda.built) {
    const fix = 'Install a build of diffbir with CUDA, or build it where nvcc is (-DDIFFBIR_CUDA=ON).';
    return [{ code: 'not-built', reason: 'The native addon was built without CUDA.', fix }];
  }
  const { driverVersion = '0', error, devices } = cuda;
  const own = kernelDriver === undefined ? '' : ` ${kernelDriver}`;
  if (majorOf(driverVersion) === 0) return [noDriver(kernelDriver)];
  if (majorOf(driverVersion) < Number(CUDA)) {
    const reason = `NVIDIA's driver${own} is for CUDA ${driverVersion}, and diffbir needs ${CUDA}.`;
    return [{ code: 'driver-too-old', reason, fix: `Install NVIDIA's driver ${DRIVER} or newer.` }];
  }
  if (error) {
    const reason = `CUDA does not start: ${error.message} (${error.name}, ${error.code}).`;
    return [{ code: 'cuda-failed', reason, fix: 'Look whether nvidia-smi works, and what the kernel log says.' }];
  }
  if (devices.length > 0) return [];
  const fix = 'Look at CUDA_VISIBLE_DEVICES, and at what nvidia-smi lists.';
  return [{ code: 'no-device', reason: 'CUDA starts and sees no device.', fix }];
}

function noDriver(kernelDriver: string | undefined): Problem {
  if (kernelDriver === undefined) {
    const reason = "NVIDIA's driver is not there: libcuda.so.1 cannot be loaded.";
    return { code: 'no-driver', reason, fix: `Install NVIDIA's driver ${DRIVER} or newer.` };
  }
  const reason = `The kernel has NVIDIA's driver ${kernelDriver}, but libcuda.so.1 cannot be loaded.`;
  const fix = "Start a container with --gpus all (NVIDIA's Container Toolkit), or install the driver's libraries.";
  return { code: 'no-driver', reason, fix };
}

/** Where nothing is installed for a GPU. */
export function notInstalled({ folder }: LibraryFacts): Problem {
  return { code: 'no-libraries', reason: `There are no GPU libraries in ${folder}.`, fix: `${INSTALL}.` };
}

function libraryProblems({ libraries, runtimeVersion, isInSystem }: DeviceFacts, provider: GpuProvider): Problem[] {
  const { folder, manifest, files } = libraries;
  if (!manifest) return [notInstalled(libraries)];
  const problems: Problem[] = [];
  if (manifest.onnxruntime !== runtimeVersion) {
    const reason = `The provider libraries are of ONNX Runtime ${manifest.onnxruntime}, and the one that is loaded is ${runtimeVersion}.`;
    const fix = 'Unset DIFFBIR_ORT_PATH, or name a library of the same version there.';
    problems.push({ code: 'other-version', reason, fix });
  }
  if (manifest.cuda !== CUDA) {
    const reason = `The libraries in ${folder} are of CUDA ${manifest.cuda}, and diffbir needs ${CUDA}.`;
    problems.push({ code: 'wrong-major', reason, fix: `${INSTALL}.` });
  }
  const named = new Map(manifest.files.map(({ name, bytes }) => [name, bytes]));
  const needed = provider === 'tensorrt' ? [...NEEDED.cuda, ...NEEDED.tensorrt] : NEEDED.cuda;
  for (const name of new Set([...named.keys(), ...needed])) {
    const bytes = files.get(name);
    const isThere = named.has(name) ? bytes === named.get(name) : bytes !== undefined || isInSystem(name);
    if (!isThere) problems.push(missing(name, folder, files));
  }
  return problems;
}

function missing(name: string, folder: string, files: LibraryFacts['files']): Problem {
  const fix = fixOf(name);
  const [, stem = name, major] = /^(.*\.so)\.(\d+)$/.exec(name) ?? [];
  const other = [...files.keys()].find((file) => file !== name && file.startsWith(`${stem}.`));
  if (other !== undefined && !files.has(name)) {
    const reason = `${folder} has ${other}, and the provider needs major version ${major}: ${name}.`;
    return { code: 'wrong-major', reason, fix };
  }
  const reason = files.has(name)
    ? `${name} in ${folder} has another size than when it was installed.`
    : `${name} is missing in ${folder}.`;
  return { code: 'missing-library', reason, fix };
}

function fixOf(name: string): string {
  if (/^libnv(infer|onnxparser)/.test(name))
    return "Install NVIDIA's TensorRT 10, and name its folder in LD_LIBRARY_PATH.";
  return `${INSTALL}.`;
}

/** Of one device, where the system as a whole has none. */
function deviceProblems(
  { name, computeCapability, freeBytes, totalBytes }: NativeDevice,
  facts: DeviceFacts,
): Problem[] {
  const problems: Problem[] = [];
  const { cuda, libraries } = facts;
  const parts: [string, readonly string[] | undefined][] = [
    ['The addon', cuda.architectures],
    ['The provider library', libraries.manifest?.architectures],
  ];
  for (const [part, architectures] of parts) {
    if (!architectures || hasCode(architectures, computeCapability)) continue;
    const reason = `${part} has no code for ${name} (compute capability ${computeCapability}), only for ${architectures.join(', ')}.`;
    problems.push({ code: 'no-code', reason, fix: 'Take another GPU.' });
  }
  if (freeBytes < LEAST_MEMORY) {
    const [free, total, least] = [freeBytes, totalBytes, LEAST_MEMORY].map((bytes) => Math.floor(bytes / 2 ** 20));
    const reason = `${name} has ${free} of ${total} MiB free, and at least ${least} are needed.`;
    const fix =
      totalBytes < LEAST_MEMORY ? 'Take another GPU.' : 'End what uses it (nvidia-smi lists it), or take another GPU.';
    problems.push({ code: 'little-memory', reason, fix });
  }
  return problems;
}

/**
 * Whether code for one of the architectures runs on a device: `sm_80` on 8.0 and what came later of 8, `compute_80` (to be
 * translated by the driver) on all from 8.0 on; with an `a` behind it on that very device alone.
 * Source: CUDA C++ Programming Guide, 3.1 (binary and PTX compatibility).
 */
export function hasCode(architectures: readonly string[], computeCapability: string): boolean {
  const [major = 0, minor = 0] = computeCapability.split('.').map(Number);
  return architectures.some((name) => {
    const [, kind, digits, last, suffix] = /^(sm|compute)_(\d+)(\d)([af]?)$/.exec(name) ?? [];
    if (kind === undefined) return false;
    const [ownMajor, ownMinor] = [Number(digits), Number(last)];
    if (suffix === 'a') return ownMajor === major && ownMinor === minor;
    if (kind === 'compute' && suffix === '') return ownMajor < major || (ownMajor === major && ownMinor <= minor);
    return ownMajor === major && ownMinor <= minor;
  });
}

function majorOf(version: string): number {
  return Number.parseInt(version, 10) || 0;
}
