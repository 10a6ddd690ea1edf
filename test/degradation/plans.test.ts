// What is decided: in range, as often as the recipe says, and the same for the same seed.
import { describe, expect, test } from 'vitest';
import { RECIPES } from '../../src/degradation/recipes';
import { resolveRecipe } from '../../src/degradation/resolveRecipe';
import type { DegradationOperation, Recipe } from '../../src/native/degradation';
import { loadBinding } from '../../src/native/loadBinding';

const { primitives } = loadBinding();
type Of<K extends DegradationOperation['kind']> = DegradationOperation & { readonly kind: K };

const COUNT = 2000;
const plans = (recipe: Recipe, width = 512, height = 512) =>
  Array.from({ length: COUNT }, (_, seed) => primitives.drawDegradation(recipe, width, height, BigInt(seed)));
const kinds = (plan: readonly DegradationOperation[]) => plan.map(({ kind }) => kind).join(' ');
const operations = <K extends DegradationOperation['kind']>(plan: readonly DegradationOperation[], kind: K) =>
  plan.filter((operation): operation is Of<K> => operation.kind === kind);
const share = <T>(list: readonly T[], holds: (item: T) => boolean) => list.filter(holds).length / list.length;

/** Within four standard deviations of what chance gives. */
function expectShare(got: number, probability: number, count = COUNT): void {
  expect(Math.abs(got - probability)).toBeLessThan(4 * Math.sqrt((probability * (1 - probability)) / count));
}

test('a plan is a function of seed, recipe and size', () => {
  const draw = (seed: bigint) => primitives.drawDegradation(RECIPES.realesrgan, 300, 200, seed);
  expect(draw(3n)).toEqual(draw(3n));
  expect(draw(3n)).not.toEqual(draw(4n));
});

test('fixed strengths decide nothing', () => {
  const [first, ...others] = plans(RECIPES.heavy, 402, 301).slice(0, 50);
  for (const other of others) expect(other).toEqual(first);
  const [, shrink, noise, jpeg, enlarge] = first as DegradationOperation[];
  expect(shrink).toEqual({ kind: 'resizeTo', height: 75, width: 100, mode: 'linearCv2' });
  expect(noise).toEqual({ kind: 'gaussianNoise', strength: [18], gray: [false] });
  expect(jpeg).toEqual({ kind: 'jpeg', quality: 40 });
  expect(enlarge).toEqual({ kind: 'resizeTo', height: 301, width: 402, mode: 'linearCv2' });
});

describe('codeformer', () => {
  const drawn = plans(RECIPES.codeformer);

  test('operations, in order', () => {
    expect(new Set(drawn.map(kinds))).toEqual(new Set(['filter resizeTo gaussianNoise jpeg resizeTo']));
  });

  test('sizes are cut off after a division by 1 to 12', () => {
    const sides = drawn.map((plan) => operations(plan, 'resizeTo')[0]?.height as number);
    expect(Math.min(...sides)).toBe(42);
    expect(Math.max(...sides)).toBeGreaterThan(490);
    expectShare(
      share(sides, (side) => side <= Math.trunc(512 / 6.5)),
      0.5,
    );
  });

  test('sigma of noise from 0 to 15, quality from 30 to 99', () => {
    const sigmas = drawn.map((plan) => operations(plan, 'gaussianNoise')[0]?.strength[0] as number);
    expect([Math.floor(Math.min(...sigmas)), Math.ceil(Math.max(...sigmas))]).toEqual([0, 15]);
    const qualities = drawn.map((plan) => operations(plan, 'jpeg')[0]?.quality as number);
    expect([Math.min(...qualities), Math.max(...qualities)]).toEqual([30, 99]);
    expect(qualities.every(Number.isInteger)).toBe(true);
  });

  test('half of the kernels are isotropic', () => {
    const isotropic = drawn.filter((plan) => {
      const weights = operations(plan, 'filter')[0]?.kernels[0]?.weights as Float64Array;
      const [right, below] = [weights[20 * 41 + 30] as number, weights[30 * 41 + 20] as number];
      return Math.abs(right - below) <= 1e-12 * right;
    });
    expectShare(isotropic.length / COUNT, 0.5);
  });
});

describe('realesrgan', () => {
  const drawn = plans(RECIPES.realesrgan);
  const { first, second } = RECIPES.realesrgan;
  /** Operations of the first pass, up to its codec, and the others. */
  const passes = drawn.map((plan) => {
    const codec = plan.findIndex(({ kind }) => kind === 'diffJpeg') + 1;
    return [plan.slice(0, codec), plan.slice(codec)] as const;
  });

  test('starts with sharpening, ends with bicubic to the full size and 8 bits', () => {
    for (const plan of drawn) {
      expect(plan[0]).toEqual({ kind: 'sharpen' });
      expect(plan.at(-2)).toEqual({ kind: 'resizeTo', height: 512, width: 512, mode: 'bicubic' });
      expect(plan.at(-1)).toEqual({ kind: 'quantize' });
    }
  });

  test('resizes: directions, factors, modes', () => {
    const resizes = passes.map(([pass]) => operations(pass, 'resizeBy')[0] as Of<'resizeBy'>);
    expectShare(
      share(resizes, ({ scale }) => scale > 1),
      0.2,
    );
    expectShare(
      share(resizes, ({ scale }) => scale === 1),
      0.1,
    );
    expect(Math.min(...resizes.map(({ scale }) => scale))).toBeCloseTo(0.15, 2);
    expect(Math.max(...resizes.map(({ scale }) => scale))).toBeCloseTo(1.5, 2);
    for (const mode of ['area', 'bilinear', 'bicubic']) {
      expectShare(
        share(resizes, (resize) => resize.mode === mode),
        1 / 3,
      );
    }
    const sides = passes.map(([, pass]) => operations(pass, 'resizeTo')[0]?.height as number);
    expectShare(
      share(sides, (side) => side > 128),
      0.3 * (1 - 1 / 25.6),
    );
    expect([Math.min(...sides), Math.max(...sides)]).toEqual([38, 153]);
  });

  test.each([
    ['first', 0, first],
    ['second', 1, second],
  ] as const)('noise and JPEG of the %s pass', (_, which, recipe) => {
    const gaussian = passes.flatMap((pass) => operations(pass[which], 'gaussianNoise'));
    const poisson = passes.flatMap((pass) => operations(pass[which], 'poissonNoise'));
    expect(gaussian.length + poisson.length).toBe(COUNT);
    expectShare(gaussian.length / COUNT, 0.5);
    expectShare(
      share([...gaussian, ...poisson], ({ gray }) => gray[0] === true),
      0.4,
    );
    for (const [found, [low, high]] of [
      [gaussian, recipe.gaussian],
      [poisson, recipe.poisson],
    ] as const) {
      const strengths = found.map(({ strength }) => strength[0] as number);
      const width = high - low;
      expect(Math.min(...strengths)).toBeGreaterThanOrEqual(low);
      expect(Math.min(...strengths)).toBeLessThan(low + width / 50);
      expect(Math.max(...strengths)).toBeLessThanOrEqual(high);
      expect(Math.max(...strengths)).toBeGreaterThan(high - width / 50);
    }
    const qualities = passes.map((pass) => operations(pass[which], 'diffJpeg')[0]?.quality[0] as number);
    expect([Math.round(Math.min(...qualities)), Math.round(Math.max(...qualities))]).toEqual([30, 95]);
    expect(share(qualities, Number.isInteger)).toBeLessThan(0.01);
  });

  test('kernels: sides from 7 to 21, 16 of 20 second passes blur, the last filter changes nothing in a fifth', () => {
    const sides = passes.map(([pass]) => operations(pass, 'filter')[0]?.kernels[0]?.size as number);
    expect([...new Set(sides)].sort((a, b) => a - b)).toEqual([7, 9, 11, 13, 15, 17, 19, 21]);
    expectShare(
      share(sides, (side) => side === 7),
      1 / 8,
    );
    expectShare(
      share(passes, ([, pass]) => operations(pass, 'filter').length === 2),
      0.8,
    );
    expectShare(
      share(passes, ([, pass]) => operations(pass, 'filter').at(-1)?.kernels[0]?.size === 1),
      0.2,
    );
    const ringing = passes.map(([pass]) => operations(pass, 'filter')[0]?.kernels[0]?.weights as Float64Array);
    expectShare(
      share(ringing, (weights) => weights.some((weight) => weight < 0)),
      0.1,
    );
  });

  test('the last filter comes before JPEG in half of the cases', () => {
    const before = share(passes, ([, pass]) => /resizeTo filter clamp diffJpeg resizeTo quantize$/.test(kinds(pass)));
    const after = share(passes, ([, pass]) => /clamp diffJpeg resizeTo filter resizeTo quantize$/.test(kinds(pass)));
    expect(before + after).toBe(1);
    expectShare(before, 0.5);
  });
});

describe('the shortest side', () => {
  test.each([
    ['mild', 11],
    ['codeformer', 21],
    ['realesrgan', 74],
  ] as const)('of %s is %d', (name, side) => {
    const draw = (width: number, height: number) => primitives.drawDegradation(RECIPES[name], width, height, 1n);
    expect(draw(side, 200).length).toBeGreaterThan(4);
    for (const [width, height] of [
      [side - 1, 200],
      [200, side - 1],
    ] as [number, number][]) {
      expect(() => draw(width, height)).toThrow(
        expect.objectContaining({
          code: 'DIFFBIR_INVALID_IMAGE',
          message: expect.stringContaining(`at least ${side}`),
        }),
      );
    }
  });

  test('is 8 where no operation needs more', () => {
    const recipe = resolveRecipe({ base: 'mild', blur: null });
    expect(() => primitives.drawDegradation(recipe, 8, 8, 1n)).not.toThrow();
    expect(() => primitives.drawDegradation(recipe, 8, 7, 1n)).toThrow(/at least 8 on each side/);
  });

  test('is enough for everything that can be drawn', () => {
    const x = { shape: [1, 3, 74, 74], data: new Float32Array(3 * 74 * 74).fill(0.5) };
    for (const plan of plans(RECIPES.realesrgan, 74, 74).slice(0, 300)) {
      // Without its noise, whose draws this test has not.
      const rest = plan.filter(({ kind }) => !kind.endsWith('Noise'));
      expect(primitives.applyDegradation(x, rest, []).shape).toEqual([1, 3, 74, 74]);
    }
  });
});

test.each([
  [{ blur: { ...RECIPES.mild.blur, sigma: [-1, 2] } }, /blur\.sigma/],
  [{ jpeg: [0, 50] }, /jpeg/],
  [{ jpeg: [50, 101] }, /jpeg/],
  [{ noise: [5, 1] }, /noise/],
  [{ downscale: [0.5, 1] }, /downscale/],
  [{ gray: 2 }, /gray/],
] as const)('native code refuses %o by itself', (changes, message) => {
  const recipe = { ...RECIPES.mild, ...changes } as Recipe;
  expect(() => primitives.drawDegradation(recipe, 64, 64, 1n)).toThrow(
    expect.objectContaining({ code: 'DIFFBIR_INVALID_OPTION', message: expect.stringMatching(message) }),
  );
});
