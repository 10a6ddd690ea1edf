import type { Command } from 'commander';
import { ESTIMATE_OPTIONS, type Estimate, estimate } from '../estimate';
import type { Size } from '../workSize';
import { EXIT, type ExitCode } from './exitCodes';
import { addFlags, typedOptions } from './flags';
import { printable } from './inspect';
import type { Terminal } from './reporter';
import { columns, duration, mebibytes } from './units';

const FOOTER = `
Times are estimates from a calibration of a third of a second; what else the machine does changes them. Loading the model
comes on top, once. Memory is resident memory; what is mapped from files is given back where it is short.

Examples:
  $ diffbir estimate old.jpg --upscale 4 --model ./diffbir-v2.1
  $ diffbir estimate 1024x768 --steps 20 --json
`;

/** Adds `diffbir estimate`; `done` gets its exit code. */
export function addEstimateCommand(
  program: Command,
  { terminal, signal }: { terminal: Terminal; signal: AbortSignal },
  done: (code: ExitCode) => void,
): Command {
  const command = addFlags(
    program
      .command('estimate')
      .description('Say before a restoration what it takes: size, tiles, memory, operations, time.')
      .argument('<IMAGE|WxH>', 'a picture, or its size in pixels')
      .option('--json', 'one JSON object on stdout: bytes, seconds'),
    ESTIMATE_OPTIONS,
  );
  return command.addHelpText('after', FOOTER).action(async (word: string) => {
    const found = await estimate(sizeIn(word) ?? word, { ...typedOptions(command, ESTIMATE_OPTIONS), signal });
    terminal.stdout.write(command.opts().json ? `${JSON.stringify(found)}\n` : shown(found));
    done(EXIT.ok);
  });
}

/** `1024x768`. A picture of such a name: ./1024x768 */
function sizeIn(word: string): Size | undefined {
  const [, width, height] = /^(\d+)x(\d+)$/.exec(word) ?? [];
  return width === undefined ? undefined : { width: Number(width), height: Number(height) };
}

/** An estimate as text, without the name of the model. */
export function shownEstimate({ device, stages, memory, tiling, work, speed, seconds }: Estimate): string {
  const tile = { stage1: tiling.cleaner, encode: tiling.encoder, sample: tiling.diffusion, decode: tiling.decoder };
  const rows = stages.map(({ stage, tiles, passes, flop, seconds: time }) => [
    stage,
    tiles === 1 ? 'whole' : `${tiles} tiles of ${tile[stage]}`,
    `${passes}`,
    (flop / 1e9).toFixed(flop < 1e10 ? 2 : 0),
    time === undefined ? '' : duration(time),
  ]);
  const { mapped, copied, base, peak } = memory;
  return [
    columns([
      ['stage', `${pixels(work)}`, 'passes', 'GFLOP', speed ? 'about' : ''],
      ...rows,
      ...(seconds === undefined ? [] : [['together', '', '', '', duration(seconds)]]),
    ]),
    speed
      ? `  memory at most about ${mebibytes(peak)}: ${mebibytes(mapped)} mapped weights, ${mebibytes(copied)} other weights, ` +
        `${mebibytes(memory.work)} work, ${mebibytes(base)} Node.js\n`
      : `  memory of ${device.provider}:${device.index} at most about ${mebibytes(peak)}: ${mebibytes(copied)} weights, ` +
        `${mebibytes(memory.work)} work, ${mebibytes(base)} libraries\n`,
    speed
      ? `  an estimate at ${speed.gflops.toFixed(0)} GFLOP/s with ${speed.threads} threads\n`
      : '  no estimate of time: the speed of a GPU is not measured\n',
  ].join('');
}

function shown(found: Estimate): string {
  const { model, stage, input, output } = found;
  return `${printable(model)}, stage ${stage}: ${pixels(input)} to ${pixels(output)}\n${shownEstimate(found)}`;
}

function pixels({ width, height }: Size): string {
  return `${width} x ${height}`;
}
