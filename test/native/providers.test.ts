// GPU providers on a machine without a GPU: whatever is wrong is an error that names the file and what to do, and the CPU
// works as before. The libraries are small ones that the system's compiler makes here.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { isInSystem } from '../../src/device/facts';
import type { NativeTensor } from '../../src/native/binding';
import type { ExecutionSpec } from '../../src/native/devices';
import { loadBinding, nativeFiles, runtimeVersion } from '../../src/native/loadBinding';
import { temporaryFolder } from '../checkpoint/build';
import { goldenSpec } from '../lifecycle/model';

const isLinux = process.platform === 'linux';
const binding = loadBinding();
const { primitives } = binding;
const root = temporaryFolder();
const VERSION = runtimeVersion();
const SHARED = 'libonnxruntime_providers_shared.so';
const CUDA = 'libonnxruntime_providers_cuda.so';
const PLUGIN = 'libonnxruntime_providers_cuda_plugin.so';
// As it is built for the provider that runs it.
const { optimizations: _, ...cleaner } = (await goldenSpec({ stage: 1 })).cleaner;
const versioned = (version: string) => `const char version[] = "\\0" "${version}";`;
/** What makes the process end if it is run. */
const NEVER = '__attribute__((constructor)) static void never(void) { __builtin_trap(); }';

let count = 0;
function folder(): string {
  const made = path.join(root, `libraries${count++}`);
  mkdirSync(made);
  return made;
}

/** A shared library of C source, linked with others of its folder. */
function library(where: string, name: string, source: string, needed: readonly string[] = []): string {
  const file = path.join(where, name);
  const links = needed.map((other) => path.join(where, other));
  const args = ['-shared', '-fPIC', '-Wl,--no-as-needed', `-Wl,-soname,${name}`, '-o', file, '-xc', '-', '-xnone'];
  execFileSync('cc', [...args, ...links], { input: source });
  return file;
}

/** ONNX Runtime's shared library of providers, and a CUDA provider of the right version that is linked with others. */
function provider(source = '', needed: readonly string[] = []): string {
  const where = folder();
  library(where, SHARED, 'int none;');
  for (const name of needed) library(where, name, 'int none;');
  library(where, CUDA, versioned(VERSION) + source, needed);
  return where;
}

function open(libraries: string, changes: Partial<ExecutionSpec> = {}): Error & { code?: string } {
  const execution: ExecutionSpec = { provider: 'cuda', device: 0, libraries, ...changes };
  try {
    primitives.createNetwork(cleaner, 1, [], undefined, execution);
  } catch (error) {
    return error as Error & { code?: string };
  }
  return expect.unreachable();
}

function expectNoDevice(error: Error & { code?: string }, ...words: readonly string[]): void {
  expect(error.code).toBe('DIFFBIR_NO_DEVICE');
  for (const word of words) expect(error.message).toContain(word);
}

const x: NativeTensor = { shape: [1, 3, 64, 64], data: new Float32Array(3 * 64 * 64).fill(0.4) };
const onTheCpu = () => primitives.createNetwork(cleaner, 1, []).run({ x });
const expected = isLinux ? onTheCpu() : {};

describe.runIf(isLinux)('libraries of a GPU provider', () => {
  afterEach(() => expect(onTheCpu()).toEqual(expected));

  test('that are not there', () => {
    const where = folder();
    expectNoDevice(open(where), path.join(where, SHARED), 'is missing', 'npx diffbir install-cuda');
    library(where, SHARED, 'int none;');
    expectNoDevice(open(where), path.join(where, CUDA), 'is missing', 'npx diffbir install-cuda');
    expectNoDevice(open(path.join(root, 'nowhere')), 'is missing');
    expectNoDevice(open('relative'), "must be absolute, and is 'relative'");
    expectNoDevice(open(''), 'must be absolute');
  });

  test('that are damaged, or no libraries', () => {
    const where = folder();
    library(where, SHARED, 'int none;');
    const file = path.join(where, CUDA);
    for (const [bytes, reason] of [
      [Buffer.alloc(0), 'it is cut off'],
      [Buffer.from('<html>'), 'it is cut off'],
      [Buffer.alloc(4096, 'text '), 'it is no shared library'],
      [readFileSync(process.execPath).subarray(0, 100), 'it is'],
    ] as const) {
      writeFileSync(file, bytes);
      expectNoDevice(open(where), file, reason, 'npx diffbir install-cuda');
    }
    copyFileSync(library(where, 'whole.so', versioned(VERSION) + NEVER), file);
    const { length } = readFileSync(file);
    for (let size = length - 1; size > 0; size = Math.floor(size * 0.7)) {
      truncateSync(file, size);
      const { code, message } = open(where);
      expect([size, code, message]).toEqual([size, 'DIFFBIR_NO_DEVICE', expect.stringContaining(file)]);
    }
  });

  test('of another version than ONNX Runtime are not loaded', () => {
    const where = folder();
    library(where, SHARED, 'int none;');
    library(where, CUDA, versioned('1.28.2') + NEVER);
    expectNoDevice(open(where), path.join(where, CUDA), 'ONNX Runtime 1.28.2', VERSION, 'npx diffbir install-cuda');
    library(where, CUDA, NEVER);
    expectNoDevice(open(where), 'an unknown ONNX Runtime', VERSION);
  });

  test.skipIf(isInSystem('libcuda.so.1', readFileSync('/etc/ld.so.cache', 'latin1')))('without a driver', () => {
    const where = provider(NEVER, ['libcublas.so.13']);
    library(where, 'libcuda.so.1', 'int none;');
    library(where, CUDA, versioned(VERSION) + NEVER, ['libcuda.so.1', 'libcublas.so.13']);
    execFileSync('rm', [path.join(where, 'libcuda.so.1')]);
    expectNoDevice(open(where), "NVIDIA's driver is not there: libcuda.so.1", "Install NVIDIA's driver 580 or newer.");
  });

  test('that miss what they are linked with, or have it of another major version', () => {
    const where = provider(NEVER, ['libtestblas.so.13']);
    execFileSync('mv', [path.join(where, 'libtestblas.so.13'), path.join(where, 'libother.so.1')]);
    const error = open(where);
    expectNoDevice(error, `${CUDA} needs libtestblas.so.13`, `nor in ${where}.`, 'npx diffbir install-cuda');
    library(where, 'libtestblas.so.12', 'int none;');
    expectNoDevice(open(where), `nor in ${where}, which has libtestblas.so.12 instead`);
  });

  test('that lack a symbol', () => {
    const where = provider(NEVER, ['libtestblas.so.13']);
    const blas = library(where, 'libtestblas.so.13', 'int not_there(void); int call(void) { return not_there(); }');
    expectNoDevice(open(where), `Cannot load ${blas}`, 'not_there', 'npx diffbir install-cuda');
  });

  test('TensorRT wants its own', () => {
    const where = provider();
    const cache = path.join(where, 'engines');
    const tensorrt = { provider: 'tensorrt', cache } as const;
    expectNoDevice(open(where, tensorrt), 'libonnxruntime_providers_tensorrt.so is missing');
    library(where, 'libnvtest.so.10', 'int none;');
    library(where, 'libonnxruntime_providers_tensorrt.so', versioned(VERSION) + NEVER, ['libnvtest.so.10']);
    execFileSync('rm', [path.join(where, 'libnvtest.so.10')]);
    expectNoDevice(open(where, tensorrt), 'libonnxruntime_providers_tensorrt.so needs libnvtest.so.10', 'TensorRT 10');
    expect(existsSync(cache)).toBe(false);
  });

  test('an operator of the CPU is in no graph for a GPU', () => {
    const changed = { ...cleaner, optimizations: ['layerNorm'] as const };
    const execution: ExecutionSpec = { provider: 'cuda', device: 0, libraries: root };
    expect(() => primitives.createNetwork(changed, 1, [], undefined, execution)).toThrow(
      expect.objectContaining({ code: 'DIFFBIR_INTERNAL', message: expect.stringContaining('diffbir.LayerNorm') }),
    );
  });

  test('a model fails as its networks do, before it opens them', async () => {
    const where = folder();
    const execution: ExecutionSpec = { provider: 'cuda', device: 0, libraries: where };
    const spec = { ...(await goldenSpec({ stage: 1 })), execution };
    await expect(binding.createModel(spec, () => {}).promise).rejects.toMatchObject({
      code: 'DIFFBIR_NO_DEVICE',
      message: expect.stringContaining(path.join(where, SHARED)),
    });
    expect(primitives.openNetworks()).toBe(0);
  });

  // From here on libraries are loaded, which this process keeps: one folder for all.
  const where = folder();
  const proof = path.join(where, 'proof');

  test('ONNX Runtime finds its provider in the folder, with what it needs and cuDNN under the name that it has', () => {
    library(where, SHARED, 'void Provider_SetHost(void* host) { (void)host; }');
    library(where, 'libtestlt.so.13', 'int lt(void) { return 13; }');
    library(where, 'libtestblas.so.13', 'int lt(void); int blas(void) { return lt(); }', ['libtestlt.so.13']);
    library(where, 'libcudnn.so.9', 'int cudnn_answer(void) { return 9; }');
    const source = `
      #include <dlfcn.h>
      #include <stdio.h>
      int blas(void);
      __attribute__((constructor)) static void prove(void) {
        void* cudnn = dlopen("libcudnn.so", RTLD_NOW | RTLD_LOCAL);
        int (*answer)(void) = cudnn ? dlsym(cudnn, "cudnn_answer") : 0;
        FILE* file = fopen("${proof}", "w");
        fprintf(file, "%d %d", blas(), answer ? answer() : -1);
        fclose(file);
      }`;
    library(where, CUDA, versioned(VERSION) + source, ['libtestblas.so.13']);
    const error = open(where);
    expectNoDevice(
      error,
      `The CUDA provider of ${where} does not start on device 0`,
      CUDA,
      'GetProvider',
      'npx diffbir doctor',
    );
    expect(readFileSync(proof, 'utf8')).toBe('13 9');
    // Behind it ONNX Runtime's library lies where it did.
    const { sharedObjects } = process.report.getReport() as { sharedObjects: string[] };
    expect(sharedObjects).toContain(nativeFiles().runtime);
  });

  test('one folder in a process', () => {
    expectNoDevice(open(provider()), `already uses the GPU libraries of ${where}`);
  });

  test('the plugin, where it lies there and the other does not', () => {
    execFileSync('mv', [path.join(where, CUDA), path.join(where, 'aside.so')]);
    const factories = `
      #include <stddef.h>
      void* CreateEpFactories(const char* name, const void* base, const void* logger, void** made, size_t most, size_t* count) {
        (void)name; (void)base; (void)logger; (void)made; (void)most;
        *count = 0;
        return 0;
      }
      void* ReleaseEpFactory(void* factory) { (void)factory; return 0; }`;
    library(where, PLUGIN, factories);
    expectNoDevice(open(where), `${path.join(where, PLUGIN)} sees 0 GPUs, and number 0 was asked for`);
    expectNoDevice(open(where, { device: 3 }), 'number 3 was asked for');
  });
});

test.skipIf(isLinux)('there are GPU providers for Linux alone', () => {
  expectNoDevice(open(root), 'Linux alone', "Choose the device 'cpu'");
});
