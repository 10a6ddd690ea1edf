import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../facade/fakes';
import { image } from '../image/pictures';

const MAIN = path.join(import.meta.dirname, 'fakeMain.ts');

/** Starts the command line as a process of its own. */
function start(args: readonly string[], env: Record<string, string> = {}) {
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

  it.each(['SIGINT', 'SIGTERM'] as const)(
    '%s cancels cleanly: exit code 130, what is done stays, nothing partial',
    async (signal) => {
      const { input, output } = await pictures(5);
      const { child, printed, ended } = start([input, '-o', output, '--steps', '50'], { FAKE_PACE: '5' });
      await until(() => printed.stdout.includes('1.png'));
      child.kill(signal);
      const { code, stdout } = await ended;
      expect(code).toBe(130);
      expect(readdirSync(output)).toEqual(
        stdout
          .trim()
          .split('\n')
          .map((file) => path.basename(file)),
      );
      expect(readdirSync(output).length).toBeLessThan(5);
    },
  );

  it('a reader that goes away ends it quietly', async () => {
    const { input, output } = await pictures(20);
    const { child, ended } = start([input, '-o', output], { FAKE_PACE: '1' });
    child.stdout.destroy();
    const { code, stderr } = await ended;
    expect(code).toBe(0);
    expect(stderr).not.toContain('EPIPE');
  });
});
