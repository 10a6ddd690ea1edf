import path from 'node:path';
import type { Command } from 'commander';
import { INSPECT_MODEL_OPTIONS, inspectModel, type ModelInspection } from '../inspectModel';
import { shownEstimate } from './estimate';
import { EXIT, type ExitCode } from './exitCodes';
import { addFlags, typedOptions } from './flags';
import { printable } from './inspect';
import type { Terminal } from './reporter';
import { columns, fileSize } from './units';

/** Adds `diffbir inspect model` below `inspect`; `done` gets its exit code. */
export function addInspectModelCommand(
  inspect: Command,
  { terminal, signal }: { terminal: Terminal; signal: AbortSignal },
  done: (code: ExitCode) => void,
): Command {
  const command = addFlags(
    inspect
      .command('model')
      .description('Print what a model consists of and takes: networks, files, parameters, memory, time.')
      .argument('<DIR>', 'folder with model.json')
      .option('--json', 'one JSON object on stdout: bytes, seconds'),
    INSPECT_MODEL_OPTIONS,
  );
  return command.action(async (dir: string) => {
    const found = await inspectModel(dir, { ...typedOptions(command, INSPECT_MODEL_OPTIONS), signal });
    // Commander gives a flag that both commands have to the outer one.
    const { json } = command.optsWithGlobals();
    terminal.stdout.write(json ? `${JSON.stringify(found)}\n` : shown(found));
    done(EXIT.ok);
  });
}

function shown({
  name,
  description,
  license,
  task,
  tasks,
  networks,
  parameters,
  bytes,
  at512,
}: ModelInspection): string {
  const rows = networks.map((network) => [
    network.role,
    network.type,
    network.dtypes.join(', '),
    network.parameters.toLocaleString('en'),
    fileSize(network.bytes),
    printable(path.basename(network.file)),
  ]);
  return [
    `${printable(name)}${description === undefined ? '' : `: ${printable(description)}`}\n`,
    `  task ${task} of ${tasks.join(', ')}; license ${license === undefined ? 'not said' : printable(license)}\n`,
    columns([
      ['network', 'type', 'stored as', 'parameters', 'bytes', 'file'],
      ...rows,
      ['together', '', '', parameters.toLocaleString('en'), fileSize(bytes), ''],
    ]),
    '512 x 512 pixels with its defaults:\n',
    shownEstimate(at512),
  ].join('');
}
