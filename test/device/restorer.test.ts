/** The option `device` on its way from the caller to native code. */
import { describe, expect, it } from 'vitest';
import { type ResolvedDevices, resolved } from '../../src/device/resolve';
import { loadBinding } from '../../src/native/loadBinding';
import { Restorer } from '../../src/restorer';
import { runFake } from '../cli/runFake';
import { fakeNative, fakeRestorer } from '../facade/fakes';
import { goldenSpec } from '../lifecycle/model';
import { onGpus } from './gpus';

describe('a Restorer', () => {
  it('runs on the device that its option stands for, and says which and why', async () => {
    const fake = fakeNative();
    const asked: unknown[] = [];
    const device = { provider: 'cuda', index: 1, name: 'NVIDIA Test', reason: 'It was asked for.' } as const;
    const internals = {
      ...fake.internals,
      resolveDevices: async (...args: unknown[]): Promise<ResolvedDevices> => {
        asked.push(args);
        return [resolved(device, '/libraries')];
      },
    };
    const restorer = await fakeRestorer({ ...fake, internals }, { device: 'cuda:1', nativeBinding: '/a.node' });
    expect(asked).toEqual([['cuda:1', '/a.node']]);
    expect(fake.specs[0]?.execution).toEqual({ provider: 'cuda', device: 1, libraries: '/libraries' });
    expect(restorer.device).toEqual(device);
    await fakeRestorer({ ...fake, internals });
    expect(asked[1]).toEqual(['auto', undefined]);
  });

  it('computes on a GPU in float16, and on the CPU alone in 8 bits', async () => {
    const fake = fakeNative();
    const onGpu = onGpus(fake);
    await fakeRestorer(onGpu, { precision: 'float16' });
    expect(fake.specs[0]?.cleaner.precision).toBe('float16');
    const refused = (words: string) =>
      expect.objectContaining({ code: 'DIFFBIR_INVALID_OPTION', message: expect.stringContaining(words) });
    await expect(fakeRestorer(onGpu, { precision: 'int8' })).rejects.toEqual(refused('received int8'));
    await expect(fakeRestorer(fake, { precision: 'float16' })).rejects.toEqual(refused('received float16'));
  });

  it('is not made where its device cannot be used; without a GPU it runs on the CPU', async () => {
    await expect(Restorer.create({ device: 'cuda' })).rejects.toMatchObject({
      code: 'DIFFBIR_NO_DEVICE',
      status: 500,
      message: expect.stringMatching(/^The device 'cuda' cannot be used\. .*install-cuda/),
    });
    await expect(Restorer.create({ device: 'gpu' as 'cuda' })).rejects.toMatchObject({
      code: 'DIFFBIR_INVALID_OPTION',
      message: expect.stringContaining("Expected 'auto', 'cpu', 'cuda', 'cuda:N', 'tensorrt' or 'tensorrt:N'"),
    });
    await using restorer = await Restorer.create({ device: 'cpu', stage: 1 });
    expect(restorer.device).toEqual({ provider: 'cpu', index: 0, reason: 'It was asked for.' });
  });

  it('fixes its device when it is created', async () => {
    const restorer = await fakeRestorer(fakeNative());
    const pixels = { data: new Uint8Array(12), width: 2, height: 2, channels: 3 } as const;
    await expect(restorer.restore(pixels, { device: 'cpu' })).rejects.toThrow('device is fixed when the Restorer is');
  });
});

it('the addon refuses a provider whose libraries it is not given, and does not run on the CPU instead', async () => {
  const spec = { ...(await goldenSpec({ stage: 1 })), execution: { provider: 'cuda', device: 0 } as const };
  const create = async () => loadBinding().createModel(spec, () => {}).promise;
  await expect(create()).rejects.toMatchObject({
    code: 'DIFFBIR_NO_DEVICE',
    message: expect.stringContaining('GPU libraries'),
  });
});

it('--device takes what the option takes', async () => {
  const { code, stderr } = await runFake(fakeNative(), 'restore', 'a.png', '-o', 'b.png', '--device', 'gpu');
  expect(code).toBe(2);
  expect(stderr).toMatch(/--device <device>.*Expected 'auto', 'cpu'/);
});
