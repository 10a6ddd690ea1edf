// What the addon says of GPUs, on a machine with or without one and in a build with or without CUDA.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { loadBinding, nativeFiles } from '../../src/native/loadBinding';

const binding = loadBinding();
const devices = () => binding.devices?.() ?? expect.unreachable();
const { built, ...answer } = devices();

test('the answer repeats, in this thread and in a worker', async () => {
  expect(devices()).toMatchObject({
    built,
    ...answer,
    devices: answer.devices.map(({ index }) => ({ index })),
  });
  const code = `const { parentPort, workerData } = require('node:worker_threads');
    parentPort.postMessage(require(workerData).devices());`;
  const fromWorker = await new Promise((resolve, reject) => {
    new Worker(code, { eval: true, workerData: nativeFiles().addon }).once('message', resolve).once('error', reject);
  });
  const { architectures, error } = answer;
  expect(fromWorker).toMatchObject({ built, architectures, ...(error && { error }) });
});

test('a build without CUDA says so and nothing else', { skip: built }, () => {
  expect(answer).toEqual({ architectures: [], devices: [] });
});

describe.runIf(built)('a build with CUDA', () => {
  test('names its architectures and the version of its runtime', () => {
    expect(answer.architectures.length).toBeGreaterThan(0);
    for (const name of answer.architectures) expect(name).toMatch(/^(sm|compute)_\d+$/);
    expect(answer.runtimeVersion).toMatch(/^1[3-9]\.\d$/);
  });

  test('either finds devices or says why not, in the words of CUDA', () => {
    if (answer.error) {
      expect(answer.error.name).toMatch(/^cudaError/);
      expect(answer.error.message).toMatch(/^cuda\w+.*: ./);
    }
    for (const { index, name, computeCapability, totalBytes, freeBytes, ...processors } of answer.devices) {
      expect([index, name]).toEqual([expect.any(Number), expect.stringMatching(/./)]);
      expect(computeCapability).toMatch(/^\d+\.\d$/);
      expect(totalBytes).toBeGreaterThanOrEqual(freeBytes);
      expect(processors.multiprocessors).toBeGreaterThan(0);
      expect(processors.maxThreadsPerMultiprocessor).toBeGreaterThanOrEqual(1024);
    }
  });

  // Node.js itself maps no driver, so what /proc/driver has decides.
  test('without a driver the error is 35, and the CPU goes on working', {
    skip: existsSync('/proc/driver/nvidia'),
  }, () => {
    expect(answer).toMatchObject({ devices: [], error: { code: 35, name: 'cudaErrorInsufficientDriver' } });
    expect(answer).not.toHaveProperty('driverVersion');
    const x = { shape: [1, 1, 1, 1], data: Float32Array.of(0.5) };
    expect([...binding.primitives.padToMultiplesOf(x, 2).data]).toEqual([0.5, 0, 0, 0]);
  });

  test('the addon asks the system for no CUDA library', { skip: process.platform !== 'linux' }, () => {
    const dynamic = execFileSync('readelf', ['--dynamic', nativeFiles().addon], { encoding: 'utf8' });
    const needed = [...dynamic.matchAll(/\(NEEDED\).*\[(.+)\]/g)].map(([, name]) => name);
    expect(needed).toContain('libc.so.6');
    expect(needed.filter((name) => name?.startsWith('libcu'))).toEqual([]);
  });
});
