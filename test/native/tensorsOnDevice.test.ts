// Every sampler and every guidance with its tensors on a device that is made of guarded memory: what touches them past
// the functions that a GPU has crashes, and the numbers are the host's, bit by bit.
import { describe, expect, test } from 'vitest';
import type { NativeTensor, ScheduleSpec } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import type { SampleOptions } from '../../src/native/primitives';
import { SAMPLERS } from '../../src/options/choices';

const { primitives } = loadBinding();

const EPS: ScheduleSpec = {
  ...{ timesteps: 1000, linearStart: 0.00085, linearEnd: 0.012, zeroSnr: false },
  parameterization: 'eps',
};
const V: ScheduleSpec = { ...EPS, zeroSnr: true, parameterization: 'v' };
const SHAPE = [2, 4, 6, 5];
const STEPS = 4;

const numbers = (seed: bigint, shape: number[] = SHAPE): NativeTensor => {
  const [data] = primitives.torchDraws(seed, [{ kind: 'randn', shape }]);
  return { shape, data: data as Float32Array };
};
const x = numbers(1n);
const target = numbers(2n);
const network = (factor: number) => (at: NativeTensor, t: number) => ({
  shape: at.shape,
  data: at.data.map((value, i) => factor * value + 0.2 * Math.sin(i + t)),
});

const gradients = { scale: 0.01, start: 1001, stop: -1, repeat: 2 };
const GUIDANCE: Record<string, SampleOptions['guidance']> = {
  none: null,
  latent: { ...gradients, target: () => target },
  weighted: { ...gradients, target: () => target, weight: numbers(3n, [2, 1, 6, 5]) },
  rgb: { ...gradients, gradient: (latent) => network(0.7)(latent, 3), values: 77 },
  fidelity: { fidelity: 0.6, target: () => target },
};

/** What does not depend on the case. */
const OPTIONS = {
  ...{ x, steps: STEPS, parity: false, cfgScale: 3.7, rescaleCfg: true, cond: network(0.5), uncond: network(0.4) },
  edm: { sChurn: 2, sTmin: 0, sTmax: 300, sNoise: 1.003, eta: 0.9, order: 3 },
};

function run(sampler: string, schedule: ScheduleSpec, guidance: SampleOptions['guidance'], guarded: boolean) {
  const noise = Array.from({ length: 2 * STEPS }, (_, i) => numbers(BigInt(10 + i)));
  return primitives.sample({ ...OPTIONS, sampler, schedule, guidance, guarded, noise });
}

describe.skipIf(process.platform === 'win32').each(SAMPLERS)('%s', (sampler) => {
  test.each(Object.keys(GUIDANCE))('with guidance: %s', (name) => {
    for (const schedule of [EPS, V]) {
      const host = run(sampler, schedule, GUIDANCE[name] ?? null, false);
      expect(host.length).toBeGreaterThan(1);
      expect(run(sampler, schedule, GUIDANCE[name] ?? null, true)).toEqual(host);
    }
  });
});

test('the weights of edges', { skip: process.platform === 'win32' }, () => {
  const image = numbers(4n, [2, 3, 16, 24]);
  expect(primitives.latentEdgeWeight(image, 4, true)).toEqual(primitives.latentEdgeWeight(image, 4));
});

/** A network on a GPU plans its convolutions anew for each number of tiles. */
test.each([
  [7, [6, 6, 4], [6, 6, 6]],
  [9, [8, 8], [8, 8]],
  [15, [8, 8], [8, 8]],
  [20, [16], [16]],
] as const)(
  '16 tiles, at most %i in a call: as many in each on a device, and the same bits',
  (batch, onHost, onDevice) => {
    const calls = (guarded: boolean) => {
      const counts: number[] = [];
      const network = (tiles: NativeTensor) => {
        counts.push((tiles.shape[0] as number) / 2);
        return { shape: tiles.shape, data: tiles.data.map((value) => Math.sin(3 * value)) };
      };
      const content = numbers(5n, [2, 3, 40, 40]);
      return { blended: primitives.blendTiles(content, 16, 8, 1, 'middle', network, batch, guarded), counts };
    };
    const [host, device] = [calls(false), calls(true)];
    expect(host.counts).toEqual(onHost);
    expect(device.counts).toEqual(onDevice);
    expect(device.blended).toEqual(host.blended);
  },
);

test('noise that is used up while it is drawn ahead', { skip: process.platform === 'win32' }, () => {
  const options = { ...OPTIONS, sampler: 'edm_dpm++_3m_sde', schedule: V, guidance: null, guarded: true };
  let steps = 0;
  const cond = (at: NativeTensor, t: number) => {
    steps++;
    return network(0.5)(at, t);
  };
  expect(() => primitives.sample({ ...options, cond, noise: [target] })).toThrow(
    'Expected more than 1 tensors for noise: all of them are used up',
  );
  expect(steps).toBe(2);
});

test.each([1, 2, 4])(
  'a latent that is not finite after step %i is found on a device, too',
  {
    skip: process.platform === 'win32',
  },
  (step) => {
    let calls = 0;
    const cond = (at: NativeTensor) => {
      calls++;
      return { shape: at.shape, data: at.data.map((value) => (calls === step ? Number.NaN : 0.1 * value)) };
    };
    const noise = Array(4).fill(target);
    const options = { ...OPTIONS, sampler: 'spaced', schedule: EPS, guidance: null, cfgScale: 1, noise, guarded: true };
    expect(() => primitives.sample({ ...options, cond, uncond: cond })).toThrow(
      new RegExp(`^Expected finite numbers in the latent after step ${step} of 4 but found NaN or infinity$`),
    );
    // The next step is queued meanwhile, and no more.
    expect(calls).toBe(Math.min(step + 1, 4));
  },
);
