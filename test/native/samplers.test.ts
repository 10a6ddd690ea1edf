// Vectors of behaviour.md, part A.1, made with the reference's own code: a toy network, every sampler.
import { expect, test } from 'vitest';
import type { EdmSpec, NativeTensor, ScheduleSpec } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import type { SampleOptions } from '../../src/native/primitives';
import { SAMPLERS } from '../../src/options/choices';

const { primitives } = loadBinding();

const EPS: ScheduleSpec = {
  timesteps: 1000,
  linearStart: 0.00085,
  linearEnd: 0.012,
  zeroSnr: false,
  parameterization: 'eps',
};
const V: ScheduleSpec = { ...EPS, zeroSnr: true, parameterization: 'v' };
const SHAPE = [1, 4, 2, 2];
const EDM: EdmSpec = { sChurn: 0, sTmin: 0, sTmax: 300, sNoise: 1, eta: 1, order: 1 };

type Changes = Partial<Omit<SampleOptions, 'edm'>> & { readonly edm?: Partial<EdmSpec> };

/** z[0], z[5], z[15] and the sum of z. */
type Vector = readonly [number, number, number, number];

const rescaled = { rescaleCfg: true };

const OF_V: readonly (readonly [string, number, Changes, Vector])[] = [
  ['spaced', 10, {}, [-2.764484, -3.016286, -3.329746, -49.0226]],
  ['spaced', 50, {}, [-3.176531, -3.327121, -3.69014, -54.89528]],
  ['spaced', 10, rescaled, [-1.184819, -1.436621, -1.75008, -23.74795]],
  ['ddim', 10, {}, [-3.441796, -3.09559, -2.403176, -46.75978]],
  ['ddim', 10, rescaled, [-1.970816, -1.624608, -0.932195, -23.22408]],
  ['dpm++_m2', 6, {}, [-3.479527, -3.134185, -2.443505, -47.38425]],
  ['dpm++_m2', 10, {}, [-4.133406, -3.658183, -2.707735, -54.72911]],
  ['dpm++_m2', 20, {}, [-3.953754, -3.524028, -2.664575, -52.94664]],
  ['dpm++_m2', 10, rescaled, [-2.944439, -2.469216, -1.518772, -35.70568]],
  ['edm_euler', 10, {}, [-3.546087, -3.215441, -2.554107, -48.80176]],
  ['edm_euler', 10, { edm: { sChurn: 5 } }, [-2.980104, -2.876467, -3.04333, -47.71277]],
  ['edm_euler_a', 10, {}, [-2.924506, -3.146811, -3.128237, -48.80029]],
  ['edm_heun', 10, {}, [-3.018201, -2.184722, -0.530025, -28.32189]],
  ['edm_heun', 10, { edm: { sChurn: 5 } }, [-3.143497, -2.981979, -3.009367, -48.75279]],
  ['edm_dpm_2', 10, {}, [-3.521713, -3.143176, -2.386137, -47.25967]],
  ['edm_dpm_2_a', 10, {}, [-3.030807, -3.200889, -3.057088, -49.08326]],
  ['edm_lms', 10, {}, [-3.546087, -3.215441, -2.554107, -48.80176]],
  ['edm_lms', 10, { edm: { order: 4 } }, [-3.821091, -3.432888, -2.656436, -51.82047]],
  ['edm_dpm++_2s_a', 10, {}, [-3.067443, -3.303515, -3.301164, -51.33872]],
  ['edm_dpm++_sde', 10, {}, [-2.814737, -3.057858, -3.389688, -49.86354]],
  ['edm_dpm++_2m', 10, {}, [-3.663721, -3.292356, -2.549627, -49.70678]],
  ['edm_dpm++_2m_sde', 10, {}, [-2.934566, -3.24335, -3.286022, -50.31461]],
  ['edm_dpm++_3m_sde', 10, {}, [-2.871314, -3.351123, -3.374745, -50.94999]],
  ['edm_dpm++_3m_sde', 20, {}, [-2.98201, -3.362262, -3.646273, -53.60612]],
  ['edm_dpm++_3m_sde', 10, rescaled, [-1.293725, -1.773536, -1.797156, -25.70854]],
  ['edm_dpm++_3m_sde', 10, { edm: { eta: 0 } }, [-3.685516, -3.312513, -2.566505, -50.01617]],
  ['edm_dpm++_3m_sde', 10, { edm: { sNoise: 1.05 } }, [-2.864547, -3.361213, -3.371745, -50.9209]],
  ['edm_dpm++_3m_sde', 10, { cfgScale: 1 }, [-0.589092, -1.068903, -1.092524, -14.43442]],
];

const OF_EPS: readonly (readonly [string, number, Changes, Vector])[] = [
  ['spaced', 10, {}, [-50.35804, -50.383816, -39.232193, -728.73338]],
  ['spaced', 50, {}, [-51.655167, -50.946396, -42.186871, -758.28158]],
  ['spaced', 10, rescaled, [-25.379354, -25.405127, -14.25351, -329.07442]],
  ['ddim', 10, {}, [-23.819244, -20.37314, -13.480954, -298.40154]],
  ['ddim', 10, rescaled, [-13.58542, -10.139323, -3.247128, -134.66038]],
  ['dpm++_m2', 6, {}, [-40.589565, -34.957214, -23.692513, -514.25661]],
  ['dpm++_m2', 10, {}, [-39.060307, -33.574165, -22.601856, -493.29737]],
  ['dpm++_m2', 20, {}, [-38.977058, -33.497604, -22.538694, -492.12595]],
  ['dpm++_m2', 10, rescaled, [-23.02541, -17.539259, -6.566955, -236.7389]],
  ['edm_euler', 10, {}, [-28013.918, -24364.949, -17067.019, -360647.494]],
  ['edm_dpm++_3m_sde', 10, {}, [-21813.5176, -18981.3848, -13304.6455, -280958.804]],
];

/** Samplers whose first step from noise level 1e4 loses four digits, and the rounding of a last bit decides them. */
const LOSES_DIGITS = /^edm_(euler|heun|dpm_2|lms)/;

test.each([
  ...OF_V.map((row) => [`${row[0]}, v`, V, ...row] as const),
  ...OF_EPS.map((row) => [`${row[0]}, eps`, EPS, ...row] as const),
])('%s (%#): the last latent', (_, schedule, sampler, steps, changes, want) => {
  const { edm, ...rest } = changes;
  const z = run({ ...rest, sampler, steps, schedule, edm: { ...EDM, ...edm } }).at(-1) as NativeTensor;
  const got = [z.data[0], z.data[5], z.data[15], z.data.reduce((sum, value) => sum + value, 0)];
  want.forEach((value, i) => {
    const error = Math.abs((got[i] ?? Number.NaN) - value);
    expect(error).toBeLessThanOrEqual((LOSES_DIGITS.test(sampler) ? 1e-4 : 1e-5) * Math.max(1, Math.abs(value)));
  });
});

const DPM = ['dpm', 'dpm++'].flatMap((kind) => ['m1', 'm2', 'm3', 's1', 's2', 's3'].map((order) => `${kind}_${order}`));
const EVERY = [...new Set([...OF_V.map(([sampler]) => sampler), ...DPM])];

test.each(EVERY)('%s works with one step, and two', (sampler) => {
  for (const schedule of [V, EPS]) {
    for (const steps of [1, 2]) {
      const z = run({ sampler, steps, schedule, parity: false }).at(-1) as NativeTensor;
      expect(z.data.every(Number.isFinite)).toBe(true);
    }
  }
});

test('eps models start at their own noise level, at 1e4 for parity; where no signal is left it is 1e4 always', () => {
  const first = (schedule: ScheduleSpec, parity: boolean) => {
    const { sigmas, timesteps } = primitives.edmSchedule(schedule, 4, parity, new Float32Array());
    expect([...timesteps]).toEqual([999, 749, 499, 249, 0]);
    return sigmas[0];
  };
  expect(first(EPS, false)).toBeCloseTo(14.6146, 4);
  expect(first(EPS, true)).toBe(10000);
  expect(first(V, false)).toBe(10000);
});

test('timesteps in sections: the first ones are longer where the timesteps do not divide', () => {
  expect([...primitives.spaceTimesteps(10, Int32Array.of(2, 2, 2))]).toEqual([0, 3, 4, 6, 7, 9]);
});

test('a step of the edm samplers is refused where two levels would be the same', () => {
  expect(() => run({ sampler: 'edm_euler', steps: 1001 })).toThrow(/from 1 to 1000 for steps/);
});

test.each(DPM)('%s makes as many network calls as it has steps', (sampler) => {
  for (const steps of [1, 2, 3, 6, 7, 8]) {
    let calls = 0;
    const cond = (x: NativeTensor) => {
      calls++;
      return x;
    };
    run({ sampler, steps, schedule: V, cond, cfgScale: 1 });
    expect(calls).toBe(steps);
  }
});

test.each(EVERY)('%s is guided', (sampler) => {
  const target = { shape: SHAPE, data: new Float32Array(16).fill(3) };
  const distance = (scale: number) => {
    const guidance = scale > 0 ? { scale, start: 1001, stop: -1, repeat: 1, target: () => target } : null;
    const z = run({ sampler, steps: 10, schedule: V, guidance }).at(-1) as NativeTensor;
    return z.data.reduce((sum, value) => sum + Math.abs(value - 3), 0);
  };
  // 2/16 of the difference times 3000 * scale: by 0.3 and 0.75 of it.
  const [free, some, strong] = [distance(0), distance(0.0008), distance(0.002)];
  expect(some).toBeLessThan(free);
  expect(strong).toBeLessThan(some);
});

test.each(EVERY)('%s is guided through a decoder', (sampler) => {
  // Of a decoder that doubles: the gradient is twice the difference of the pictures.
  const target = (i: number) => 4 + i / 8;
  const gradient = ({ shape, data }: NativeTensor) => ({
    shape,
    data: data.map((value, i) => 2 * (2 * value - target(i))),
  });
  const distance = (scale: number) => {
    const guidance = scale > 0 ? { scale, start: 1001, stop: -1, repeat: 1, gradient, values: 48 } : null;
    const z = run({ sampler, steps: 10, schedule: V, guidance }).at(-1) as NativeTensor;
    return z.data.reduce((sum, value, i) => sum + Math.abs(2 * value - target(i)), 0);
  };
  const [free, some, strong] = [distance(0), distance(0.0006), distance(0.0012)];
  expect(some).toBeLessThan(free);
  expect(strong).toBeLessThan(some);
});

test('a gradient that is not finite is an error that names it', () => {
  const gradient = ({ shape, data }: NativeTensor) => ({ shape, data: data.map(() => Number.NaN) });
  const guidance = { scale: 1, start: 1001, stop: -1, repeat: 1, gradient, values: 48 };
  expect(() => run({ guidance })).toThrow(/the gradient of the decoded picture/);
});

test.each(EVERY)('%s: fidelity moves the result towards the target all the way, and evenly', (sampler) => {
  const target = { shape: SHAPE, data: Float32Array.from({ length: 16 }, (_, i) => Math.cos(i)) };
  for (const schedule of [V, EPS]) {
    const distance = (fidelity: number) => {
      const guidance = { fidelity, target: () => target };
      const z = run({ sampler, steps: 10, schedule, parity: false, guidance }).at(-1) as NativeTensor;
      return Math.sqrt(z.data.reduce((sum, value, i) => sum + (value - (target.data[i] as number)) ** 2, 0));
    };
    const distances = [0, 0.2, 0.4, 0.6, 0.8, 1].map(distance);
    for (let i = 1; i <= 5; i++) expect(distances[i]).toBeLessThan(distances[i - 1] as number);
    // The DPM-Solvers and ddim stop at a noise level of 0.03 to 0.04.
    expect(distances[5]).toBeLessThan(0.05 * Math.sqrt(16) * 3);
    expect(run({ sampler, schedule, guidance: { fidelity: 0, target: () => target } })).toEqual(
      run({ sampler, schedule }),
    );
  }
});

test.each(EVERY)('%s: fidelity means the same with few steps and with many', (sampler) => {
  // A network that sees 1 everywhere, whatever it is given: each pull is forgotten until its next prediction.
  const { sqrtAlphasCumprod: a, sqrtOneMinusAlphasCumprod: s } = primitives.noiseSchedule(EPS);
  const cond = ({ shape, data }: NativeTensor, t: number) => {
    const [signal, sigma] = [between(a, t), between(s, t)];
    return { shape, data: data.map((value) => (value - signal) / sigma) };
  };
  const target = { shape: SHAPE, data: new Float32Array(16).fill(-1) };
  const left = (steps: number) => {
    const zeros = Array.from({ length: 2 * steps }, () => tensor(() => 0));
    const options = {
      sampler,
      steps,
      schedule: EPS,
      cond,
      cfgScale: 1,
      noise: zeros,
      x: tensor(() => 0),
      parity: false,
    };
    const z = run({ ...options, guidance: { fidelity: 0.5, target: () => target } }).at(-1) as NativeTensor;
    return ((z.data[0] as number) + 1) / 2;
  };
  for (const steps of [5, 10, 40]) expect(Math.abs(left(steps) - 0.75)).toBeLessThan(0.02);
});

test.each(['ddim', 'dpm_m1', 'dpm++_m2', 'edm_euler', 'edm_dpm++_2m'])(
  '%s: so it does where a network keeps every pull',
  (sampler) => {
    // One that sees always the same noise in x, and takes the rest for the picture.
    const eps = tensor((i) => Math.sin(1 + i));
    const target = { shape: SHAPE, data: new Float32Array(16).fill(1) };
    const left = (steps: number) => {
      const options = { sampler, steps, schedule: EPS, cond: () => eps, cfgScale: 1, x: eps, parity: false };
      const zeros = Array.from({ length: steps }, () => tensor(() => 0));
      const z = run({ ...options, noise: zeros, guidance: { fidelity: 0.4, target: () => target } }).at(
        -1,
      ) as NativeTensor;
      return z.data.reduce((sum, value) => sum + Math.abs(value - 1), 0) / 16;
    };
    const [few, many] = [left(20), left(100)];
    expect(few).toBeGreaterThan(0.2);
    expect(few).toBeLessThan(0.9);
    expect(many).toBeGreaterThan(0.5 * few);
    expect(many).toBeLessThan(1.1 * few);
  },
);

test('the unconditional call at scale 1 is made only for parity, and only by the samplers that make it there', () => {
  const calls = (sampler: string, parity: boolean) => {
    const times: number[] = [];
    const uncond = (x: NativeTensor, t: number) => {
      times.push(Math.round(t));
      return x;
    };
    run({ sampler, steps: 2, schedule: V, parity, rescaleCfg: true, uncond });
    return times;
  };
  expect(calls('edm_euler', true)).toEqual([999, 499]);
  expect(calls('edm_euler', false)).toEqual([499]);
  expect(calls('spaced', true)).toEqual([0]);
});

test('cfgScale is in force inside its interval alone, and costs nothing outside', () => {
  const times = (cfgStart: number, cfgStop: number, parity: boolean) => {
    const seen: number[] = [];
    const uncond = (x: NativeTensor, t: number) => {
      seen.push(t);
      return { shape: x.shape, data: x.data.map(() => 1) };
    };
    run({ sampler: 'edm_dpm++_2m', steps: 10, schedule: V, uncond, cfgStart, cfgStop, parity });
    return seen;
  };
  expect(times(0, 1, false)).toHaveLength(10);
  for (const parity of [true, false]) expect(times(0.25, 0.65, parity)).toEqual([699, 599, 499, 399]);
});

function run(changes: Partial<SampleOptions>): NativeTensor[] {
  const network = (text: number) => (x: NativeTensor, t: number) => ({
    shape: SHAPE,
    data: x.data.map((value, i) => 0.1 * value + (0.3 * i) / 16 + t / 1000 + text),
  });
  return primitives.sample({
    sampler: 'spaced',
    steps: 10,
    schedule: V,
    x: tensor((i) => i / 8 - 1),
    noise: Array.from({ length: 2 * (changes.steps ?? 10) }, (_, k) => tensor((i) => Math.sin(1 + i + 17 * k))),
    cfgScale: 6,
    rescaleCfg: false,
    cond: network(0.2),
    uncond: network(-0.1),
    guidance: null,
    edm: EDM,
    parity: true,
    ...changes,
  });
}

function tensor(value: (i: number) => number): NativeTensor {
  return { shape: SHAPE, data: Float32Array.from({ length: 16 }, (_, i) => value(i)) };
}

test('the option takes the samplers that native code has, no more and no fewer', () => {
  const x = { shape: SHAPE, data: new Float32Array(16) };
  const same = (latent: NativeTensor) => latent;
  const options = { schedule: V, steps: 1, x, noise: [], cfgScale: 1, rescaleCfg: false, cond: same, uncond: same };
  const ask = () => primitives.sample({ ...options, sampler: '?', guidance: null, edm: EDM, parity: false });
  expect(ask).toThrow(`Expected one of ${SAMPLERS.join(', ')} for sampler`);
});
/** The value of a table at a timestep that may lie between two of its entries. */
function between(table: Float32Array, t: number): number {
  const [low, share] = [Math.floor(t), t - Math.floor(t)];
  return (1 - share) * (table[low] as number) + share * (table[Math.min(low + 1, 999)] as number);
}
