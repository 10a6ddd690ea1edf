// A real model for the life-cycle tests: the small golden networks, and jobs that last as long as a test asks.
import { fileURLToPath } from 'node:url';
import type { ModelSpec, RestoreJob } from '../../src/native/binding';
import { openGolden } from '../golden-runner/context';
import { networksOf } from '../golden-runner/networks';
import { scheduleConfig, scheduleOf } from '../golden-runner/schedules';

/** The file of the cleaner, which stays mapped as long as a model is loaded. */
export const CLEANER_FILE = 'swinir_a.ckpt';

/** Both stages, or the cleaner alone. One thread each, so that jobs side by side do not wait for each other. */
export async function goldenSpec({ stage }: { stage: 1 | 2 }): Promise<ModelSpec> {
  const ctx = await openGolden(fileURLToPath(new URL('../golden', import.meta.url)));
  const networks = networksOf(ctx.entry('pipeline/swinir_v2.1_150x200.safetensors'), ctx);
  const cleaner = await networks.swinir();
  const execution = { provider: 'cpu', device: 0 } as const;
  if (stage === 1) return { cleaner, stage2: null, faces: null, threads: 1, keepNetworks: true, execution };
  return {
    cleaner,
    stage2: {
      vaeEncoder: await networks.vaeEncoder(),
      vaeDecoder: await networks.vaeDecoder(),
      textEncoder: await networks.text(),
      unet: await networks.unet(),
      controlnet: await networks.controlnet(),
      schedule: await scheduleOf(ctx, scheduleConfig('v2.1')),
      latentScaleFactor: await networks.latentScaleFactor(),
      minShortEdge: 512,
    },
    faces: null,
    threads: 1,
    keepNetworks: true,
    execution,
  };
}

/** A picture of one grey. In stage 2 each of `steps` reports progress; in stage 1 the size decides how long it takes. */
export function jobOf({ stage, steps = 1, size = 64 }: { stage: 1 | 2; steps?: number; size?: number }): RestoreJob {
  return {
    image: { width: size, height: size, data: new Uint8Array(size * size * 3).fill(100) },
    isFace: false,
    stage,
    upscale: 1,
    sampler: 'spaced',
    steps,
    cfgScale: 1,
    rescaleCfg: false,
    cfgStart: 0,
    cfgStop: 1,
    reuse: 'none',
    reuseInterval: 2,
    edm: { sChurn: 0, sTmin: 0, sTmax: 300, sNoise: 1, eta: 1, order: 1 },
    strength: 1,
    noiseAug: 0,
    startPoint: 'noise',
    guidance: { loss: 'mse', space: 'latent', scale: 0, start: 1001, stop: -1, repeat: 1 },
    fidelity: 0,
    tiling: {
      cleaner: { tile: 0, stride: 1 },
      encoder: 0,
      decoder: 0,
      diffusion: { tile: 0, stride: 1 },
      batch: 1,
      encoderAtOnce: true,
      decoderAtOnce: true,
    },
    padding: 'reflect',
    parity: false,
    colorFix: 'wavelet',
    rng: 'torch',
    positiveTokens: new Int32Array(77),
    negativeTokens: new Int32Array(77),
    seed: 231n,
    noise: [],
    trace: false,
    keepNetworks: true,
  };
}

export const ENDLESS = 1000;
