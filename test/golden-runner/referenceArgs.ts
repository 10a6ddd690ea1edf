import type { RestoreOptions } from '../../src/options/RestoreOptions';

/** The flags of a command line of the reference (behaviour.md 1.1), with its defaults. */
export interface ReferenceArgs {
  readonly version: string;
  readonly task: string;
  readonly samples: number;
  readonly batchSize: number;
  readonly seed: bigint;
  /** The flags that have an option of the same meaning here. */
  readonly options: RestoreOptions;
  /** Flags that say where and how to run, or nothing to us. */
  readonly others: readonly string[];
}

/** Flags without a value. */
const SWITCHES = ['rescale_cfg', 'cleaner_tiled', 'vae_encoder_tiled', 'vae_decoder_tiled', 'cldm_tiled', 'guidance'];

export function referenceArgs(argv: readonly string[]): ReferenceArgs {
  const given = new Map<string, string>();
  for (let i = 0; i < argv.length; i++) {
    const name = (argv[i] as string).replace(/^--/, '');
    given.set(name, SWITCHES.includes(name) ? 'true' : (argv[++i] as string));
  }
  const used = new Set<string>();
  const text = (name: string, fallback: string) => {
    used.add(name);
    return given.get(name) ?? fallback;
  };
  const number = (name: string, fallback: number) => Number(text(name, String(fallback)));
  const tile = (name: string, part: 'size' | 'stride', fallback: number) =>
    text(`${name}_tiled`, '') ? number(`${name}_tile_${part}`, fallback) : 0;
  const prompts = { pos_prompt: 'prompt', neg_prompt: 'negativePrompt' } as const;
  const options: RestoreOptions = {
    upscale: number('upscale', 4),
    sampler: text('sampler', 'edm_dpm++_3m_sde') as NonNullable<RestoreOptions['sampler']>,
    steps: number('steps', 10),
    startPoint: text('start_point_type', 'noise') as 'noise' | 'cond',
    cfgScale: number('cfg_scale', 6),
    rescaleCfg: text('rescale_cfg', '') !== '',
    noiseAug: number('noise_aug', 0),
    sChurn: number('s_churn', 0),
    sTmin: number('s_tmin', 0),
    sTmax: number('s_tmax', 300),
    sNoise: number('s_noise', 1),
    eta: number('eta', 1),
    order: number('order', 1),
    strength: number('strength', 1),
    tiling: {
      cleaner: tile('cleaner', 'size', 512),
      cleanerStride: tile('cleaner', 'stride', 256),
      encoder: tile('vae_encoder', 'size', 256),
      decoder: tile('vae_decoder', 'size', 256),
      diffusion: tile('cldm', 'size', 512),
      diffusionStride: tile('cldm', 'stride', 256),
    },
    ...Object.fromEntries(
      Object.entries(prompts).flatMap(([flag, name]) => (given.has(flag) ? [[name, text(flag, '')]] : [])),
    ),
    // What the reference does without being asked.
    padding: 'zero',
    parity: true,
  };
  return {
    version: text('version', 'v2.1'),
    task: text('task', 'sr'),
    samples: number('n_samples', 1),
    batchSize: number('batch_size', 1),
    seed: BigInt(text('seed', '231')),
    options,
    others: [...given.keys()].filter((name) => !used.has(name)),
  };
}
