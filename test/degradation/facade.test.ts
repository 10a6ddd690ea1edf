import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { runCli } from '../../src/cli/runCli';
import { compare, degrade } from '../../src/index';
import { testPicture } from '../metrics/pictures';

const rgb = { ...testPicture(96, 80, 20), channels: 3 as const };

describe('degrade', () => {
  test('same size, other pixels; the seed decides them', async () => {
    const [a, b, c] = await Promise.all([1, 1, 2].map((seed) => degrade(rgb, 'medium', { seed })));
    expect(a).toMatchObject({ width: 96, height: 80, channels: 3, seed: 1n });
    expect(Buffer.compare(a?.data as Uint8Array, b?.data as Uint8Array)).toBe(0);
    expect(Buffer.compare(a?.data as Uint8Array, c?.data as Uint8Array)).not.toBe(0);
    expect((await compare(rgb, { ...rgb, data: (a as { data: Uint8Array }).data })).psnr).toBeLessThan(25);
  });

  test('Poisson noise has the variance of counts', async () => {
    // Every level occurs, so that a level is one count. Shades of gray in columns, four pixels wide.
    const data = Uint8Array.from({ length: 1024 * 64 * 3 }, (_, i) => (Math.floor(i / 3) % 1024) >> 2);
    const shades = { width: 1024, height: 64, channels: 3 as const, data };
    const quiet = {
      blurProbability: 0,
      resize: { up: 0, down: 0 },
      gaussianProbability: 0,
      gray: 1,
      poisson: [0, 0],
      jpeg: [99, 99],
    } as const;
    const recipe = { base: 'realesrgan', sharpen: false, reduction: 1, finalSinc: 0, second: quiet } as const;
    const [clean, noisy] = await Promise.all([
      degrade(shades, { ...recipe, first: quiet }),
      degrade(shades, { ...recipe, first: { ...quiet, poisson: [1, 1] } }),
    ]);
    const differences = Array.from(data.keys(), (i) => (noisy.data[i] as number) - (clean.data[i] as number));
    for (const level of [40, 120, 200]) {
      const squares = differences.filter((_, i) => data[i] === level).map((difference) => difference ** 2);
      const variance = squares.reduce((sum, square) => sum + square) / squares.length;
      expect(variance / level).toBeGreaterThan(0.6);
      expect(variance / level).toBeLessThan(1.4);
    }
  });

  test('transparency stays as it is', async () => {
    const alpha = Uint8Array.from({ length: 96 * 80 }, (_, i) => (i * 7) % 256);
    const data = new Uint8Array(96 * 80 * 4);
    for (let i = 0; i < alpha.length; i++) {
      data.set(rgb.data.subarray(3 * i, 3 * i + 3), 4 * i);
      data[4 * i + 3] = alpha[i] as number;
    }
    const result = await degrade({ width: 96, height: 80, channels: 4, data }, 'heavy');
    expect(result.channels).toBe(4);
    expect(result.data.filter((_, i) => i % 4 === 3)).toEqual(alpha);
    expect(result.data.filter((_, i) => i % 4 !== 3)).toEqual((await degrade(rgb, 'heavy')).data);
  });

  test.each([
    ['a picture below 8 x 8', { width: 7, height: 20 }, { base: 'mild' as const, blur: null }, /at least 8/],
    ['a picture below its kernel', { width: 20, height: 20 }, 'codeformer' as const, /at least 21/],
  ])('refuses %s', async (_, size, recipe, message) => {
    const data = new Uint8Array(size.width * size.height * 3);
    await expect(degrade({ ...size, channels: 3, data }, recipe)).rejects.toMatchObject({
      name: 'InvalidImageError',
      message: expect.stringMatching(message),
    });
  });

  test('refuses unknown recipes, and options of restorations, before the picture is read', async () => {
    const error = (option: string) => expect.objectContaining({ name: 'InvalidOptionError', option });
    await expect(degrade('none.png', 'medum' as 'medium')).rejects.toThrow(error('recipe'));
    await expect(degrade('none.png', 'medium', { steps: 3 } as object)).rejects.toThrow(error('steps'));
    await expect(degrade('none.png', 'medium', { seed: -1 })).rejects.toThrow(error('seed'));
  });

  test('stops within an operation when it is told to, and leaves the event loop free', async () => {
    const large = { ...testPicture(1200, 900, 20), channels: 3 as const };
    const recipe = { base: 'codeformer', downscale: [8, 8] } as const;
    const timed = async (signal?: AbortSignal) => {
      const begin = performance.now();
      const failure = await degrade(large, recipe, { signal }).then(
        () => undefined,
        (error) => error,
      );
      return { failure, milliseconds: performance.now() - begin };
    };
    const whole = await timed();
    const stopped = await timed(AbortSignal.timeout(Math.ceil(whole.milliseconds / 10)));
    expect(whole.failure).toBeUndefined();
    expect(stopped.failure).toMatchObject({ name: 'AbortError' });
    expect(stopped.milliseconds).toBeLessThan(whole.milliseconds / 2);
  });
});

describe('compare', () => {
  test('measures in sRGB and without transparency', async () => {
    const raw = { raw: { width: 96, height: 80, channels: 3 as const } };
    const png = await sharp(rgb.data, raw).ensureAlpha(0.5).png().toBuffer();
    const { psnr, reference } = await compare(rgb, png);
    expect(psnr).toBe(Number.POSITIVE_INFINITY);
    expect(reference.niqe).toBeNull();
    const wideGamut = await sharp(rgb.data, raw).withIccProfile('p3').png().toBuffer();
    expect((await compare(rgb, wideGamut)).psnr).toBeGreaterThan(35);
  });

  test('refuses pictures of two sizes', async () => {
    const other = { ...testPicture(80, 96, 0), channels: 3 as const };
    await expect(compare(rgb, other)).rejects.toMatchObject({ name: 'InvalidImageError' });
  });
});

describe('command line', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'diffbir-degrade-'));
  const at = (name: string) => path.join(folder, name);

  async function cli(...argv: string[]) {
    const printed = { stdout: '', stderr: '' };
    const to = (name: keyof typeof printed) => ({
      write: (text: string) => {
        printed[name] += text;
      },
    });
    const code = await runCli({
      argv,
      terminal: { stdout: to('stdout'), stderr: to('stderr'), env: {} },
      signal: new AbortController().signal,
      createRestorer: () => Promise.reject(new Error('no model is needed')),
    });
    return { code, ...printed };
  }

  test('degrades, then compares', async () => {
    const { width, height, channels } = rgb;
    await sharp(rgb.data, { raw: { width, height, channels } }).png().toFile(at('a.png'));
    writeFileSync(at('recipe.json'), '{ "base": "mild", "noise": [0, 0] }');
    const degraded = await cli('degrade', at('a.png'), '-o', at('b.png'), '--recipe', at('recipe.json'), '--seed', '7');
    expect(degraded).toMatchObject({ code: 0, stdout: `${at('b.png')}\n`, stderr: '' });

    const found = JSON.parse((await cli('compare', at('a.png'), at('b.png'), '--json')).stdout);
    expect(found).toEqual(await compare(at('a.png'), at('b.png')));
    expect((await cli('compare', at('a.png'), at('b.png'))).stdout).toContain(
      `PSNR                   ${found.psnr.toFixed(2)} dB`,
    );
  });

  test('a bad picture is told, and does not stop the others', async () => {
    writeFileSync(at('bad.png'), '<html>');
    const { code, stdout } = await cli(
      'degrade',
      at('bad.png'),
      at('a.png'),
      '-o',
      at('out'),
      '--recipe',
      'mild',
      '--json',
    );
    const [bad, good] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(code).toBe(1);
    expect(bad).toMatchObject({ ok: false, error: { code: 'DIFFBIR_INVALID_IMAGE' } });
    expect(good).toMatchObject({ ok: true, output: at('out/a.png'), width: 96, height: 80, seed: '232' });
  });

  test.each([
    ['no recipe', ['degrade', 'a.png', '-o', 'b.png'], /--recipe/],
    ['an unknown recipe', ['degrade', 'a.png', '-o', 'b.png', '--recipe', 'hevy'], /Did you mean heavy/],
    ['a recipe file that is none', ['degrade', 'a.png', '-o', 'b.png', '--recipe', at('none.json')], /cannot be read/],
    [
      'an option of restorations',
      ['degrade', 'a.png', '-o', 'b.png', '--recipe', 'mild', '--steps', '3'],
      /unknown option/,
    ],
    ['one picture to compare', ['compare', 'a.png'], /missing required argument/],
  ])('%s is wrong usage', async (_, argv, message) => {
    const { code, stderr } = await cli(...argv);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });

  test('pictures that cannot be compared fail', async () => {
    expect(await cli('compare', at('a.png'), at('none.png'))).toMatchObject({ code: 1, stdout: '' });
  });
});
