import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Registry } from './registry';
import { scratchFolder } from './scratch';

const execute = promisify(execFile);

/** An empty folder, and a program started in it. Rejects with `stdout` and `stderr` where one fails. */
export interface App {
  readonly folder: string;
  run(command: string, ...args: string[]): Promise<string>;
  /** Runs JavaScript as an ES module of the app, and reads the JSON that it prints. */
  evaluate(code: string): Promise<unknown>;
}

/** An app whose npm knows the packages of a registry, an empty cache, and no other place. */
export function emptyApp({ url }: Registry): App {
  const folder = scratchFolder();
  writeFileSync(path.join(folder, 'package.json'), '{"private": true}');
  const settings = { registry: url, cache: path.join(folder, '.npm'), ignore_scripts: 'true', audit: 'false' };
  const env = {
    ...process.env,
    NO_PROXY: '127.0.0.1',
    no_proxy: '127.0.0.1',
    ...Object.fromEntries(Object.entries(settings).map(([name, value]) => [`npm_config_${name}`, value])),
  };
  const run = async (command: string, ...args: string[]) =>
    (await execute(command, args, { cwd: folder, env, shell: process.platform === 'win32' })).stdout;
  return {
    folder,
    run,
    async evaluate(code) {
      writeFileSync(path.join(folder, 'evaluated.mjs'), code);
      return JSON.parse(await run('node', 'evaluated.mjs'));
    },
  };
}
