import type { Comparison } from '../../src/compare';
import type { GuidancePoint } from './guidance';
import { STAGE1 } from './methods';

/** One picture by one method at one strength. */
export interface Measurement {
  readonly picture: string;
  readonly strength: string;
  readonly method: string;
  readonly milliseconds: number;
  readonly comparison: Comparison;
  /** Mean of this result - stage 1's in R, G and B, in levels; empty for what is no restoration. */
  readonly shiftFromStage1: readonly number[];
}

type Column = readonly [title: string, value: (measurement: Measurement) => number | null, digits: number];

const COLUMNS: readonly Column[] = [
  ['PSNR', ({ comparison }) => comparison.psnr, 2],
  ['PSNR-Y', ({ comparison }) => comparison.psnrY, 2],
  ['SSIM', ({ comparison }) => comparison.ssim, 4],
  ['MS-SSIM', ({ comparison }) => comparison.msSsim, 4],
  ['NIQE', ({ comparison }) => comparison.picture.niqe, 2],
  ['high freq.', ({ comparison }) => comparison.picture.highFrequency, 1],
  ['ms', ({ milliseconds }) => milliseconds, 0],
];

/** The Markdown page: means by strength and over all, what the columns mean, then every picture. */
export function report(
  measurements: readonly Measurement[],
  { setup, sheets, guidance }: { setup: string; sheets: readonly string[]; guidance: readonly GuidancePoint[] },
): string {
  const strengths = unique(measurements.map(({ strength }) => strength));
  const originals = measurements
    .filter(({ method }) => method === STAGE1)
    .map(({ comparison }) => comparison.reference);
  return `# Evaluation

Written by \`npm run evaluate\`. ${setup}

Means over pictures. PSNR in dB over R, G and B, and on luma (BT.601, 16 to 235); SSIM over R, G and B; MS-SSIM on luma.
NIQE: lower is more like a good photograph, by this project's own model (\`assets/niqe.json\`); the originals have
${shown(mean(originals.map(({ niqe }) => niqe)), 2)}. High frequency: mean square of the finest band; the originals have
${shown(mean(originals.map(({ highFrequency }) => highFrequency)), 1)}. Shift: the largest difference of any picture's mean red,
green or blue from stage 1's, in levels of 255. Real-ESRGAN: its compact network (realesr-general-x4v3), enlarged x4 and
reduced to size.

${[...strengths, 'all'].map((strength) => table(strength, measurements)).join('\n')}
${sheets.map((sheet) => `![${sheet}](${sheet})`).join('\n\n')}

${guidanceTable(guidance)}## Every picture

${everyPicture(measurements)}`;
}

function table(strength: string, measurements: readonly Measurement[]): string {
  const chosen = measurements.filter((measurement) => strength === 'all' || measurement.strength === strength);
  const rows = unique(chosen.map(({ method }) => method)).map((method) => {
    const ofMethod = chosen.filter((measurement) => measurement.method === method);
    const cells = COLUMNS.map(([, value, digits]) => shown(mean(ofMethod.map(value)), digits));
    const shifts = ofMethod.flatMap(({ shiftFromStage1 }) => shiftFromStage1.map(Math.abs));
    return row([method, ...cells, shown(shifts.length > 0 ? Math.max(...shifts) : null, 2)]);
  });
  return `## ${strength === 'all' ? 'All strengths' : capital(strength)}\n\n${head(['', ...COLUMNS.map(([title]) => title), 'shift'])}${rows.join('')}`;
}

function guidanceTable(points: readonly GuidancePoint[]): string {
  if (points.length === 0) return '';
  const rows = points.map(({ scale, psnrToStage1, niqe }) => row([`${scale}`, shown(psnrToStage1, 2), shown(niqe, 2)]));
  return `## Guidance

Both stages on every second photograph at medium strength, by \`guidance.scale\`: PSNR to stage 1's picture, and NIQE.

${head(['scale', 'PSNR to stage 1', 'NIQE'])}${rows.join('')}
![guidance.svg](guidance.svg)

`;
}

function everyPicture(measurements: readonly Measurement[]): string {
  const methods = unique(measurements.map(({ method }) => method));
  const rows = unique(measurements.map(({ picture, strength }) => `${picture}|${strength}`)).map((key) => {
    const ofPicture = measurements.filter(({ picture, strength }) => `${picture}|${strength}` === key);
    const cells = methods.map((method) => {
      const found = ofPicture.find((measurement) => measurement.method === method)?.comparison;
      return found ? `${shown(found.psnr, 2)} / ${shown(found.ssim, 3)} / ${shown(found.picture.niqe, 1)}` : '';
    });
    return row([...key.split('|'), ...cells]);
  });
  return `PSNR / SSIM / NIQE.\n\n${head(['picture', 'strength', ...methods])}${rows.join('')}`;
}

function head(titles: readonly string[]): string {
  return row(titles) + row(titles.map((_, i) => (i === 0 ? '---' : '--:')));
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |\n`;
}

/** Of those that are defined. */
function mean(values: readonly (number | null)[]): number | null {
  const defined = values.filter((value) => value !== null);
  return defined.length > 0 ? defined.reduce((sum, value) => sum + value, 0) / defined.length : null;
}

function shown(value: number | null, digits: number): string {
  return value === null ? '-' : value.toFixed(digits);
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
