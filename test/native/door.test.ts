// Nothing that JavaScript passes to native code may crash the process: it throws an error that says what was expected.
import { describe, expect, test } from 'vitest';
import type { NativeTensor, ScheduleSpec } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import type { SampleOptions } from '../../src/native/primitives';

const { primitives } = loadBinding();

const schedule: ScheduleSpec = {
  timesteps: 1000,
  linearStart: 0.00085,
  linearEnd: 0.012,
  zeroSnr: true,
  parameterization: 'v',
};
const latent: NativeTensor = { shape: [1, 4, 2, 2], data: new Float32Array(16).fill(0.5) };
const detached = new Float32Array(4);
structuredClone(detached, { transfer: [detached.buffer] });

const WRONG: readonly (readonly [string, unknown])[] = [
  ['undefined', undefined],
  ['null', null],
  ['a number', 1.5],
  ['NaN', Number.NaN],
  ['a huge number', 1e300],
  ['a string', 'x'],
  ['a symbol', Symbol('x')],
  ['a bigint out of range', 2n ** 64n],
  ['an empty object', {}],
  ['a long array', new Array(1e6)],
  ['a tensor with too few values', { shape: [1, 4, 2, 2], data: new Float32Array(3) }],
  ['a tensor of impossible size', { shape: [2 ** 40, 2 ** 40], data: new Float32Array(3) }],
  ['a tensor with a negative size', { shape: [-1, -1], data: new Float32Array(1) }],
  ['a tensor without pixels', { shape: [1, 4, 0, 2], data: new Float32Array(0) }],
  ['a tensor whose buffer was transferred', { shape: [1, 1, 2, 2], data: detached }],
  ['a picture with too few bytes', { width: 2, height: 2, data: new Uint8Array(3) }],
];

// biome-ignore lint/suspicious/noExplicitAny: the point is to pass what the types forbid
const untyped = primitives as any;

const { kernels, int8, ...others } = untyped;
describe.each(Object.entries<(...args: unknown[]) => unknown>({ ...others, ...kernels, ...int8.portable }))(
  '%s',
  (_, primitive) => {
    test.each(WRONG)('survives %s', (_, value) => {
      for (const args of [[value], [latent, value], [schedule, value], [value, value, value, value]]) {
        expect(outcome(() => primitive(...args))).toMatch(/^(returned|DIFFBIR_\w+)$/);
      }
    });
  },
);

function outcome(call: () => unknown): string {
  try {
    call();
    return 'returned';
  } catch (error) {
    return (error as { code: string }).code;
  }
}

test('messages say what was expected, where, and what came', () => {
  expect(() => untyped.padToMultiplesOf(latent, 0)).toThrow(
    /^Expected an integer from 1 to \d+ for multiple but received 0.*of type number$/,
  );
  expect(() => untyped.waveletBlur({ shape: [2], data: [1, 2] }, 1)).toThrow(
    'Expected a Float32Array for x.data but received an array',
  );
});

describe('sample', () => {
  const run = (changes: Partial<SampleOptions>) =>
    primitives.sample({
      sampler: 'spaced',
      schedule,
      steps: 2,
      x: latent,
      noise: [latent, latent],
      cfgScale: 4,
      rescaleCfg: false,
      cond: (x) => x,
      uncond: (x) => x,
      guidance: null,
      edm: { sChurn: 0, sTmin: 0, sTmax: 300, sNoise: 1, eta: 1, order: 1 },
      parity: true,
      ...changes,
    });

  test('runs a single step', () => {
    expect(run({ steps: 1 })).toHaveLength(1);
  });

  test('names the samplers there are', () => {
    expect(() => run({ sampler: 'fast' })).toThrow(
      expect.objectContaining({ code: 'DIFFBIR_INVALID_OPTION', message: expect.stringContaining('spaced') }),
    );
  });

  test.each([0, -1, 1001])('refuses %d steps', (steps) => {
    expect(() => run({ steps })).toThrow(expect.objectContaining({ code: 'DIFFBIR_INVALID_OPTION' }));
  });

  test('says when the recorded noise is used up or has another shape', () => {
    const other = { shape: [1, 4, 1, 4], data: new Float32Array(16) };
    for (const noise of [[latent], [latent, other]]) {
      expect(() => run({ noise })).toThrow(
        expect.objectContaining({ code: 'DIFFBIR_INVALID_OPTION', message: expect.stringContaining('noise') }),
      );
    }
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, -1e39])('names the step at which a latent becomes %f', (bad) => {
    const cond = (x: NativeTensor, t: number) => ({ ...x, data: x.data.map((v) => (t < 500 ? bad : v)) });
    expect(() => run({ cond })).toThrow(
      expect.objectContaining({ code: 'DIFFBIR_NUMERIC', message: expect.stringContaining('step 2 of 2') }),
    );
  });

  test("passes a callback's own exception through", () => {
    const mine = new TypeError('mine');
    const cond = () => {
      throw mine;
    };
    expect(() => run({ cond })).toThrow(mine);
  });

  test('refuses a prediction of another shape', () => {
    const cond = () => ({ shape: [1], data: new Float32Array(1) });
    expect(() => run({ cond, cfgScale: 1 })).toThrow(/one shape/);
  });

  test('skips the unconditional call where the scale is exactly 1', () => {
    const calls: number[] = [];
    const uncond = (x: NativeTensor, t: number) => {
      calls.push(t);
      return x;
    };
    run({ uncond, cfgScale: 1 });
    expect(calls).toEqual([]);
    run({ uncond, rescaleCfg: true });
    expect(calls).toEqual([0]);
  });
});
