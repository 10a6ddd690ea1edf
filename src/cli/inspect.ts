import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { DiffBIRError } from '../errors';
import { type Inspection, inspect } from '../inspect';
import { MANIFEST_FILE } from '../models/manifest';
import { groupOf } from '../options/groups';
import { EXIT, type ExitCode } from './exitCodes';
import { expandInputs } from './expandInputs';
import type { Terminal } from './reporter';
import { UsageError } from './usageError';

interface Context {
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

const FOOTER = `
What a picture was made with stands in its XMP, unless it was restored with --no-save-parameters.
To make it again: diffbir restore IN -o OUT --like IMAGE, with the --model that is named.
A picture or folder that is called model: ./model
`;

/** Adds `diffbir inspect`; `done` gets its exit code. */
export function addInspectCommand(program: Command, context: Context, done: (code: ExitCode) => void): Command {
  const command = program
    .command('inspect')
    .description('Print what restored pictures were made with: package version, model, options, seed.')
    .argument('<IMAGE...>', 'pictures, folders or patterns')
    .option('--json', 'one JSON object a picture on stdout; parameters null: the picture has none')
    .addHelpText('after', FOOTER)
    .action(async (words: string[]) => {
      const inputs = await expandInputs(words, { recursive: false, exclude: '' });
      if (inputs.length === 0) throw new UsageError(noPictures(words));
      let code: ExitCode = EXIT.ok;
      for (const { file } of inputs) {
        if (!(await inspectFile(file, context, command.opts().json))) code = EXIT.failed;
      }
      done(context.signal.aborted ? EXIT.interrupted : code);
    });
  return command;
}

function noPictures(words: readonly string[]): string {
  const model = words.find((word) => existsSync(path.join(word, MANIFEST_FILE)));
  return `No pictures in ${words.join(', ')}${model === undefined ? '' : `: a model is printed by inspect model ${model}`}`;
}

async function inspectFile(input: string, { terminal, signal }: Context, json: boolean): Promise<boolean> {
  try {
    const found = await inspect(input, { signal });
    terminal.stdout.write(json ? line({ ok: true, input, ...found }) : shown(input, found));
    return true;
  } catch (error) {
    const code = error instanceof DiffBIRError ? error.code : 'DIFFBIR_INTERNAL';
    const message = error instanceof Error ? error.message : String(error);
    if (json) terminal.stdout.write(line({ ok: false, input, error: { code, message } }));
    else terminal.stderr.write(`${input}: error: ${message} [${code}]\n`);
    return false;
  }
}

/** A seed that no number holds exactly is written as a string. */
function line(record: object): string {
  return `${JSON.stringify(record, (_, value) => (typeof value === 'bigint' ? String(value) : value))}\n`;
}

function shown(input: string, { format, width, height, parameters }: Inspection): string {
  const head = `${input}: ${format}, ${width} x ${height}\n`;
  if (!parameters) return `${head}  no generation parameters\n`;
  const rows = Object.entries(parameters.options).flatMap(([name, value]): [string, unknown][] =>
    groupOf(name)
      ? Object.entries(value as object).map(([member, inner]) => [`${name}.${member}`, inner])
      : [[name, value]],
  );
  const lines = [['diffbir', parameters.version], ['model', parameters.model], ['task', parameters.task], ...rows].map(
    ([name, value]) => `  ${String(name).padEnd(23)} ${printable(value)}\n`,
  );
  return head + lines.join('');
}

/** Text of a file must not steer the terminal. */
export function printable(value: unknown): string {
  const text = typeof value === 'string' && value !== '' && value === value.trim() ? value : undefined;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the point
  if (text !== undefined && !/[\u0000-\u001f\u007f-\u009f]/.test(text)) return text;
  return typeof value === 'bigint' ? String(value) : JSON.stringify(value).replace(/[\u007f-\u009f]/g, '?');
}
