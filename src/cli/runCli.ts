import { Command, CommanderError, Option } from 'commander';
import { InvalidOptionError } from '../errors';
import { packageVersion } from '../packageVersion';
import { addCompareCommand } from './compare';
import { addDegradeCommand } from './degrade';
import { addDoctorCommand, addSelfTestCommand } from './doctor';
import { addEstimateCommand } from './estimate';
import { EXIT, type ExitCode } from './exitCodes';
import { expandInputs } from './expandInputs';
import { addFlags, typedOptions } from './flags';
import { addInspectCommand } from './inspect';
import { addInspectModelCommand } from './inspectModel';
import { addInstallCudaCommand, type InstallCuda } from './installCuda';
import { parametersOf, withTyped } from './like';
import { planOutputs } from './planOutputs';
import { addPullCommand, type Pull } from './pull';
import { createReporter, type Terminal } from './reporter';
import { type CreateRestorer, restoreFiles } from './restoreFiles';
import { UsageError } from './usageError';

export interface Cli {
  /** The words after the program's name. */
  readonly argv: readonly string[];
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  readonly createRestorer: CreateRestorer;
  /** Downloads a model; tests give another. */
  readonly pull?: Pull;
  /** Installs GPU libraries; tests give another. */
  readonly installCuda?: InstallCuda;
  /** The child of `diffbir doctor`: program and arguments; tests give another. */
  readonly selfTest?: readonly string[];
}

const FOOTER = `
IN is a picture, a folder, or a pattern in quotes ('photos/**/*.jpg'). OUT is a file when there is one picture and OUT
is named like one (restored.png), else a folder. Every picture has the same seed, whatever else is restored; with
--samples, sample k has the seed SEED + k, and its name ends in _k.

Exit codes: ${EXIT.ok} all restored, ${EXIT.failed} the model or a picture failed, ${EXIT.usage} wrong usage, ${EXIT.interrupted} interrupted.

Examples:
  $ diffbir restore old.jpg -o restored.jpg
  $ diffbir restore photos -o restored --recursive --stage 1
  $ diffbir restore 'scans/*.tif' -o out --model v2.1 --steps 30 --json
  $ diffbir restore other.jpg -o other.png --like restored.jpg
`;

/** Runs one command line to its end. Prints; never throws. */
export async function runCli(cli: Cli): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok;
  const program = createProgram(cli, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(cli.argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    return report(error, cli);
  }
}

/** Every command with its arguments and flags, from which docs/reference/cli.md comes too; `done` gets the exit code. */
export function createProgram(cli: Cli, done: (code: ExitCode) => void): Command {
  const { terminal } = cli;
  // Before the commands, which take these settings over.
  const program = new Command('diffbir')
    .description('Restores degraded photographs with DiffBIR.')
    .version(packageVersion())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
    });
  const restore = addFlags(
    program
      .command('restore')
      .description('Restore pictures.')
      .argument('<IN...>', 'pictures, folders or patterns')
      .requiredOption('-o, --out <OUT>', 'file or folder to write to')
      .addOption(new Option('--like <IMAGE>', 'take options and seed from a restored picture; typed ones go first'))
      .addOption(new Option('-r, --recursive', 'also pictures in folders below; the tree is kept'))
      .addOption(new Option('-f, --force', 'overwrite existing files'))
      .addOption(
        new Option(
          '--save-faces',
          'with --task unaligned_face: also write each face and the background, in folders beside OUT',
        ),
      )
      .addOption(new Option('--json', 'one JSON object a picture on stdout'))
      .addOption(new Option('-q, --quiet', 'print errors alone')),
  )
    .addHelpText('after', FOOTER)
    .action(async (words: string[]) => {
      done(await restoreCommand(cli, restore, words));
    });
  addDegradeCommand(program, cli, done);
  addCompareCommand(program, cli, done);
  addInspectModelCommand(addInspectCommand(program, cli, done), cli, done);
  addEstimateCommand(program, cli, done);
  addPullCommand(program, cli, done);
  addInstallCudaCommand(program, cli, done);
  addDoctorCommand(program, cli, done);
  addSelfTestCommand(program, cli, done);
  return program;
}

async function restoreCommand(cli: Cli, command: Command, words: readonly string[]): Promise<ExitCode> {
  const { out, like: image, recursive = false, force = false, json = false, quiet = false } = command.opts();
  const { saveFaces = false } = command.opts();
  const typed = typedOptions(command);
  const like = image === undefined ? undefined : await parametersOf(image, cli.signal);
  const options = like ? withTyped({ task: like.task, ...like.options }, typed) : typed;
  if (saveFaces && options.task !== 'unaligned_face') throw new UsageError('--save-faces needs --task unaligned_face');
  const inputs = await expandInputs(words, { recursive, exclude: out });
  if (inputs.length === 0) throw new UsageError(`No pictures in ${words.join(', ')}`);
  const plans = planOutputs(inputs, out, options.format, options.samples);
  const reporter = createReporter(cli.terminal, quiet || json);
  return restoreFiles({ ...cli, plans, options, like, force, saveFaces, json, quiet, reporter });
}

function report(error: unknown, { terminal, signal }: Cli): ExitCode {
  // Commander has printed its own message already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (signal.aborted) return EXIT.interrupted;
  const code = (error as { code?: string }).code;
  terminal.stderr.write(
    `error: ${error instanceof Error ? error.message : String(error)}${code ? ` [${code}]` : ''}\n`,
  );
  return error instanceof UsageError || error instanceof InvalidOptionError ? EXIT.usage : EXIT.failed;
}
