/** Every kernel against its host twin: the program gpu_twins (native/cuda/twins), where it was built. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Item } from '../../bench/gpu/serve';
import { type Outcome, skipped, verdict } from './outcome';

const ROOT = path.resolve(import.meta.dirname, '../..');
const PLACES = [process.env.DIFFBIR_GPU_TWINS, path.join(ROOT, process.env.DIFFBIR_BUILD_DIR ?? 'build', 'gpu_twins')];
/** Less than worker.ts waits: a process that it kills leaves its own behind. */
const TIMEOUT_MS = 100_000;

export function twinItems(): Item<Outcome>[] {
  return [{ name: 'kernels and their host twins', run: twins }];
}

function twins(): Outcome {
  const program = PLACES.find((place) => place !== undefined && existsSync(place));
  if (!program) return skipped('there is no gpu_twins: build it, or name it in DIFFBIR_GPU_TWINS');
  const { status, signal, stdout, stderr } = spawnSync(program, {
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  const lines = stdout.split('\n').filter((line) => line !== '');
  const failures = lines.filter((line) => line.includes('FAIL'));
  if (status === 0 && failures.length === 0) return verdict(true, `${lines.length} lines, the last: ${lines.at(-1)}`);
  const said = [...failures, ...stderr.trim().split('\n'), lines.at(-1) ?? ''].filter((line) => line !== '');
  return verdict(false, `${signal ?? `exit code ${status}`}: ${said.slice(0, 20).join('\n    ')}`);
}
