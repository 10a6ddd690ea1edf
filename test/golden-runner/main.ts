/**
 * `npm run golden -- DIR [--only TEXT] [--optimizations all|none|NAME,NAME...]`: compares this project with a folder of
 * recorded results of the PyTorch reference. Prints one line a case and closes with `N passed, N failed, N skipped`; exit
 * code 1 when a case failed, 2 when there is no such folder or optimization. Optimizations are those that networks are
 * built with (src/native/binding.ts); all by default.
 */
import { parseArgs } from 'node:util';
import { OPTIMIZATIONS, type Optimization } from '../../src/native/binding';
import { runGolden } from './run';
import type { CaseResult, GoldenEntry } from './types';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { only: { type: 'string' }, optimizations: { type: 'string', default: 'all' } },
});

if (positionals.length !== 1) {
  console.error('Usage: npm run golden -- DIR [--only TEXT] [--optimizations all|none|NAME,NAME...]');
  process.exit(2);
}

try {
  const totals = await runGolden(positionals[0] as string, {
    ...(values.only !== undefined && { only: values.only }),
    optimizations: optimizationsOf(values.optimizations),
    report: (entry, result) => console.log(line(entry, result)),
  });
  console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
  process.exitCode = totals.failed > 0 ? 1 : 0;
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}

function optimizationsOf(text: string): readonly Optimization[] {
  if (text === 'all') return OPTIMIZATIONS;
  const names = text === 'none' ? [] : text.split(',');
  const unknown = names.find((name) => !OPTIMIZATIONS.includes(name as Optimization));
  if (unknown === undefined) return names as Optimization[];
  throw new Error(`Expected all, none or some of ${OPTIMIZATIONS.join(', ')} but received ${unknown}`);
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
