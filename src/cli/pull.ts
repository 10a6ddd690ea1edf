import { Argument, type Command, Option } from 'commander';
import { DiffBIRError } from '../errors';
import { type OfficialModelInfo, officialModels } from '../models/officialModels';
import { OFFICIAL_MODEL_NAMES, type OfficialModelName } from '../models/registry';
import { pull } from '../pull';
import { EXIT, type ExitCode } from './exitCodes';
import { createReporter, type Reporter, type Terminal } from './reporter';
import { createTransferMeter, sizeText } from './transferMeter';
import { UsageError } from './usageError';

export type Pull = typeof pull;

interface Context {
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  readonly pull?: Pull;
}

const FOOTER = `
Files come from the Hugging Face hub into its own cache, which Python programs share, and from GitHub into
~/.cache/diffbir. What is there already is not downloaded again, and what was interrupted goes on where it stopped.

Environment: HF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE, DIFFBIR_CACHE, HTTPS_PROXY, NO_PROXY.

Examples:
  $ diffbir pull v2.1
  $ diffbir pull --list
`;

/** Adds `diffbir pull`; `done` gets its exit code. */
export function addPullCommand(program: Command, context: Context, done: (code: ExitCode) => void): Command {
  const command = program
    .command('pull')
    .description('Download official models, for --model.')
    .addArgument(new Argument('[NAME...]', 'models').choices(OFFICIAL_MODEL_NAMES))
    .addOption(new Option('--list', 'print the models with files, sizes and licences; + is there already; no network'))
    .addOption(new Option('--json', 'one JSON object a file (with --list a model) on stdout'))
    .addOption(new Option('-q, --quiet', 'print errors alone'))
    .addHelpText('after', FOOTER)
    .action(async (names: OfficialModelName[]) => {
      const { list = false, json = false, quiet = false } = command.opts();
      if (names.length === 0 && !list) throw new UsageError(`Name a model: ${OFFICIAL_MODEL_NAMES.join(', ')}`);
      if (list) {
        const models = await officialModels();
        for (const model of models.filter(({ name }) => names.length === 0 || names.includes(name))) {
          context.terminal.stdout.write(json ? `${JSON.stringify(model)}\n` : listed(model));
        }
        return done(EXIT.ok);
      }
      const reporter = createReporter(context.terminal, quiet || json);
      let code: ExitCode = EXIT.ok;
      for (const name of new Set(names)) {
        if (!(await pullModel(name, { ...context, reporter, json, isQuiet: quiet || json }))) code = EXIT.failed;
        if (context.signal.aborted) return done(EXIT.interrupted);
      }
      done(code);
    });
  return command;
}

interface Run extends Context {
  readonly reporter: Reporter;
  readonly json: boolean;
  readonly isQuiet: boolean;
}

/** One model that fails does not stop the others. */
async function pullModel(name: OfficialModelName, run: Run): Promise<boolean> {
  const { terminal, signal, reporter, json, isQuiet } = run;
  const meter = createTransferMeter(reporter, isQuiet);
  try {
    const { files } = await (run.pull ?? pull)(name, { signal, onProgress: meter });
    reporter.clear();
    for (const file of files) {
      terminal.stdout.write(json ? `${JSON.stringify({ ok: true, name, ...file })}\n` : `${file.path}\n`);
    }
    return true;
  } catch (error) {
    reporter.clear();
    const code = error instanceof DiffBIRError ? error.code : 'DIFFBIR_INTERNAL';
    const message = error instanceof Error ? error.message : String(error);
    if (json) terminal.stdout.write(`${JSON.stringify({ ok: false, name, error: { code, message } })}\n`);
    else if (signal.aborted) reporter.line(`${name}: interrupted; the same command goes on from here`);
    else reporter.line(`${name}: error: ${message} [${code}]`);
    return false;
  }
}

function listed({ name, files }: OfficialModelInfo): string {
  const there = files.filter(({ path }) => path !== undefined).length;
  const state =
    there === files.length ? 'downloaded' : there === 0 ? 'not downloaded' : `${there} of ${files.length} files`;
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const rows = files.map(
    (file) =>
      `  ${file.path === undefined ? ' ' : '+'} ${file.file.padEnd(30)} ${sizeText(file.bytes).padStart(8)}  ${file.license}\n`,
  );
  return `${name}: ${sizeText(bytes)}, ${state}\n${rows.join('')}`;
}
