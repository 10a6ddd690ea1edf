/** Why a GPU is not used: one row a reason. */
import { describe, expect, it } from 'vitest';
import { examine, type GpuProvider, hasCode, LEAST_MEMORY, type Problem } from '../../src/device/detect';
import type { DeviceFacts } from '../../src/device/facts';
import { NEEDED } from '../../src/device/libraries';
import { GPU, READY, withCuda, withLibraries } from './facts';

const problemsOf = (facts: DeviceFacts, provider: GpuProvider = 'cuda') => {
  const { problems, devices } = examine(facts, provider);
  return [...problems, ...devices.flatMap((device) => device.problems)];
};

const none = {
  devices: [],
  error: { code: 35, name: 'cudaErrorInsufficientDriver', message: 'driver is insufficient' },
};
const withoutFile = (name: string, others: [string, number][] = []) => {
  const files = new Map([...READY.libraries.files, ...others]);
  files.delete(name);
  return withLibraries({ files });
};
const manifest = READY.libraries.manifest as NonNullable<typeof READY.libraries.manifest>;

describe('a GPU', () => {
  it('that lacks nothing has no problems', () => {
    expect(problemsOf(READY)).toEqual([]);
  });

  it.each<[Problem['code'], DeviceFacts, RegExp]>([
    ['platform', { ...READY, platform: 'win32-x64' }, /linux-x64 alone so far, and this is win32-x64\. Choose .*'cpu'/],
    ['not-built', withCuda({ built: false, architectures: [], devices: [] }), /built without CUDA.*DIFFBIR_CUDA=ON/],
    [
      'no-driver',
      { ...withCuda({ ...none, driverVersion: undefined as never }), kernelDriver: undefined },
      /libcuda\.so\.1 cannot be loaded\. Install NVIDIA's driver 580 or newer/,
    ],
    ['no-driver', { ...withCuda({ ...none, driverVersion: '0.0' }), kernelDriver: undefined }, /libcuda\.so\.1/],
    ['no-driver', withCuda({ ...none, driverVersion: '0' }), /The kernel has .* 580\.65\.06, but .*--gpus all/],
    [
      'driver-too-old',
      { ...withCuda({ ...none, driverVersion: '12.4' }), kernelDriver: '550.54.15' },
      /driver 550\.54\.15 is for CUDA 12\.4, and diffbir needs 13\. Install NVIDIA's driver 580/,
    ],
    [
      'cuda-failed',
      withCuda({ devices: [], error: { code: 999, name: 'cudaErrorUnknown', message: 'unknown error' } }),
      /does not start: unknown error \(cudaErrorUnknown, 999\).*nvidia-smi/,
    ],
    ['no-device', withCuda({ devices: [] }), /sees no device.*CUDA_VISIBLE_DEVICES/],
    ['no-libraries', withLibraries({ manifest: undefined }), /no GPU libraries in \/cache.*npx diffbir install-cuda/],
    ['missing-library', withoutFile('libcublasLt.so.13'), /libcublasLt\.so\.13 is missing in .*install-cuda/],
    [
      'missing-library',
      withLibraries({ files: new Map([...READY.libraries.files, ['libcudart.so.13', 99]]) }),
      /libcudart\.so\.13 in .* has another size/,
    ],
    [
      'wrong-major',
      withoutFile('libcublas.so.13', [['libcublas.so.12', 100]]),
      /has libcublas\.so\.12, and the provider needs major version 13: libcublas\.so\.13/,
    ],
    ['wrong-major', withLibraries({ manifest: { ...manifest, cuda: '12' } }), /are of CUDA 12, and diffbir needs 13/],
    [
      'other-version',
      { ...READY, runtimeVersion: '1.30.0' },
      /of ONNX Runtime 1\.29\.0, and the one that is loaded is 1\.30\.0.*DIFFBIR_ORT_PATH/,
    ],
    [
      'no-code',
      withCuda({ devices: [{ ...GPU, computeCapability: '10.0' }] }),
      /The provider library has no code for NVIDIA Test \(compute capability 10\.0\), only for sm_75/,
    ],
    [
      'no-code',
      withCuda({ architectures: ['sm_80'] }),
      /The addon has no code for NVIDIA Test \(compute capability 9\.0\), only for sm_80/,
    ],
    [
      'little-memory',
      withCuda({ devices: [{ ...GPU, freeBytes: LEAST_MEMORY - 1 }] }),
      /1023 of 80000 MiB free, and at least 1024 are needed\. End what uses it/,
    ],
    [
      'little-memory',
      withCuda({ devices: [{ ...GPU, freeBytes: 1, totalBytes: LEAST_MEMORY - 1 }] }),
      /Take another GPU/,
    ],
  ])('%s is one problem, in words with what to do (%#)', (code, facts, words) => {
    const problems = problemsOf(facts);
    expect(problems.map((problem) => problem.code)).toEqual([code]);
    expect(`${problems[0]?.reason} ${problems[0]?.fix}`).toMatch(words);
  });

  it('may lack several things', () => {
    const facts = { ...withCuda({ built: false }), libraries: { ...READY.libraries, manifest: undefined } };
    expect(problemsOf(facts).map(({ code }) => code)).toEqual(['not-built', 'no-libraries']);
  });

  it('knows every library that the provider needs', () => {
    for (const name of NEEDED.cuda)
      expect(problemsOf(withoutFile(name)).map(({ code }) => code)).toEqual(['missing-library']);
  });

  it('says of what is gone from an installation how to get it back', () => {
    const files = [...manifest.files, { name: 'libnvrtc.so.13', sha256: '0', bytes: 1 }];
    const facts = withLibraries({ manifest: { ...manifest, files } });
    expect(problemsOf(facts)).toEqual([
      expect.objectContaining({ code: 'missing-library', fix: 'Run: npx diffbir install-cuda.' }),
    ]);
  });
});

describe('TensorRT', () => {
  it('needs libraries of its own, of which those of NVIDIA may be where the system looks', () => {
    const lacking = problemsOf(READY, 'tensorrt').map(({ code, reason }) => [code, reason.split(' ')[0]]);
    expect(lacking).toEqual(NEEDED.tensorrt.map((name) => ['missing-library', name]));
    expect(problemsOf(READY, 'tensorrt').map(({ fix }) => fix)).toEqual([
      'Run: npx diffbir install-cuda.',
      expect.stringContaining("NVIDIA's TensorRT 10"),
      expect.stringContaining('LD_LIBRARY_PATH'),
    ]);
    expect(problemsOf({ ...READY, isInSystem: (name) => NEEDED.tensorrt.includes(name) }, 'tensorrt')).toEqual([]);
  });
});

it.each<[string[], string, boolean]>([
  [['sm_80'], '8.0', true],
  [['sm_80'], '8.9', true],
  [['sm_86'], '8.0', false],
  [['sm_80'], '9.0', false],
  [['sm_90a'], '9.0', true],
  [['sm_100a'], '10.3', false],
  [['sm_100f'], '10.3', true],
  [['sm_100f'], '12.0', false],
  [['compute_80'], '9.0', true],
  [['compute_90'], '8.9', false],
  [['compute_120'], '12.1', true],
  [['compute_100a'], '12.0', false],
  [['compute_100f'], '12.0', false],
  [['sm_75', 'sm_120'], '12.0', true],
  [['sm_120'], '12.1', true],
  [['sm', 'ptx', ''], '9.0', false],
  [[], '9.0', false],
])('code for %j on %s: %s', (architectures, computeCapability, runs) => {
  expect(hasCode(architectures, computeCapability)).toBe(runs);
});
