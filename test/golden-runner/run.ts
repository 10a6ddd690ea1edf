import type { NativeBinding, Optimization } from '../../src/native/binding';
import { handlers as allHandlers } from './cases/index';
import { skipped } from './compare';
import { openGolden } from './context';
import type { CaseResult, Context, GoldenEntry, Handler } from './types';

export interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

export interface RunOptions {
  /** Run only entries whose file name contains this. */
  readonly only?: string;
  readonly handlers?: readonly Handler[];
  /** What networks are built with; everything if left out. */
  readonly optimizations?: readonly Optimization[] | undefined;
  /** Another addon than the package's, or one that is changed. */
  readonly load?: () => Promise<NativeBinding>;
  /** Called with every result as it comes. */
  readonly report?: (entry: GoldenEntry, result: CaseResult) => void;
}

/** Runs every case of a golden folder, entry by entry in the order of its manifest. */
export async function runGolden(folder: string, options: RunOptions = {}): Promise<Totals> {
  const { only = '', handlers = allHandlers, optimizations, load, report = () => {} } = options;
  const context = await openGolden(folder, optimizations, load);
  const totals: Totals = { passed: 0, failed: 0, skipped: 0 };
  for (const entry of context.manifest.files) {
    if (!entry.file.includes(only)) continue;
    for await (const result of resultsOf(entry, context, handlers)) {
      totals[COUNTER[result.status]] += result.status === 'skip' ? (result.cases ?? 1) : 1;
      report(entry, result);
    }
  }
  return totals;
}

const COUNTER = { pass: 'passed', fail: 'failed', skip: 'skipped' } as const;

type Counted = CaseResult & { readonly cases?: number };

async function* resultsOf(
  entry: GoldenEntry,
  context: Context,
  handlers: readonly Handler[],
): AsyncGenerator<Counted, void> {
  const handler = handlers.find((candidate) => candidate.match(entry));
  if (!handler) {
    const cases = countCases(entry);
    if (cases > 0) yield { ...skipped('', `not implemented (${cases} cases)`), cases };
    return;
  }
  try {
    yield* await handler.run(entry, context);
  } catch (error) {
    yield { name: '', status: 'fail', note: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

/** Files that describe or feed other entries. */
const NO_RESULT = /^configs\/|\/index\.json$|\.png$/;

/**
 * How many results an entry holds that nobody handles: its listed cases, else its trajectories (`.x`), else one.
 * Inputs, configurations and pictures (no function, or no result of their own) hold none.
 */
function countCases(entry: GoldenEntry): number {
  if (entry.function === '' || NO_RESULT.test(entry.file)) return 0;
  if (Array.isArray(entry.params?.cases)) return entry.params.cases.length;
  const trajectories = Object.keys(entry.tensors ?? {}).filter((name) => name.endsWith('.x')).length;
  return Math.max(trajectories, 1);
}
