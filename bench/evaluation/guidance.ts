import { compare } from '../../src/compare';
import { Restorer } from '../../src/restorer';
import { linePlot } from '../plot';
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

/** An SVG with both curves over the scale, each with its own axis. */
export function guidancePlot(points: readonly GuidancePoint[]): string {
  const x = points.map((_, i) => i);
  const curve = (title: string, colour: string, side: 'left' | 'right', y: readonly number[]) =>
    ({ title, colour, side, x, y, dots: true, digits: 2 }) as const;
  const labels = points.map(({ scale }, at) => ({ at, text: String(scale) }));
  const psnrs = points.map(({ psnrToStage1 }) => psnrToStage1);
  const niqes = points.map(({ niqe }) => niqe);
  return linePlot({ title: 'guidance scale', range: [0, points.length - 1], labels }, [
    curve('PSNR to stage 1, dB', '#0b6bcb', 'left', psnrs),
    curve('NIQE', '#c4442b', 'right', niqes),
  ]);
}
