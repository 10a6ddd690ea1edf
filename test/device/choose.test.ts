import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type ChosenDevice, chooseDevices } from '../../src/device/choose';
import { type DeviceFacts, gatherFacts, isInSystem, kernelDriver } from '../../src/device/facts';
import { librariesFolder, MANIFEST, readLibraries } from '../../src/device/libraries';
import { type Device, type DeviceRequest, parseDevice } from '../../src/device/parse';
import { resolveDevices, resolved } from '../../src/device/resolve';
import { DiffBIRError } from '../../src/errors';
import { temporaryFolder } from '../facade/fakes';
import { GPU, READY, withCuda, withLibraries } from './facts';

afterEach(() => void vi.unstubAllEnvs());

const chooseAll = (device: Device, facts: DeviceFacts) =>
  chooseDevices(device, parseDevice(device) as DeviceRequest, facts);
const choose = (device: Device, facts: DeviceFacts) => chooseAll(device, facts)[0] as ChosenDevice;
const two = withCuda({
  devices: [
    { ...GPU, freeBytes: 1 },
    { ...GPU, index: 1, name: 'second' },
  ],
});

describe('the device', () => {
  it.each<[unknown, DeviceRequest | undefined]>([
    ['auto', { provider: 'auto', indexes: [] }],
    ['cpu', { provider: 'cpu', indexes: [] }],
    ['cuda', { provider: 'cuda', indexes: [] }],
    ['cuda:0', { provider: 'cuda', indexes: [0] }],
    ['tensorrt:12', { provider: 'tensorrt', indexes: [12] }],
    ['cuda:3,0,12', { provider: 'cuda', indexes: [3, 0, 12] }],
    ...[
      ...['cuda:0,0', 'cuda:0,', 'cuda:0,1,', 'cuda:0,cpu', 'cuda:0,cuda:1', 'cpu,cuda:0', 'cuda:0, 1', 'auto,cuda:1'],
      ...['cuda:', 'cuda:01', 'cuda:-1', 'cuda:100', 'cuda:1\n', 'CUDA', 'gpu', 'cpu:0', '', 0, null, ['cpu']],
    ].map((value): [unknown, undefined] => [value, undefined]),
  ])('%j is %j', (value, request) => {
    expect(parseDevice(value)).toEqual(request);
  });

  it('auto is the first GPU that can be used', () => {
    expect(choose('auto', READY)).toMatchObject({ provider: 'cuda', index: 0, name: 'NVIDIA Test' });
    expect(choose('auto', two)).toMatchObject({ provider: 'cuda', index: 1, name: 'second' });
  });

  it('auto is the CPU where none can be, and says why', () => {
    const { provider, index, reason } = choose('auto', withLibraries({ manifest: undefined }));
    expect([provider, index]).toEqual(['cpu', 0]);
    expect(reason).toMatch(/no GPU libraries in .*install-cuda/);
  });

  it.each<[Device, DeviceFacts, object]>([
    ['cpu', READY, { provider: 'cpu', index: 0 }],
    ['cuda', two, { provider: 'cuda', index: 1 }],
    ['cuda:1', two, { provider: 'cuda', index: 1 }],
    ['tensorrt', { ...READY, isInSystem: () => true }, { provider: 'tensorrt', index: 0 }],
    ['cuda:0', READY, { freeBytes: GPU.freeBytes }],
  ])('%s is what it says (%#)', (device, facts, chosen) => {
    expect(choose(device, facts)).toMatchObject(chosen);
  });

  it('is several, in the order in which they are named', () => {
    const all = withCuda({ devices: [0, 1, 2].map((index) => ({ ...GPU, index })) });
    expect(chooseAll('cuda:2,0', all).map(({ provider, index }) => [provider, index])).toEqual([
      ['cuda', 2],
      ['cuda', 0],
    ]);
  });

  it.each<[Device, DeviceFacts, RegExp]>([
    ['cuda:1,0', two, /^The device 'cuda:1,0' cannot be used\. NVIDIA Test has 0 of 80000 MiB free/],
    ['cuda:1,4,5', two, /There is no device 4, only 0, 1\. .*There is no device 5,/],
    ['cuda:0', two, /^The device 'cuda:0' cannot be used\. NVIDIA Test has 0 of 80000 MiB free/],
    ['cuda:2', two, /There is no device 2, only 0, 1\. Name one of those\.$/],
    ['cuda', withCuda({ built: false, devices: [] }), /built without CUDA/],
    ['tensorrt', READY, /libnvinfer\.so\.10 is missing/],
  ])('%s that cannot be used is an error with reason and advice (%#)', (device, facts, words) => {
    const error = (() => {
      try {
        return choose(device, facts);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(DiffBIRError);
    expect(error).toMatchObject({ code: 'DIFFBIR_NO_DEVICE', message: expect.stringMatching(words) });
  });
});

describe('what native code gets', () => {
  it('has the folders of a GPU alone', () => {
    expect(resolved({ provider: 'cpu', index: 0, reason: '' }, '/l', '/c').execution).toEqual({
      provider: 'cpu',
      device: 0,
    });
    expect(resolved({ provider: 'cuda', index: 3, reason: '' }, '/l', '/c').execution).toEqual({
      provider: 'cuda',
      device: 3,
      libraries: '/l',
      cudaGraphs: true,
    });
    expect(resolved({ provider: 'tensorrt', index: 0, reason: '' }, '/l', '/c').execution).toEqual({
      provider: 'tensorrt',
      device: 0,
      libraries: '/l',
      cache: path.join('/c', 'tensorrt', '1.29.0'),
    });
  });

  it('is asked for nothing where no GPU libraries are installed: the addon is not even loaded', async () => {
    vi.stubEnv('DIFFBIR_CACHE', temporaryFolder());
    const [{ device }] = await resolveDevices('auto', '/there/is/no/addon.node');
    expect(device).toMatchObject({ provider: 'cpu', reason: expect.stringContaining('install-cuda') });
    await expect(resolveDevices('cuda', '/there/is/no/addon.node')).rejects.toThrow('/there/is/no/addon.node');
    await expect(resolveDevices('cuda')).rejects.toMatchObject({ code: 'DIFFBIR_NO_DEVICE' });
    expect((await resolveDevices('cpu', '/there/is/no/addon.node'))[0].execution.provider).toBe('cpu');
  });
});

describe('the facts', () => {
  it('are what the addon says of devices', () => {
    const devices = () => READY.cuda;
    expect(gatherFacts({ devices }, '1.29.0', READY.libraries)).toMatchObject({
      runtimeVersion: '1.29.0',
      cuda: READY.cuda,
    });
  });

  it.each([
    [
      'NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.65.06  Sun Jul 27 07:07:39 UTC 2025\nGCC version: 12',
      '580.65.06',
    ],
    ['NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.124.04  Release Build\n', '570.124.04'],
    ['NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  580.95  Release Build\n', '580.95'],
    ['', undefined],
  ])('have the driver of the kernel: %j', (text, version) => {
    expect(kernelDriver(text)).toBe(version);
  });

  it("have what the system's loader finds", () => {
    const cache = '\0/lib/x86_64-linux-gnu/libnvinfer.so.10\0/usr/lib/libother.so.1\0';
    expect(isInSystem('libnvinfer.so.10', cache)).toBe(true);
    expect(isInSystem('libnvinfer.so.1', cache)).toBe(false);
    expect(isInSystem('nvinfer.so.10', cache)).toBe(false);
    const folder = temporaryFolder();
    writeFileSync(path.join(folder, 'libnvinfer.so.10'), '');
    expect(isInSystem('libnvinfer.so.10', '', `/nowhere::${folder}`)).toBe(true);
    expect(isInSystem('libnvinfer.so.10', '', '')).toBe(false);
  });

  it('have the libraries of a folder, and none of a damaged one', async () => {
    const folder = librariesFolder(temporaryFolder());
    expect(await readLibraries(folder)).toEqual({ folder, manifest: undefined, files: new Map() });
    mkdirSync(path.join(folder, 'below'), { recursive: true });
    writeFileSync(path.join(folder, 'a.so'), '12345');
    const { manifest } = READY.libraries;
    writeFileSync(path.join(folder, MANIFEST), JSON.stringify(manifest));
    const found = await readLibraries(folder);
    expect(found.manifest).toEqual(manifest);
    expect(found.files.get('a.so')).toBe(5);
    expect([...found.files.keys()].sort()).toEqual(['a.so', MANIFEST]);
    for (const text of [
      JSON.stringify(manifest).slice(0, -1),
      JSON.stringify({ ...manifest, files: [{ name: 'a', sha256: 'b', bytes: -1 }] }),
      JSON.stringify({ ...manifest, cuda: 13 }),
      JSON.stringify({ ...manifest, architectures: [75] }),
      JSON.stringify({ ...manifest, architectures: 75 }),
      JSON.stringify({ ...manifest, more: 'x'.repeat(200_000) }),
      'null',
      '',
    ]) {
      writeFileSync(path.join(folder, MANIFEST), text);
      expect((await readLibraries(folder)).manifest, text.slice(0, 100)).toBeUndefined();
    }
  });
});
