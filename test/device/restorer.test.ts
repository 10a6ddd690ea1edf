/** The option `device` on its way from the caller to native code. */
import { describe, expect, it } from 'vitest';
import { type ResolvedDevices, resolved } from '../../src/device/resolve';
import { loadModel } from '../../src/loadModel';
import type { ModelSpec } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import type { RestoreOptions } from '../../src/options/RestoreOptions';
import { resolveOptions } from '../../src/options/resolve';
import { validateOptions } from '../../src/options/validate';
import { restoreWith } from '../../src/restore';
import { Restorer } from '../../src/restorer';
import { runFake } from '../cli/runFake';
import { BOTH_STAGES, type FakeNative, fakeNative, fakeRestorer, modelFolder } from '../facade/fakes';
import { goldenSpec } from '../lifecycle/model';
import { onGpus } from './gpus';

const PIXELS = { data: new Uint8Array(12), width: 2, height: 2, channels: 3 } as const;

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
    expect(fake.specs[0]?.execution).toMatchObject({ provider: 'cuda', device: 1, libraries: '/libraries' });
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

  describe('whose precision is not set', () => {
    const precisionOf = async (fake: FakeNative, options: RestoreOptions = {}) => {
      await fakeRestorer(fake, options);
      const { cleaner, stage2 } = fake.specs.at(-1) as ModelSpec;
      return [cleaner.precision ?? 'float32', stage2?.unet.precision ?? 'float32'];
    };
    const int8 = modelFolder({ ...BOTH_STAGES, defaults: { precision: 'int8' } });

    it('computes in float16 on a GPU, in float32 on the CPU and for parity', async () => {
      expect(await precisionOf(fakeNative())).toEqual(['float32', 'float32']);
      for (const provider of ['cuda', 'tensorrt'] as const) {
        expect(await precisionOf(onGpus(fakeNative(), { provider }))).toEqual(['float16', 'float16']);
      }
      expect(await precisionOf(onGpus(fakeNative()), { parity: true })).toEqual(['float32', 'float32']);
      expect(await precisionOf(onGpus(fakeNative()), { precision: 'float32' })).toEqual(['float32', 'float32']);
    });

    it("computes as the model says where the device can, and else in the device's own", async () => {
      expect(await precisionOf(fakeNative(), { model: int8 })).toEqual(['float32', 'int8']);
      expect(await precisionOf(onGpus(fakeNative()), { model: int8 })).toEqual(['float16', 'float16']);
      const float16 = modelFolder({ ...BOTH_STAGES, defaults: { precision: 'float16' } });
      expect(await precisionOf(fakeNative(), { model: float16 })).toEqual(['float32', 'float32']);
    });

    it('records what it computed in, in one picture and in all; speed changes nothing in it', async () => {
      for (const speed of ['quality', 'balanced', 'fast'] as const) {
        const restorer = await fakeRestorer(onGpus(fakeNative()), { speed, steps: 2 });
        const { parameters } = await restorer.restore(PIXELS);
        expect(parameters?.options.precision).toBe('float16');
        // The recorded options make the picture again: the same value is no error.
        await restorer.restore(PIXELS, parameters?.options);
      }
      const { parameters } = await (await fakeRestorer(fakeNative(), { steps: 2 })).restore(PIXELS);
      expect(parameters?.options.precision).toBe('float32');
      const result = await restoreWith(async () => onGpus(fakeNative()).internals, PIXELS, { model: modelFolder() });
      expect(result.parameters?.options.precision).toBe('float16');
    });

    it('refuses parity for a picture when it was created for float16', async () => {
      const restorer = await fakeRestorer(onGpus(fakeNative()));
      await expect(restorer.restore(PIXELS, { parity: true })).rejects.toMatchObject({
        option: 'parity',
        message: expect.stringContaining('float16, and the reference float32, with which it must be created'),
      });
    });
  });

  it('plans for the free memory of the GPU, or of the fullest of several, or for what it is given', async () => {
    const budgetOf = async (free: readonly number[], options: RestoreOptions = {}) => {
      const { layers } = await loadModel(
        validateOptions({ model: modelFolder(), ...options }),
        onGpus(fakeNative(), { free }).internals,
      );
      return resolveOptions(...layers).memoryBudget;
    };
    expect(await budgetOf([24_000])).toBe(24_000 - 768);
    expect(await budgetOf([24_000, 16_000])).toBe(16_000 - 768);
    expect(await budgetOf([24_000], { memoryBudget: 5000 })).toBe(5000);
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
    await expect(restorer.restore(PIXELS, { device: 'cpu' })).rejects.toThrow('device is fixed when the Restorer is');
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
