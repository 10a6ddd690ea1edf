import { compare } from '../../src/compare';
import { Restorer } from '../../src/restorer';
import { type Pixels, pixelsOf } from './methods';

/** How far the results of one guidance scale are from stage 1's, and how natural they look; means over pictures. */
export interface GuidancePoint {
  readonly scale: number;
  /** In dB; larger: nearer to stage 1. */
  readonly psnrToStage1: number;
  readonly niqe: number;
}

/** 0 is no guidance. */
export const SCALES = [0, 0.25, 0.5, 1, 2, 4] as const;

/** The paper's trade-off (section 3.4, figure 8): the same pictures and seeds at every scale. */
export async function sweepGuidance(model: string | undefined, degraded: readonly Pixels[]): Promise<GuidancePoint[]> {
  await using restorer = await Restorer.create({ model, upscale: 1 });
  const stage1 = [];
  for (const picture of degraded) stage1.push(pixelsOf(await restorer.restore(picture, { stage: 1 })));
  const points: GuidancePoint[] = [];
  for (const scale of SCALES) {
    const comparisons = [];
    for (const [i, picture] of degraded.entries()) {
      const both = pixelsOf(await restorer.restore(picture, { stage: 2, guidance: { scale } }));
      comparisons.push(await compare(stage1[i] as Pixels, both));
    }
    points.push({
      scale,
      psnrToStage1: mean(comparisons.map(({ psnr }) => psnr)),
      niqe: mean(comparisons.map(({ picture }) => picture.niqe)),
    });
    console.log(`guidance ${scale}: ${JSON.stringify(points.at(-1))}`);
  }
  return points;
}

/** Only what is defined: a flat picture has no NIQE, an equal one no PSNR. */
function mean(values: readonly (number | null)[]): number {
  const defined = values.filter((value) => value !== null);
  return defined.reduce((sum, value) => sum + value, 0) / defined.length;
}

const [WIDTH, HEIGHT, MARGIN] = [640, 320, 56];

/** An SVG with both curves over the scale, each with its own axis. */
export function guidancePlot(points: readonly GuidancePoint[]): string {
  const x = (i: number) => MARGIN + (i * (WIDTH - 2 * MARGIN)) / (points.length - 1);
  const curve = (title: string, colour: string, values: readonly number[], side: 'left' | 'right') => {
    const [labelsAt, anchor] = side === 'left' ? [MARGIN - 8, 'end'] : [WIDTH - MARGIN + 8, 'start'];
    const [titleAt, titleAnchor] = side === 'left' ? [8, 'start'] : [WIDTH - 8, 'end'];
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const y = (value: number) => HEIGHT - MARGIN - ((value - low) / (high - low || 1)) * (HEIGHT - 2 * MARGIN);
    const line = values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    const dots = values
      .map((value, i) => `<circle cx="${x(i).toFixed(1)}" cy="${y(value).toFixed(1)}" r="3"/>`)
      .join('');
    const labels = [low, high]
      .map((value) => `<text x="${labelsAt}" y="${y(value) + 4}" text-anchor="${anchor}">${value.toFixed(2)}</text>`)
      .join('');
    const heading = `<text x="${titleAt}" y="20" text-anchor="${titleAnchor}">${title}</text>`;
    return `<g fill="${colour}"><polyline points="${line}" fill="none" stroke="${colour}" stroke-width="2"/>${dots}${labels}${heading}</g>`;
  };
  const scales = points
    .map(({ scale }, i) => `<text x="${x(i).toFixed(1)}" y="${HEIGHT - 20}" text-anchor="middle">${scale}</text>`)
    .join('');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
${curve(
  'PSNR to stage 1, dB',
  '#0b6bcb',
  points.map(({ psnrToStage1 }) => psnrToStage1),
  'left',
)}
${curve(
  'NIQE',
  '#c4442b',
  points.map(({ niqe }) => niqe),
  'right',
)}
<g fill="#333">${scales}<text x="${WIDTH / 2}" y="${HEIGHT - 4}" text-anchor="middle">guidance scale</text></g>
</svg>
`;
}
