import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { OPTIMIZATIONS } from '../../src/native/binding';
import { compare, compareExact, compareJson, maxAbs, maxRel, relToAbsMax } from './compare';
import { runGolden } from './run';
import type { CaseResult, GoldenEntry, Handler } from './types';

const folder = mkdtempSync(path.join(tmpdir(), 'diffbir-golden-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function golden(name: string, files: readonly Partial<GoldenEntry>[], contents: Record<string, unknown> = {}): string {
  const root = path.join(folder, name);
  mkdirSync(root);
  writeFileSync(path.join(root, 'manifest.json'), JSON.stringify({ files }));
  for (const [file, content] of Object.entries(contents)) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), JSON.stringify(content));
  }
  return root;
}

describe('runGolden', () => {
  it('counts results, throws as failures, and what nobody handles as skipped', async () => {
    const root = golden('counts', [
      { file: 'x/good.json', function: 'good' },
      { file: 'x/bad.json', function: 'bad' },
      { file: 'x/list.json', function: 'unknown', params: { cases: [1, 2, 3] } },
      {
        file: 'x/steps.safetensors',
        function: 'unknown',
        tensors: { 'a.x': ['float32', [1]], 'b.x': ['float32', [1]] },
      },
      { file: 'x/single.json', function: 'unknown' },
      { file: 'configs/a.json', function: 'a' },
      { file: 'x/index.json', function: 'unknown' },
      { file: 'x/input.png', function: '' },
    ]);
    const handlers: Handler[] = [
      {
        match: (entry) => entry.function === 'good',
        run: async () => [compareJson('one', 1, 1), compareJson('two', 1, 2)],
      },
      { match: (entry) => entry.function === 'bad', run: () => Promise.reject(new Error('went wrong')) },
    ];
    const reported: [string, CaseResult][] = [];
    const report = (entry: GoldenEntry, result: CaseResult) => reported.push([entry.file, result]);
    expect(await runGolden(root, { handlers, report })).toEqual({ passed: 1, failed: 2, skipped: 6 });
    expect(reported.map(([file, { status }]) => `${file} ${status}`)).toEqual([
      'x/good.json pass',
      'x/good.json fail',
      'x/bad.json fail',
      'x/list.json skip',
      'x/steps.safetensors skip',
      'x/single.json skip',
    ]);
    expect(reported[2]?.[1].note).toContain('went wrong');
  });

  it('tells handlers what networks are built with: everything, if nothing is said', async () => {
    const root = golden('optimizations', [{ file: 'x/y.json', function: 'any' }]);
    const seen: unknown[] = [];
    const handlers: Handler[] = [
      { match: () => true, run: async (_, { optimizations }) => [compareJson('', seen.push(optimizations), 0)] },
    ];
    await runGolden(root, { handlers });
    await runGolden(root, { handlers, optimizations: ['gelu'] });
    expect(seen).toEqual([OPTIMIZATIONS, ['gelu']]);
  });

  it('knows the files by what the manifest says, whatever their names', async () => {
    const root = golden('other-names', [{ file: 'other/words.json', function: 'any.open_clip.tokenize' }], {
      'other/words.json': [{ text: 'a', cleaned: 'a', bpe: [320], ids: [49406, 320, 49407, ...new Array(74).fill(0)] }],
    });
    expect(await runGolden(root)).toEqual({ passed: 1, failed: 0, skipped: 0 });
  });
});

describe('the command', () => {
  const require = createRequire(import.meta.url);
  const run = async (...args: string[]) => {
    const command = [require.resolve('tsx/cli'), path.join(import.meta.dirname, 'main.ts'), ...args];
    const { stdout } = await promisify(execFile)(process.execPath, command).catch((error) => ({
      stdout: `${error.stdout}exit ${error.code}`,
    }));
    return stdout;
  };

  it('prints a line a case, closes with the totals, and fails when a case failed', async () => {
    const words = [{ text: 'a', cleaned: 'a', bpe: [321], ids: [] }];
    const files = [
      { file: 'text/words.json', function: 'open_clip.tokenize' },
      { file: 'x/y.json', function: 'other' },
    ];
    const lines = (await run(golden('wrong', files, { 'text/words.json': words }))).split('\n');
    expect(lines[0]).toMatch(/^text\/words\.json "a" {2}FAIL {2}got .*320.* expected .*321/);
    expect(lines.slice(1)).toEqual(['x/y.json  not implemented', '0 passed, 1 failed, 1 skipped', 'exit 1']);
  });

  it('says which optimizations there are', async () => {
    expect(await run(golden('speed', []), '--optimizations', 'gelu,speed')).toBe('exit 2');
    expect(await run(path.join(folder, 'speed'), '--optimizations', 'none')).toBe('0 passed, 0 failed, 0 skipped\n');
    expect(await run(path.join(folder, 'speed'), '--optimizations', 'gelu,graph')).toMatch(/^0 passed/);
  });

  it('says so when there is no such folder', async () => {
    expect(await run(path.join(folder, 'none'))).toBe('exit 2');
    expect(await run()).toBe('exit 2');
  });
});

describe('compare', () => {
  it('measures', () => {
    expect(maxAbs([1, 2, 3], [1, 2.5, 3])).toBe(0.5);
    expect(relToAbsMax([1, 2, 3], [1, 2, 4])).toBe(0.25);
    expect(maxRel([1, 3], [1, 2])).toBe(0.5);
    expect(maxAbs([1n], [3n])).toBe(2);
  });

  it('lets no missing, extra or non-finite value pass', () => {
    const want = { shape: [2], data: [1, 2] };
    const status = (data: number[], shape?: number[]) =>
      compare('', shape ? { shape, data } : { data }, want, 1e9).status;
    expect(status([1, 2])).toBe('pass');
    expect(status([1])).toBe('fail');
    expect(status([1, 2, 3])).toBe('fail');
    expect(status([1, 2], [1, 2])).toBe('fail');
    expect(status([1, Number.NaN])).toBe('fail');
    expect(status([1, Number.POSITIVE_INFINITY])).toBe('fail');
    expect(compareExact('', { data: [1, 2] }, { data: [1, 2.000001] }).status).toBe('fail');
    expect(compare('', { data: [Number.NaN] }, { data: [Number.NaN] }, 0).status).toBe('pass');
    expect(compare('', { data: [0] }, { data: [Number.NaN] }, 1e9).status).toBe('fail');
  });
});
