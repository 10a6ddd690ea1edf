import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { DiffBIRError } from '../errors';
import type { RestoreOptions } from '../options/RestoreOptions';
import { OPTIONS } from '../options/table';
import { refuseExisting } from '../output/writeFile';
import { packageVersion } from '../packageVersion';
import type { RunParameters } from '../parameters/runParameters';
import type { RestoreResult } from '../restoreResult';
import type { Restorer } from '../restorer';
import { checkSamples, sampleSeed } from '../samples';
import { EXIT, type ExitCode } from './exitCodes';
import type { Plan } from './planOutputs';
import type { Reporter, Terminal } from './reporter';
import { backgroundFile, saveFaces } from './saveFaces';
import { UsageError } from './usageError';

/** Loads the model; tests give another. */
export type CreateRestorer = (
  options: RestoreOptions,
) => Promise<Pick<Restorer, 'modelName' | 'stages' | 'capacity' | 'restore' | 'dispose'>>;

export interface Run {
  readonly plans: readonly Plan[];
  readonly options: RestoreOptions;
  /** The picture whose run is repeated with these options. */
  readonly like?: RunParameters | undefined;
  readonly force: boolean;
  /** Also write faces and background (saveFaces.ts). */
  readonly saveFaces: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly signal: AbortSignal;
  readonly createRestorer: CreateRestorer;
  readonly terminal: Terminal;
  readonly reporter: Reporter;
}

type OnProgress = NonNullable<RestoreOptions['onProgress']>;

/** Restores the pictures, as many at once as `concurrency` says for each device; one that fails does not stop the others. */
export async function restoreFiles(run: Run): Promise<ExitCode> {
  const { plans, options, signal, reporter } = run;
  let failures = 0;
  const loading: OnProgress = (progress) => reporter.progress('loading the model', progress);
  const restorer = await run.createRestorer({ ...options, signal, onProgress: loading });
  const { capacity } = restorer;
  const onProgress = progressOf(run, capacity);
  const left = [...plans.entries()];
  const restoreSome = async () => {
    for (let next = left.shift(); next && !signal.aborted; next = left.shift()) {
      const [i, plan] = next;
      try {
        await restoreFile(run, restorer, plan, onProgress(i));
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        reportFailure(run, plan, error);
      }
    }
  };
  try {
    checkLike(run, restorer.modelName);
    checkSamples({ samples: options.samples ?? 1, noise: undefined }, options.stage ?? restorer.stages);
    await Promise.all(Array.from({ length: capacity }, restoreSome));
  } finally {
    reporter.clear();
    await restorer.dispose();
  }
  if (signal.aborted) return EXIT.interrupted;
  return failures > 0 ? EXIT.failed : EXIT.ok;
}

/** How far picture `i` is; where several run at once, how far all are. */
function progressOf({ plans, reporter }: Run, capacity: number): (i: number) => OnProgress {
  const count = plans.length;
  if (capacity === 1 || count === 1) {
    const label = (i: number) => `${plans[i]?.input}${count > 1 ? ` (${i + 1} of ${count})` : ''}`;
    return (i) => (progress) => reporter.progress(label(i), progress);
  }
  const fractions = new Array<number>(count).fill(0);
  return (i) => (progress) => {
    fractions[i] = progress.fraction;
    reporter.bar(fractions.reduce((sum, fraction) => sum + fraction, 0) / count, `${count} pictures`);
  };
}

/** Throws UsageError for another model than the picture's, unless it was asked for. */
function checkLike({ like, options, quiet, json, reporter }: Run, modelName: string): void {
  if (!like) return;
  const warn = (text: string) => {
    if (!quiet && !json) reporter.line(`warning: ${text}`);
  };
  const shown = JSON.stringify(like.model);
  if (like.model !== modelName) {
    const message = `the picture of --like was made with the model ${shown}, not with ${JSON.stringify(modelName)}`;
    if (options.model === undefined) throw new UsageError(`${message}: name its folder with --model`);
    warn(message);
  }
  if (like.version !== packageVersion()) {
    const version = JSON.stringify(like.version);
    warn(`the picture of --like was made with version ${version}; this is ${packageVersion()}`);
  }
}

async function restoreFile(
  run: Run,
  restorer: Awaited<ReturnType<CreateRestorer>>,
  plan: Plan,
  onProgress: OnProgress,
): Promise<void> {
  const { force, signal, options } = run;
  const { input, output, sample = 0 } = plan;
  if (!force) await refuseExisting(output);
  if (!force && run.saveFaces) await refuseExisting(backgroundFile(plan));
  const begin = performance.now();
  // One call a sample, so that each is written as soon as it is there.
  const seed = sampleSeed(BigInt(options.seed ?? OPTIONS.seed.default), sample);
  const result = await restorer.restore(input, { signal, onProgress, seed, samples: 1 });
  await mkdir(path.dirname(output), { recursive: true });
  const info = await result.toFile(output, { force });
  if (run.saveFaces) await saveFaces(result, plan, { force });
  reportSuccess(run, plan, result, info.size, performance.now() - begin);
}

function reportSuccess(run: Run, plan: Plan, result: RestoreResult, bytes: number, milliseconds: number): void {
  const { width, height, stage, seed, times, warnings } = result;
  run.reporter.clear();
  if (run.json) {
    const rounded = Math.round(milliseconds);
    const record = {
      ok: true,
      ...plan,
      width,
      height,
      bytes,
      stage,
      seed: String(seed),
      milliseconds: rounded,
      times,
      warnings,
      ...(run.options.task === 'unaligned_face' && {
        faces: result.faces.map(({ box, score, landmarks }) => ({ box, score, landmarks })),
      }),
    };
    run.terminal.stdout.write(`${JSON.stringify(record)}\n`);
    return;
  }
  run.terminal.stdout.write(`${plan.output}\n`);
  if (run.quiet) return;
  run.reporter.line(`${plan.input}: ${width} x ${height}, stage ${stage}, ${(milliseconds / 1000).toFixed(1)} s`);
  for (const warning of warnings) run.reporter.line(`${plan.input}: warning: ${warning}`);
}

function reportFailure(run: Run, plan: Plan, error: unknown): void {
  const code = error instanceof DiffBIRError ? error.code : 'DIFFBIR_INTERNAL';
  const message = error instanceof Error ? error.message : String(error);
  if (run.json) run.terminal.stdout.write(`${JSON.stringify({ ok: false, ...plan, error: { code, message } })}\n`);
  else run.reporter.line(`${plan.input}: error: ${message} [${code}]`);
}
