/**
 * `npm run golden -- DIR [--only TEXT]`: compares this project with a folder of recorded results of the PyTorch
 * reference. Prints one line a case and closes with `N passed, N failed, N skipped`; exit code 1 when a case failed,
 * 2 when there is no such folder.
 */
import { parseArgs } from 'node:util';
import { runGolden } from './run';
import type { CaseResult, GoldenEntry } from './types';

const { positionals, values } = parseArgs({ allowPositionals: true, options: { only: { type: 'string' } } });

if (positionals.length !== 1) {
  console.error('Usage: npm run golden -- DIR [--only TEXT]');
  process.exit(2);
}

try {
  const totals = await runGolden(positionals[0] as string, {
    ...(values.only !== undefined && { only: values.only }),
    report: (entry, result) => console.log(line(entry, result)),
  });
  console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
  process.exitCode = totals.failed > 0 ? 1 : 0;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}

function line(entry: GoldenEntry, result: CaseResult): string {
  const words = { pass: 'pass', fail: 'FAIL', skip: 'not implemented' };
  const numbers =
    result.error === undefined
      ? ''
      : result.measure === 'exact'
        ? `${result.error === 0 ? 'exact' : `max ${result.measure} error ${result.error}`}  `
        : `max ${result.measure ?? 'abs'} error ${result.error.toExponential(2)}  tolerance ${result.tolerance}  `;
  const note = result.note && result.status !== 'skip' ? `  ${result.note}` : '';
  return `${[entry.file, result.name].filter(Boolean).join(' ')}  ${numbers}${words[result.status]}${note}`;
}
