/** The recorded results of the PyTorch reference, computed on the device in float32 and compared at the CPU's tolerances. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Item } from '../../bench/gpu/serve';
import type { ExecutionSpec } from '../../src/native/devices';
import { loadBinding } from '../../src/native/loadBinding';
import { handlers as networks } from '../golden-runner/cases/networks';
import { handlers as pipeline } from '../golden-runner/cases/pipeline';
import { openGolden } from '../golden-runner/context';
import { runGolden } from '../golden-runner/run';
import type { CaseResult } from '../golden-runner/types';
import { onDevice } from './onDevice';
import { type Outcome, skipped } from './outcome';

/** The folder of the repository, and a larger one where there is one beside it. */
const FOLDERS = ['../golden', '../../../shared/golden'].map((folder) => path.resolve(import.meta.dirname, folder));
/** What runs networks; the others compare what has no device. */
const HANDLERS = [...networks, ...pipeline];

export async function goldenItems(execution: ExecutionSpec): Promise<Item<Outcome>[]> {
  const items: Item<Outcome>[] = [];
  for (const folder of FOLDERS.filter(existsSync)) {
    const { manifest } = await openGolden(folder);
    const entries = manifest.files.filter((entry) => HANDLERS.some((handler) => handler.match(entry)));
    for (const { file } of entries) {
      const name = `${path.basename(path.dirname(folder))}/golden ${file}`;
      items.push({ name, run: () => compared(folder, file, execution) });
      if (!file.startsWith('pipeline/')) continue;
      const recorded = { ...execution, cudaGraphs: true };
      items.push({ name: `${name}, CUDA graphs`, run: () => compared(folder, file, recorded) });
    }
  }
  return items;
}

async function compared(folder: string, file: string, execution: ExecutionSpec): Promise<Outcome> {
  const results: CaseResult[] = [];
  await runGolden(folder, {
    only: file,
    handlers: HANDLERS,
    load: async () => onDevice(loadBinding(), execution),
    report: (entry, result) => {
      if (entry.file === file) results.push(result);
    },
  });
  const failures = results.filter(({ status }) => status === 'fail');
  const measured = results.filter(({ error }) => error !== undefined);
  if (measured.length === 0 && failures.length === 0) return skipped(results[0]?.note ?? 'nothing to compare');
  const shareOf = ({ error = 0, tolerance = 0 }: CaseResult) => (error === 0 ? 0 : error / tolerance);
  const worst = measured.reduce<CaseResult | undefined>(
    (most, result) => (most === undefined || shareOf(result) > shareOf(most) ? result : most),
    undefined,
  );
  const named = failures.slice(0, 3).map(({ name, note, error }) => `${name}: ${note ?? error?.toExponential(1)}`);
  const count = `${measured.length} values`;
  return {
    status: failures.length > 0 ? 'FAIL' : 'pass',
    ...(worst && { measured: `${worst.error?.toExponential(1)}`, allowed: `<= ${worst.tolerance}` }),
    note:
      failures.length > 0 ? `${failures.length} of ${count}: ${named.join('; ')}` : `${count}, most in ${worst?.name}`,
  };
}
