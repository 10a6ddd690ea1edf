import type { Command } from 'commander';
import { type Comparison, compare } from '../compare';
import { EXIT, type ExitCode } from './exitCodes';
import type { Terminal } from './reporter';

/** Adds `diffbir compare`; `done` gets its exit code. */
export function addCompareCommand(
  program: Command,
  { terminal, signal }: { terminal: Terminal; signal: AbortSignal },
  done: (code: ExitCode) => void,
): Command {
  const command = program
    .command('compare')
    .description(
      'Measure picture B against A, the one that it should be: PSNR, SSIM, MS-SSIM, NIQE, sharpness, colours.',
    )
    .argument('<A>', 'the original')
    .argument('<B>', 'a picture of the same size')
    .option('--json', 'one JSON object on stdout; null: not defined for this picture, and the PSNR of equal pictures')
    .action(async (a: string, b: string) => {
      const comparison = await compare(a, b, { signal });
      terminal.stdout.write(command.opts().json ? `${JSON.stringify(comparison)}\n` : table(comparison));
      done(EXIT.ok);
    });
  return command;
}

function table({ psnr, psnrY, ssim, ssimY, msSsim, colorShift, reference, picture }: Comparison): string {
  const shift = colorShift.map((value) => `${value > 0 ? '+' : ''}${value.toFixed(2)}`).join(' ');
  const rows: [string, string][] = [
    ['PSNR', `${psnr.toFixed(2)} dB (luma ${psnrY.toFixed(2)} dB)`],
    ['SSIM', `${shown(ssim, 4)} (luma ${shown(ssimY, 4)})`],
    ['MS-SSIM', shown(msSsim, 4)],
    ['NIQE', `${shown(picture.niqe, 2)} (A: ${shown(reference.niqe, 2)})`],
    ['high-frequency energy', `${picture.highFrequency.toFixed(2)} (A: ${reference.highFrequency.toFixed(2)})`],
    ['colour shift (R G B)', `${shift} levels`],
  ];
  return rows.map(([name, value]) => `${name.padEnd(22)} ${value}\n`).join('');
}

function shown(value: number | null, digits: number): string {
  return value === null ? 'not defined' : value.toFixed(digits);
}
