// Recipes as callers give them: a name, or a name with changes.
import { describe, expect, test } from 'vitest';
import { RECIPE_NAMES, RECIPES } from '../../src/degradation/recipes';
import { resolveRecipe } from '../../src/degradation/resolveRecipe';

test.each(RECIPE_NAMES)('%s by name and as a base without changes', (name) => {
  expect(resolveRecipe(name)).toEqual(RECIPES[name]);
  expect(resolveRecipe({ base: name })).toEqual(RECIPES[name]);
  expect(resolveRecipe(JSON.parse(JSON.stringify({ ...RECIPES[name], kind: undefined, base: name })))).toEqual(
    RECIPES[name],
  );
});

test('changes take the place of single members, deep ones too', () => {
  const recipe = resolveRecipe({
    base: 'realesrgan',
    sharpen: false,
    first: { blur: { sigma: [1, 1] }, jpeg: [50, 60] },
  });
  const { realesrgan } = RECIPES;
  expect(recipe).toEqual({
    ...realesrgan,
    sharpen: false,
    first: { ...realesrgan.first, blur: { ...realesrgan.first.blur, sigma: [1, 1] }, jpeg: [50, 60] },
  });
  expect(resolveRecipe({ base: 'mild', jpeg: null, blur: null })).toEqual({ ...RECIPES.mild, jpeg: null, blur: null });
});

test('what was checked does not change any more', () => {
  const noise = [1, 2];
  const recipe = resolveRecipe({ base: 'mild', noise });
  noise[0] = -100;
  expect(recipe).toMatchObject({ noise: [1, 2] });
});

describe('refuses', () => {
  test.each<[string, unknown, string, RegExp]>([
    ['an unknown name', 'realesrgn', 'recipe', /Unknown recipe realesrgn\. Did you mean realesrgan\?/],
    ['a name like none', 'x'.repeat(300), 'recipe', /Known: mild, medium/],
    ['a name of Object.prototype', 'constructor', 'recipe', /Unknown recipe/],
    ['an unknown base', { base: 'hevy' }, 'recipe.base', /Did you mean heavy/],
    ['no base', {}, 'recipe.base', /Expected one of mild/],
    ['no recipe', undefined, 'recipe', /Expected an object for recipe/],
    ['null', null, 'recipe', /Expected an object for recipe but received null/],
    ['a list', ['mild'], 'recipe', /Expected an object/],
    ['an unknown member', { base: 'mild', nose: [1, 2] }, 'recipe.nose', /Did you mean recipe\.noise\?/],
    ['a member of the other kind', { base: 'mild', sharpen: true }, 'recipe.sharpen', /Unknown option recipe\.sharpen/],
    ['a negative sigma', { base: 'mild', blur: { sigma: [-1, 2] } }, 'recipe.blur.sigma', /above 0/],
    ['a sigma of 0', { base: 'mild', blur: { sigma: [0, 2] } }, 'recipe.blur.sigma', /above 0/],
    ['an even kernel', { base: 'mild', blur: { sizes: [7, 10] } }, 'recipe.blur.sizes', /odd integer/],
    ['quality 0', { base: 'mild', jpeg: [0, 50] }, 'recipe.jpeg', /from 1 to 100/],
    ['quality 101', { base: 'mild', jpeg: [50, 101] }, 'recipe.jpeg', /from 1 to 100/],
    [
      'quality 100 of DiffJPEG',
      { base: 'realesrgan', first: { jpeg: [30, 100] } },
      'recipe.first.jpeg',
      /from 1 to 99/,
    ],
    ['a range the wrong way round', { base: 'mild', noise: [5, 1] }, 'recipe.noise', /low <= high/],
    ['a number in place of a range', { base: 'mild', noise: 5 }, 'recipe.noise', /\[low, high\].*received 5/],
    ['NaN', { base: 'mild', noise: [Number.NaN, 1] }, 'recipe.noise', /low <= high/],
    ['a probability above 1', { base: 'mild', gray: 1.5 }, 'recipe.gray', /from 0 to 1/],
    [
      'enlarging where the picture shrinks',
      { base: 'mild', downscale: [0.5, 2] },
      'recipe.downscale',
      /from 1 to 1024/,
    ],
  ])('%s', (_, recipe, option, message) => {
    expect(() => resolveRecipe(recipe)).toThrow(
      expect.objectContaining({ code: 'DIFFBIR_INVALID_OPTION', option, message: expect.stringMatching(message) }),
    );
  });
});
