// What a soak restores: pictures of many sizes and formats with many options, some of them aborted, some of no use.
import sharp from 'sharp';
import type { ImageInput } from '../../src/image/types';
import type { RestoreOptions } from '../../src/options/RestoreOptions';

export interface SoakJob {
  readonly input: ImageInput;
  readonly options: RestoreOptions;
  /** Milliseconds after which it is aborted. */
  readonly abortAfter: number | undefined;
  /** Loads a model of its own. */
  readonly alone: boolean;
  /** Whether it can be restored. */
  readonly isGood: boolean;
}

type Random = () => number;

const FORMATS = ['png', 'jpeg', 'webp', 'tiff', 'avif'] as const;

/** Options that lead through different code. */
const WAYS: readonly RestoreOptions[] = [
  { stage: 1 },
  { stage: 1, upscale: 2 },
  { steps: 2 },
  { steps: 1, samples: 2 },
  { steps: 3, speed: 'balanced' },
  { steps: 2, sampler: 'edm_dpm++_3m_sde' },
  { steps: 2, guidance: { scale: 1 } },
  { steps: 1, guidance: { scale: 1, space: 'rgb' } },
  { steps: 1, tiling: { cleaner: 64, encoder: 64, decoder: 64, diffusion: 64 } },
  { steps: 2, fidelity: 0.5, colorFix: 'adain' },
];

export async function soakJob(random: Random): Promise<SoakJob> {
  const isGood = random() < 0.9;
  const alone = random() < 0.05;
  return {
    input: isGood ? await goodInput(random) : badInput(random),
    options: {
      ...pick(WAYS, random),
      format: pick(FORMATS, random),
      ...(alone && random() < 0.5 && { precision: 'int8' }),
    },
    abortAfter: random() < 0.2 ? Math.floor(random() * 400) : undefined,
    alone,
    isGood,
  };
}

async function goodInput(random: Random): Promise<ImageInput> {
  const [width, height] = [24 + Math.floor(random() * 140), 24 + Math.floor(random() * 140)];
  const channels = pick([3, 4] as const, random);
  const data = new Uint8Array(width * height * channels);
  const [fx, fy] = [1 + random() * 8, 1 + random() * 8];
  for (let i = 0; i < data.length; i++) {
    const pixel = Math.floor(i / channels);
    data[i] = (pixel % width) * fx + Math.floor(pixel / width) * fy + (i % channels) * 60;
  }
  if (random() < 0.15) return { data, width, height, channels };
  const picture = sharp(data, { raw: { width, height, channels } }).withIccProfile('srgb');
  if (random() < 0.15) return picture.toColourspace('rgb16').png().toBuffer();
  if (random() < 0.15) return picture.grayscale().jpeg().toBuffer();
  return picture.toFormat(pick(FORMATS, random)).toBuffer();
}

function badInput(random: Random): ImageInput {
  return pick<ImageInput>(
    [
      new Uint8Array(),
      Buffer.from('<!DOCTYPE html><title>404</title>'),
      Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'),
      Uint8Array.from({ length: 1000 }, () => random() * 256),
      '/no/such/picture.png',
      { data: new Float32Array(12), width: 2, height: 3, channels: 3 },
    ],
    random,
  );
}

function pick<T>(values: readonly T[], random: Random): T {
  return values[Math.floor(random() * values.length)] as T;
}
