import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../facade/fakes';
import { content, createFakeHub, environment, sha256 } from '../hub/fakeHub';
import { image } from '../image/pictures';

const MAIN = path.join(import.meta.dirname, 'fakeMain.ts');

/** Starts the command line as a process of its own. */
function start(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, 'restore', ...args], {
    env: { ...process.env, ...env },
  });
  const printed = { stdout: '', stderr: '' };
  child.stdout.on('data', (text) => {
    printed.stdout += text;
  });
  child.stderr.on('data', (text) => {
    printed.stderr += text;
  });
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    child.on('close', (code) => resolve({ code, ...printed }));
  });
  return { child, printed, ended };
}

async function pictures(count: number): Promise<{ input: string; output: string }> {
  const folder = temporaryFolder();
  const [input, output] = [path.join(folder, 'in'), path.join(folder, 'out')];
  mkdirSync(input);
  for (let i = 0; i < count; i++) writeFileSync(path.join(input, `${i}.png`), await image().png().toBuffer());
  return { input, output };
}

async function until(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 20_000; !condition(); ) {
    if (Date.now() > end) throw new Error('it took too long');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('the process', () => {
  it('ends with its exit code and says nothing but results on stdout', async () => {
    const { input, output } = await pictures(2);
    expect(await start([input, '-o', output]).ended).toMatchObject({
      code: 0,
      stdout: `${output}/0.png\n${output}/1.png\n`,
    });
    expect(await start([input, '-o', output]).ended).toMatchObject({ code: 1, stdout: '' });
    expect(await start([input]).ended).toMatchObject({ code: 2 });
  });

  it.each([
    ['SIGINT', '1'],
    ['SIGTERM', '1'],
    ['SIGTERM', '2'],
  ] as const)(
    '%s cancels cleanly, %s at a time: exit code 130, what is done stays, nothing partial',
    async (signal, concurrency) => {
      const { input, output } = await pictures(7);
      const args = [input, '-o', output, '--steps', '50', '--concurrency', concurrency];
      const { child, printed, ended } = start(args, { FAKE_PACE: '5' });
      await until(() => printed.stdout.includes('1.png'));
      child.kill(signal);
      const { code, stdout } = await ended;
      expect(code).toBe(130);
      expect(readdirSync(output)).toEqual(
        stdout
          .trim()
          .split('\n')
          .map((file) => path.basename(file))
          .sort(),
      );
      expect(readdirSync(output).length).toBeLessThan(7);
    },
  );

  it('a second SIGINT ends it at once', async () => {
    const { input, output } = await pictures(1);
    // Cancelling is not heard before the step is over.
    const { child, printed, ended } = start([input, '-o', output], { FAKE_PACE: '60000', FAKE_SAYS: 'running' });
    await until(() => printed.stderr.includes('running'));
    child.kill('SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(child.exitCode).toBeNull();
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 130, stdout: '' });
    expect(existsSync(output)).toBe(false);
  });

  it('SIGINT in a download leaves its part, and the same command goes on there', async () => {
    const fake = await createFakeHub();
    const { input, output } = await pictures(1);
    const direct = { HTTP_PROXY: '', http_proxy: '', ALL_PROXY: '', all_proxy: '' };
    const env: NodeJS.ProcessEnv = { ...direct, ...environment(fake) };
    const cleaner = content(50_000);
    fake.files.set('lxq007/DiffBIR-v2/realesrgan_s4_swinir_100k.pth', cleaner);
    fake.pace = 20;
    const command = [input, '-o', output, '--model', 'v2.1', '--stage', '1', '--download'];
    const { child, ended } = start(command, env);
    const blobs = path.join(env.HF_HOME ?? '', 'hub', 'models--lxq007--DiffBIR-v2', 'blobs');
    const part = path.join(blobs, `${sha256(cleaner)}.diffbir.incomplete`);
    await until(() => existsSync(part) && statSync(part).size > 5000);
    child.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 130, stdout: '' });
    const came = statSync(part).size;
    fake.pace = 0;
    expect((await start(command, env).ended).code).toBe(0);
    expect(fake.ranges()).toEqual([undefined, `bytes=${came}-`]);
    expect(readdirSync(blobs)).toEqual([sha256(cleaner)]);
    await fake.close();
  });

  it('a reader that goes away ends it quietly', async () => {
    const { input, output } = await pictures(20);
    const { child, ended } = start([input, '-o', output], { FAKE_PACE: '1' });
    child.stdout.destroy();
    const { code, stderr } = await ended;
    expect(code).toBe(0);
    expect(stderr).not.toContain('EPIPE');
  });
});
