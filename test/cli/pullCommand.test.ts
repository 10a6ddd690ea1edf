import { existsSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Pull } from '../../src/cli/pull';
import { createReporter } from '../../src/cli/reporter';
import { runCli } from '../../src/cli/runCli';
import { createTransferMeter, sizeText, timeText } from '../../src/cli/transferMeter';
import type { RestoreProgress } from '../../src/options/values';
import { withStage } from '../../src/progress';
import { pullWith } from '../../src/pull';
import { fakeNative, fakeRestorer } from '../facade/fakes';
import { answers, content, createFakeHub, environment, type FakeHub, impatient, weight } from '../hub/fakeHub';

let hub: FakeHub;
let pull: Pull;
let controller: AbortController;
beforeEach(async () => {
  hub = await createFakeHub();
  controller = new AbortController();
  hub.files.set('org/name/a.pth', content());
  hub.files.set('org/name/b.pth', content(7000));
  const env = environment(hub);
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const weights = new Map([...weight('a.pth'), ...weight('b.pth')]);
  pull = (name, options = {}) =>
    pullWith(
      () => impatient(env),
      () => weights,
      name,
      options,
    );
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await hub.close();
});

async function cli(args: readonly string[], { isTTY = false, columns = 200 } = {}) {
  const printed = { stdout: '', stderr: '' };
  const write = (stream: 'stdout' | 'stderr') => (text: string) => {
    printed[stream] += text;
  };
  const code = await runCli({
    argv: ['pull', ...args],
    terminal: { stdout: { write: write('stdout') }, stderr: { write: write('stderr'), isTTY, columns }, env: {} },
    signal: controller.signal,
    createRestorer: (options) => fakeRestorer(fakeNative(), options),
    pull,
  });
  return { code, ...printed };
}

describe('diffbir pull', () => {
  it('downloads a model and prints where its files are', async () => {
    const { code, stdout, stderr } = await cli(['v2.1']);
    expect([code, stderr]).toEqual([0, '']);
    const files = stdout.trim().split('\n');
    expect(files.map((file) => readFileSync(file).length)).toEqual([5000, 7000]);
    expect(await cli(['v2.1', 'v2'])).toEqual({ code: 0, stdout: stdout + stdout, stderr: '' });
  });

  it('has a bar on a terminal, which goes away', async () => {
    const { stderr } = await cli(['v2.1'], { isTTY: true });
    expect(stderr).toMatch(/ 100 % {2}12\.0 kB of 12\.0 kB/);
    expect(stderr.endsWith('\r\x1b[K')).toBe(true);
    expect((await cli(['v2.1', '--quiet'], { isTTY: true })).stderr).not.toContain('%');
  });

  it('--json prints one object a file, and errors as objects', async () => {
    const records = (text: string) =>
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
    const { stdout, stderr } = await cli(['v2.1', '--json'], { isTTY: true });
    expect(records(stdout)).toMatchObject([
      { ok: true, name: 'v2.1', file: 'a.pth', bytes: 5000, isNew: true },
      { ok: true, name: 'v2.1', file: 'b.pth', bytes: 7000, isNew: true },
    ]);
    expect(stderr).toBe('');
    hub.hubFault = answers(403);
    const env = { ...environment(hub) };
    pull = (name, options = {}) =>
      pullWith(
        () => impatient(env),
        () => weight('a.pth'),
        name,
        options,
      );
    const failed = await cli(['v2', '--json']);
    expect(failed.code).toBe(1);
    expect(records(failed.stdout)).toMatchObject([
      { ok: false, name: 'v2', error: { code: 'DIFFBIR_ACCESS_DENIED', message: expect.stringContaining('HF_TOKEN') } },
    ]);
    const inWords = await cli(['v2', 'v2.1']);
    expect(inWords).toMatchObject({ code: 1, stdout: '' });
    expect(inWords.stderr).toMatch(/^v2: error: a\.pth: .*HF_TOKEN.* \[DIFFBIR_ACCESS_DENIED\]\nv2\.1: error/);
  });

  it('interrupted says that it can go on, and does', async () => {
    hub.pace = 20;
    const whole = pull;
    pull = (name, options) =>
      whole(name, {
        ...options,
        onProgress: (progress) => {
          options?.onProgress?.(progress);
          if (progress.received >= 2048) controller.abort();
        },
      });
    expect(await cli(['v2.1'])).toEqual({
      code: 130,
      stdout: '',
      stderr: 'v2.1: interrupted; the same command goes on from here\n',
    });
    hub.pace = 0;
    pull = whole;
    controller = new AbortController();
    expect((await cli(['v2.1'])).code).toBe(0);
    expect(hub.ranges().some((range) => /^bytes=\d{4}-$/.test(range ?? ''))).toBe(true);
  });

  it('--list prints models, files, sizes, terms and what is there, without the network', async () => {
    const { code, stdout } = await cli(['--list']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^v2\.1: 6\.99 GB, not downloaded$/m);
    expect(stdout).toMatch(/^ {4}v2-1_512-ema-pruned\.ckpt +5\.21 GB {2}CreativeML Open RAIL\+\+-M$/m);
    expect((await cli(['--list', 'v1-face'])).stdout.match(/^\S.*:/gm)).toEqual(['v1-face:']);
    const models = (await cli(['--list', '--json'])).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(models.map(({ name }) => name)).toEqual(['v2.1', 'v2', 'v1-general', 'v1-face']);
    expect(models[0].files[0]).toMatchObject({ file: 'realesrgan_s4_swinir_100k.pth', license: 'Apache-2.0' });
    expect(hub.seen).toEqual([]);
    expect(existsSync(process.env.HF_HOME ?? '')).toBe(false);
  });

  it('refuses what it does not know', async () => {
    expect(await cli(['v3'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Allowed choices are v2.1, v2'),
    });
    expect(await cli([])).toMatchObject({ code: 2, stderr: expect.stringContaining('Name a model: v2.1, v2') });
    expect(hub.seen).toEqual([]);
  });
});

describe('the bar of a restoration', () => {
  it('shows a download by its own share', () => {
    let printed = '';
    const write = (text: string) => {
      printed += text;
    };
    const stderr = { write, isTTY: true, columns: 200 };
    const reporter = createReporter({ stdout: { write: () => {} }, stderr, env: {} }, false);
    reporter.progress('loading the model', { stage: 'download', step: 3, steps: 4, fraction: 0 });
    expect(printed).toContain(' 75 %  3 of 4 MiB downloaded');
  });

  it('says what takes long', () => {
    const shown: RestoreProgress[] = [];
    const text = 'TensorRT builds an engine';
    withStage((progress) => void shown.push(progress), 0, 0.5)({ stage: 'load', step: 2, steps: 4, text });
    expect(shown).toEqual([{ stage: 'load', step: 2, steps: 4, fraction: 0.25, text }]);
    let printed = '';
    const write = (line: string) => {
      printed += line;
    };
    const stderr = { write, isTTY: true, columns: 200 };
    const reporter = createReporter({ stdout: { write: () => {} }, stderr, env: {} }, false);
    reporter.progress('loading the model', shown[0] as RestoreProgress);
    expect(printed).toContain(` 25 %  load 2/4  ${text}`);
  });
});

describe('the transfer meter', () => {
  function meter(isQuiet = false) {
    let printed = '';
    let time = 0;
    const stderr = {
      write: (text: string) => {
        printed += text;
      },
      isTTY: false,
      columns: 200,
    };
    const reporter = createReporter({ stdout: { write: () => {} }, stderr, env: { NO_COLOR: '1' } }, false);
    const tell = createTransferMeter(reporter, isQuiet, () => time);
    return (at: number, received: number) => {
      printed = '';
      time = at;
      tell({ file: 'a.pth', fileReceived: received, fileBytes: 1e9, received, total: 1e9 });
      return printed;
    };
  }

  it('prints a line now and then where there is no bar, with rate and time left', () => {
    const at = meter();
    expect(at(0, 0)).toBe('');
    expect(at(5000, 50e6)).toBe('');
    expect(at(10_000, 100e6)).toBe('100 MB of 1.00 GB, 10.0 MB/s, 1 min 30 s left  a.pth\n');
    expect(at(19_000, 190e6)).toBe('');
    expect(at(20_000, 200e6)).toMatch(/^200 MB of 1\.00 GB/);
  });

  it('says nothing where that was asked for', () => {
    const at = meter(true);
    at(0, 0);
    expect(at(10_000, 100e6)).toBe('');
  });

  it('follows the rate of the last seconds, also where bytes are taken back', () => {
    const at = meter();
    for (let second = 0; second <= 9; second++) at(second * 1000, second * 1e6);
    for (let second = 10; second < 20; second++) at(second * 1000, 9e6 + (second - 9) * 20e6);
    expect(at(20_000, 229e6)).toMatch(/20\.0 MB\/s/);
    at(21_000, 0);
    expect(at(30_000, 0)).toBe('0 B of 1.00 GB  a.pth\n');
    for (let second = 31; second < 40; second++) at(second * 1000, (second - 30) * 10e6);
    expect(at(40_000, 100e6)).toMatch(/10\.0 MB\/s/);
  });

  it('writes sizes and times as people read them', () => {
    expect([0, 999, 1000, 90_208_287, 999_600, 5.21e9, 1.5e13].map(sizeText)).toEqual([
      '0 B',
      '999 B',
      '1.00 kB',
      '90.2 MB',
      '1.00 MB',
      '5.21 GB',
      '15.0 TB',
    ]);
    expect([0.2, 59, 60, 3599, 3600, 7500].map(timeText)).toEqual([
      '1 s',
      '59 s',
      '1 min 0 s',
      '59 min 59 s',
      '1 h 0 min',
      '2 h 5 min',
    ]);
  });
});
