import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { withChunks } from '../../src/image/png';
import { packageVersion } from '../../src/packageVersion';
import { withParameters } from '../../src/parameters/xmp';
import { BOTH_STAGES, type FakeNative, fakeNative, modelFolder, temporaryFolder } from '../facade/fakes';
import { image } from '../image/pictures';
import { runFake } from './runFake';

let folder: string;
let fake: FakeNative;
const at = (name: string) => path.join(folder, name);
beforeEach(async () => {
  folder = temporaryFolder();
  fake = fakeNative();
  writeFileSync(at('a.png'), await image().png().toBuffer());
});

/** A picture with these parameters, written by hand. */
async function made(name: string, parameters: object): Promise<string> {
  const xmp = withParameters(undefined, JSON.stringify({ formatVersion: 1, ...parameters }));
  writeFileSync(at(name), withChunks(await image().png().toBuffer(), { xmp }));
  return at(name);
}

const restored = (...flags: string[]) => runFake(fake, 'restore', at('a.png'), '-o', at('b.png'), ...flags);

describe('diffbir inspect', () => {
  it('prints what a picture was made with', async () => {
    await restored('--steps', '3', '--seed', '18446744073709551615', '--prompt', 'a cat', '--guidance-scale', '0.5');
    const { code, stdout, stderr } = await runFake(fake, 'inspect', at('b.png'), at('a.png'));
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.startsWith(`${at('b.png')}: png, 6 x 4\n  diffbir                 ${packageVersion()}\n`)).toBe(true);
    for (const line of ['model                   fake', 'steps                   3', 'guidance.scale          0.5']) {
      expect(stdout).toContain(`\n  ${line}\n`);
    }
    expect(stdout).toContain('\n  seed                    18446744073709551615\n');
    expect(stdout).toContain('\n  prompt                  a cat\n');
    expect(stdout.endsWith(`${at('a.png')}: png, 6 x 4\n  no generation parameters\n`)).toBe(true);
  });

  it('--json prints one object a picture; a bad one does not stop the others', async () => {
    await restored('--seed', '18446744073709551615');
    const bad = await made('bad.png', { options: { steps: -1 } });
    const { code, stdout } = await runFake(fake, 'inspect', '--json', bad, at('b.png'), at('a.png'));
    const records = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(records.map(({ ok, input }) => [ok, path.basename(input)])).toEqual([
      [false, 'bad.png'],
      [true, 'b.png'],
      [true, 'a.png'],
    ]);
    expect(records[0].error.code).toBe('DIFFBIR_INVALID_IMAGE');
    expect(records[1].parameters).toMatchObject({
      model: 'fake',
      options: { seed: '18446744073709551615', steps: 50 },
    });
    expect(records[2]).toMatchObject({ format: 'png', width: 6, height: 4, parameters: null });
    expect(code).toBe(1);
  });

  it('does not let text of a file steer the terminal', async () => {
    const steering = '\u001b[2J\u009b31m';
    const file = await made('evil.png', {
      version: steering,
      model: steering,
      options: { prompt: `x${steering}`, negativePrompt: '' },
    });
    const { stdout } = await runFake(fake, 'inspect', file);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the point
    expect(stdout.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    expect(stdout).toContain('negativePrompt          ""\n');
  });

  it('names a picture that cannot be read', async () => {
    expect(await runFake(fake, 'inspect', at('none.png'))).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/none\.png: error: .*does not exist \[DIFFBIR_INVALID_IMAGE\]/),
    });
    expect((await runFake(fake, 'inspect')).code).toBe(2);
  });
});

describe('diffbir restore --like', () => {
  const like = (name: string, ...flags: string[]) =>
    runFake(fake, 'restore', at('a.png'), '-o', at('again.png'), '--like', at(name), ...flags);

  it('repeats a run', async () => {
    await restored(
      '--steps',
      '3',
      '--seed',
      '7',
      '--sampler',
      'edm_lms',
      '--guidance-scale',
      '0.5',
      '--prompt',
      'a cat',
    );
    expect(await like('b.png')).toMatchObject({ code: 0, stdout: `${at('again.png')}\n` });
    expect(fake.jobs[1]).toEqual(fake.jobs[0]);
  });

  it('lets typed options go first, in groups one by one', async () => {
    await restored('--steps', '3', '--seed', '7', '--guidance-scale', '0.5', '--guidance-repeat', '2');
    await like('b.png', '--seed', '8', '--guidance-scale', '1');
    expect(fake.jobs[1]).toEqual({ ...fake.jobs[0], seed: 8n, guidance: { ...fake.jobs[0]?.guidance, scale: 1 } });
  });

  it('asks for the model that made the picture; another one must be named', async () => {
    const file = await made('other.png', { version: packageVersion(), model: 'other', options: { steps: 3 } });
    expect(await like('other.png')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/made with the model "other", not with "fake": name its folder with --model/),
    });
    expect(fake.jobs.length).toBe(0);
    const { code, stderr } = await like('other.png', '--model', modelFolder(BOTH_STAGES));
    expect([code, fake.jobs.length]).toEqual([0, 1]);
    expect(stderr).toMatch(/^warning: .*model "other", not with "fake"\n/);
    const quiet = await like('other.png', '--model', modelFolder(BOTH_STAGES), '--quiet', '--force');
    expect([quiet.code, quiet.stderr]).toEqual([0, '']);
    expect(file).toBe(at('other.png'));
  });

  it('says that another version made it', async () => {
    await made('older.png', { version: '0.0.1', model: 'fake', options: {} });
    expect((await like('older.png')).stderr).toMatch(
      `warning: the picture of --like was made with version "0.0.1"; this is`,
    );
  });

  it('refuses pictures without parameters, or with bad ones', async () => {
    expect(await like('a.png')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/a\.png has no generation param/),
    });
    await made('bad.png', { version: '1', model: 'fake', options: { steps: 0 } });
    expect(await like('bad.png')).toMatchObject({ code: 1, stderr: expect.stringMatching(/cannot be used.*steps/) });
    expect(fake.specs.length).toBe(0);
  });
});
