/** Whole pictures of the embedded model on the device, against those of the processor. */
import { createRestorer, type ExecutionChanges } from '../../bench/gpu/restorers';
import type { Item } from '../../bench/gpu/serve';
import type { NativeImage } from '../../src/native/binding';
import { SAMPLERS } from '../../src/options/choices';
import type { RestoreOptions } from '../../src/options/RestoreOptions';
import type { RestoreResult } from '../../src/restoreResult';
import type { Restorer } from '../../src/restorer';
import { atLeast, type Outcome } from './outcome';

/** Float32 on both; identical pictures are infinitely far above. */
const SAME = 50;
const FLOAT16 = 40;

export const WIDTH = 192;
export const HEIGHT = 160;
export const CALL: RestoreOptions = { steps: 4, seed: 231n };
const TILES = { cleaner: 128, diffusion: 128 };
/** Twice as large: tiles of the decoder look 88 pixels into their neighbours, so that a smaller picture is one tile. */
const HALVES: RestoreOptions = { tiling: { encoder: 64, decoder: 64 }, upscale: 2 };

type Named = readonly [name: string, options: RestoreOptions];

const BETWEEN_PICTURES: Named = ['guidance between pictures', { guidance: { scale: 0.05, space: 'rgb' } }];

/** What else there is on a picture's way. */
export const OTHERS: readonly Named[] = [
  ['guidance between latents', { guidance: { scale: 0.05, space: 'latent' } }],
  BETWEEN_PICTURES,
  ['fidelity', { fidelity: 0.5 }],
  ['tiles', { tiling: TILES }],
  ['tiles, 4 at once', { tiling: { ...TILES, batch: 4 } }],
  ['tiles of the autoencoder', HALVES],
  ['colour fix adain', { colorFix: 'adain' }],
  ['no colour fix', { colorFix: 'none' }],
  ['twice as large', { upscale: 2 }],
  ['noise on the condition', { noiseAug: 200, startPoint: 'cond' }],
  ['features used again', { speed: 'fast', steps: 8 }],
  ['parity', { parity: true }],
  ['stage 1 alone', { stage: 1 }],
];

export function pictureItems(device: string): Item<Outcome>[] {
  const samplers = SAMPLERS.map((sampler): Named => [sampler, { sampler }]);
  const onCpu = restorers({ device: 'cpu', precision: 'float32' });
  const float32 = restorers({ device, precision: 'float32' } as RestoreOptions, { cudaGraphs: false });
  const recorded = restorers({ device, precision: 'float32' } as RestoreOptions, { cudaGraphs: true });
  const float16 = restorers({ device, precision: 'float16' } as RestoreOptions, { cudaGraphs: false });
  const item = ([name, options]: Named, got: Get, want: Get, least: number): Item<Outcome> => ({
    name,
    run: async () => compared(await restored(got, options), await restored(want, options), least),
  });
  const few: Named[] = [
    ['spaced', {}],
    ['edm_dpm++_3m_sde', { sampler: 'edm_dpm++_3m_sde' }],
    ['tiles', { tiling: TILES }],
    ['features used again', { speed: 'fast', steps: 8 }],
    ['tiles of the autoencoder', HALVES],
    BETWEEN_PICTURES, // its gradient is in float32 in any case, in float16 with TF32
  ];
  return [
    ...[...samplers, ...OTHERS].map((one) => item(one, float32, onCpu, SAME)),
    ...few.map(([name, options]) => item([`${name}, CUDA graphs`, options], recorded, float32, SAME)),
    ...few.map(([name, options]) => item([`${name}, float16`, options], float16, float32, FLOAT16)),
  ];
}

type Get = () => Promise<Restorer>;

/** One Restorer, created when it is first needed. */
function restorers(options: RestoreOptions, changes?: ExecutionChanges): Get {
  let created: Promise<Restorer> | undefined;
  return () => {
    created ??= createRestorer(options, changes);
    return created;
  };
}

async function restored(restorer: Get, options: RestoreOptions): Promise<RestoreResult> {
  return (await restorer()).restore(testPicture(WIDTH, HEIGHT), { ...CALL, ...options });
}

export function compared(got: NativeImage, want: NativeImage, least: number): Outcome {
  if (got.width !== want.width || got.height !== want.height) {
    return { status: 'FAIL', note: `${got.width}x${got.height} instead of ${want.width}x${want.height}` };
  }
  let [squares, largest, different] = [0, 0, 0];
  for (let i = 0; i < want.data.length; i++) {
    const levels = Math.abs((got.data[i] as number) - (want.data[i] as number));
    squares += levels ** 2;
    largest = Math.max(largest, levels);
    if (levels > 0) different++;
  }
  const share = (100 * different) / want.data.length;
  const decibels = 10 * Math.log10((255 ** 2 * want.data.length) / squares);
  return atLeast(decibels, least, `${share.toFixed(2)} % of values differ, by at most ${largest} levels`);
}

/** Smooth colours, edges and some texture. */
export function testPicture(width: number, height: number) {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    const edge = (Math.floor(x / 24) + Math.floor(y / 24)) % 2 === 0 ? 40 : 0;
    return (x * 120) / width + (y * 60) / height + edge + ((x * 7 + y * 13 + i) % 9);
  });
  return { data, width, height, channels: 3 as const };
}
