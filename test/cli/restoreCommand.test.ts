import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../../src/cli/runCli';
import { SAMPLERS } from '../../src/options/choices';
import { OPTION_NAMES } from '../../src/options/table';
import { type FakeNative, fakeNative, fakeRestorer, modelFolder, STAGE1, temporaryFolder } from '../facade/fakes';
import { image } from '../image/pictures';

let folder: string;
let fake: FakeNative;
const at = (...parts: string[]) => path.join(folder, ...parts);
beforeEach(async () => {
  folder = temporaryFolder();
  fake = fakeNative();
  mkdirSync(at('in'));
  writeFileSync(at('in', 'a.png'), await image().png().toBuffer());
  writeFileSync(at('in', 'b.jpg'), await image().jpeg().toBuffer());
});

/** Runs a command line and collects what it prints. */
async function cli(args: readonly string[], terminal: { isTTY?: boolean; env?: Record<string, string> } = {}) {
  const printed = { stdout: '', stderr: '' };
  const code = await runCli({
    argv: ['restore', ...args],
    terminal: {
      stdout: {
        write: (text) => {
          printed.stdout += text;
        },
      },
      stderr: {
        write: (text) => {
          printed.stderr += text;
        },
        isTTY: terminal.isTTY ?? false,
        columns: 100,
      },
      env: terminal.env ?? {},
    },
    signal: new AbortController().signal,
    createRestorer: (options) => fakeRestorer(fake, options),
  });
  return { code, ...printed };
}

describe('diffbir restore', () => {
  it('restores a folder, prints the files on stdout and what happened on stderr', async () => {
    const { code, stdout, stderr } = await cli([at('in'), '-o', at('out', 'new'), '--upscale', '2']);
    expect(stdout).toBe(`${at('out/new/a.png')}\n${at('out/new/b.jpg')}\n`);
    expect(stderr).toMatch(/a\.png: 12 x 8, stage 2, \d\.\d s\n/);
    expect(code).toBe(0);
    expect((await sharp(at('out/new/b.jpg')).metadata()).format).toBe('jpeg');
    expect(fake.specs.length).toBe(1);
  });

  it('one bad picture does not stop the others', async () => {
    writeFileSync(at('in', 'aa.png'), '<html>');
    const { code, stdout, stderr } = await cli([at('in'), at('none.png'), '-o', at('out')]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/aa\.png: error: .*HTML page.* \[DIFFBIR_INVALID_IMAGE\]/);
    expect(stderr).toMatch(/none\.png: error: .*does not exist/);
    expect(stdout.trim().split('\n').length).toBe(2);
    expect(readdirSync(at('out'))).toEqual(['a.png', 'b.jpg']);
  });

  it('does not overwrite without --force, and does not restore in vain', async () => {
    mkdirSync(at('out'));
    writeFileSync(at('out', 'a.png'), 'mine');
    const { code, stderr } = await cli([at('in'), '-o', at('out')]);
    expect([code, fake.jobs.length]).toEqual([1, 1]);
    expect(stderr).toContain('DIFFBIR_OUTPUT_EXISTS');
    expect(readFileSync(at('out', 'a.png'), 'utf8')).toBe('mine');
    expect((await cli([at('in'), '-o', at('out'), '--force'])).code).toBe(0);
    expect((await sharp(at('out', 'a.png')).metadata()).width).toBe(6);
  });

  it('--json prints one object a picture and nothing else', async () => {
    const { code, stdout, stderr } = await cli(
      [at('in'), at('none.png'), '-o', at('out'), '--json', '--seed', '18446744073709551615'],
      { isTTY: true },
    );
    const records = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(records.map(({ ok }) => ok)).toEqual([true, true, false]);
    expect(records[0]).toMatchObject({
      input: at('in/a.png'),
      output: at('out/a.png'),
      width: 6,
      height: 4,
      stage: 2,
      seed: '18446744073709551615',
      warnings: [],
    });
    expect(records[2].error.code).toBe('DIFFBIR_INVALID_IMAGE');
    expect([code, stderr.replaceAll('\r\x1b[K', '')]).toEqual([1, '']);
  });

  it('flags become options; the model decides what was not typed', async () => {
    await cli([
      at('in/a.png'),
      '-o',
      at('o.png'),
      '--cfg-scale',
      '2.5',
      '--rescale-cfg',
      '--guidance-scale',
      '0.5',
      '--guidance-loss',
      'mse',
      '--sampler',
      'edm_euler',
      '--s-churn',
      '2.5',
      '--start-point',
      'cond',
      '--seed',
      '7',
      '--steps',
      '3',
    ]);
    expect(fake.jobs[0]).toMatchObject({
      cfgScale: 2.5,
      rescaleCfg: true,
      startPoint: 'cond',
      seed: 7n,
      steps: 3,
      guidance: { loss: 'mse', scale: 0.5, repeat: 1 },
      sampler: 'edm_euler',
      edm: { sChurn: 2.5, sTmax: 300 },
    });
    await cli([at('in/a.png'), '-o', at('p.png'), '--model', modelFolder({ ...STAGE1, defaults: { strength: 0.5 } })]);
    expect(fake.jobs[1]).toMatchObject({ stage: 1, strength: 0.5 });
  });

  it('gives a picture the same seed whatever else is restored', async () => {
    const seeds = async (...words: string[]) => {
      fake.jobs.length = 0;
      await cli([...words, '-f', '-o', at('out'), '--seed', '5']);
      return fake.jobs.map(({ seed, image: { data } }) => [seed, data[0], data[1]]);
    };
    const [a, b] = [at('in/a.png'), at('in/b.jpg')];
    const forward = await seeds(a, b);
    expect(await seeds(b, a)).toEqual([...forward].reverse());
    expect(await seeds(b)).toEqual([forward[1]]);
    expect(forward.map(([seed]) => seed)).toEqual([5n, 5n]);
  });

  it('--concurrency restores as many at once, with one bar for all, and one that fails stops no other', async () => {
    for (const name of ['c', 'd', 'e']) writeFileSync(at('in', `${name}.png`), await image().png().toBuffer());
    writeFileSync(at('in', 'aa.png'), '<html>');
    fake.pace = 2;
    const { code, stdout, stderr } = await cli([at('in'), '-o', at('out'), '--concurrency', '2', '--steps', '100'], {
      isTTY: true,
      env: { NO_COLOR: '1' },
    });
    expect([code, fake.atOnce, stdout.trim().split('\n').length]).toEqual([1, 2, 5]);
    expect(readdirSync(at('out'))).toEqual(['a.png', 'b.jpg', 'c.png', 'd.png', 'e.png']);
    const shown = [...stderr.matchAll(/(\d+) % {2}6 pictures/g)].map(([, percent]) => Number(percent));
    expect(shown).toEqual([...shown].sort((a, b) => a - b));
    expect(shown.length).toBeGreaterThan(2);
  });

  it('--time-limit fails a picture that takes longer, and the next is restored', async () => {
    fake.pace = 10;
    const limited = ['--time-limit', '0.3', '--stage', '2', '--steps'];
    const { code, stderr } = await cli([at('in'), '-o', at('out'), ...limited, '1000']);
    expect([code, fake.jobs.length, fake.cancelled]).toEqual([1, 2, 2]);
    expect(stderr).toMatch(/a\.png: error: .*timeLimit \(0\.3 s\) \[DIFFBIR_TIME_LIMIT\]/);
    expect(readdirSync(folder)).toEqual(['in']);
    expect((await cli([at('in'), '-o', at('out'), ...limited, '1'])).code).toBe(0);
  });

  it('--samples writes one file a sample, numbered, with the seeds that follow', async () => {
    const { code, stdout } = await cli([at('in'), '-o', at('out'), '--samples', '2', '--seed', '7', '--json']);
    const records = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(records.map(({ output, seed, sample }) => [path.basename(output), seed, sample])).toEqual([
      ['a_0.png', '7', 0],
      ['a_1.png', '8', 1],
      ['b_0.jpg', '7', 0],
      ['b_1.jpg', '8', 1],
    ]);
    expect([code, readdirSync(at('out')).length]).toEqual([0, 4]);
    expect((await cli([at('in'), '-o', at('two'), '--samples', '2'])).code).toBe(0);
    expect(fake.jobs.slice(-2).map(({ seed }) => seed)).toEqual([231n, 232n]);
  });

  it('--samples of stage 1 is refused before anything is done', async () => {
    const { code, stderr } = await cli([at('in'), '-o', at('out'), '--samples', '2', '--stage', '1']);
    expect([code, fake.jobs.length]).toEqual([2, 0]);
    expect(stderr).toMatch(/for samples but received 2: stage 1 leaves nothing to chance/);
  });

  it('--no-keep-metadata', async () => {
    writeFileSync(at('p3.png'), await image().withIccProfile('p3').png().toBuffer());
    await cli([at('p3.png'), '-o', at('kept.png')]);
    await cli([at('p3.png'), '-o', at('bare.png'), '--no-keep-metadata']);
    expect((await sharp(at('kept.png')).metadata()).icc).toBeDefined();
    expect((await sharp(at('bare.png')).metadata()).icc).toBeUndefined();
  });

  it.each([
    [
      'a value out of range',
      ['--steps', '0'],
      /Expected an integer from 1 to 1000 for steps but received 0 of type number/,
    ],
    ['a word for a number', ['--upscale', 'big'], /for upscale but received big of type string/],
    ['a negative number', ['--noise-aug', '-1'], /for noiseAug but received -1/],
    ['an unknown choice', ['--color-fix', 'histogram'], /'wavelet', 'adain', 'none' for colorFix/],
    ['a seed of 2^64', ['--seed', '18446744073709551616'], /for seed/],
    ['an unknown flag', ['--cfg-scal', '2'], /unknown option '--cfg-scal'.*\(Did you mean --cfg-scale\?\)/s],
    ['a stage that the model has not', ['--stage', '2', '--model', 'STAGE1'], /stage 1 alone/],
    ['an extension that contradicts the format', ['--format', 'webp'], /as in .*o\.png/],
  ])('exit code 2 for %s', async (_, args, message) => {
    const words = args.map((word) => (word === 'STAGE1' ? modelFolder(STAGE1) : word));
    const { code, stderr } = await cli([at('in/a.png'), '-o', at('o.png'), ...words]);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
    expect(readdirSync(folder)).toEqual(['in']);
  });

  it('exit code 2 without output or pictures, 1 without a model', async () => {
    mkdirSync(at('empty'));
    expect((await cli([at('in/a.png')])).stderr).toMatch(/required option '-o, --out <OUT>' not specified/);
    expect(await cli([at('empty'), '-o', at('out')])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/No pictures in/),
    });
    expect(await cli([at('in'), '-o', at('x.png')])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/is one file/),
    });
    expect(await cli([at('in'), '-o', at('out'), '--model', at('in')])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/no model\.json.*MODEL_NOT_FOUND/),
    });
  });

  it('the bar is for terminals; CI and NO_COLOR are respected', async () => {
    const bar = async (terminal: object) => (await cli([at('in/a.png'), '-f', '-o', at('o.png')], terminal)).stderr;
    expect(await bar({ isTTY: true })).toContain('\x1b[36m━');
    expect(await bar({ isTTY: true, env: { NO_COLOR: '1' } })).toMatch(/\r━+─* {2,}\d+ %/);
    expect(await bar({ isTTY: true, env: { NO_COLOR: '1' } })).not.toContain('\x1b[36m');
    expect(await bar({ isTTY: true, env: { CI: 'true' } })).not.toContain('━');
    expect(await bar({ isTTY: false })).not.toContain('━');
    expect(
      (await cli([at('in/a.png'), '-f', '-q', '-o', at('o.png')], { isTTY: true })).stderr.replaceAll('\r\x1b[K', ''),
    ).toBe('');
  });

  it('help names every option that can be typed', async () => {
    const { code, stdout } = await cli(['--help']);
    expect(code).toBe(0);
    // A list of choices too long to stand beside its flag.
    expect(stdout.replace(/\s+/g, ' ')).toContain(`One of ${SAMPLERS.join(', ')}.`);
    const untyped = ['guidance', 'nativeBinding', 'captioner', 'onProgress', 'signal', 'logger', 'noise', 'trace'];
    const ofServers = ['queueLimit', 'priority', 'caller'];
    for (const name of ofServers) expect(stdout).not.toContain(`-${name.slice(0, 5)}`);
    untyped.push(...ofServers);
    for (const name of OPTION_NAMES.filter((option) => !untyped.includes(option))) {
      expect(stdout).toContain(`-${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
    }
  });
});
