// Generated from table.ts by scripts/option-docs.ts (npm run docs:options): edit there.
import type { Device } from '../device/parse';
import type { ModelSource } from '../models/manifest';
import type { Captioner, Logger, RestoreProgress, Tensor } from './values';

/** Restoration guidance: pulls the sampled picture towards the stage-1 result. */
export interface Guidance {
  /**
   * `mse`: the same pull everywhere. `w_mse`: less at edges and in texture, so that detail is still generated
   * there.
   * @default 'w_mse'
   */
  loss?: 'mse' | 'w_mse' | undefined;
  /**
   * `latent` compares latents, at no cost. `rgb` compares pictures through the decoder, whole: about three
   * decodings more at each gradient step, and several times the memory of one.
   * @default 'latent'
   */
  space?: 'latent' | 'rgb' | undefined;
  /**
   * Strength of the pull; 0 switches it off. Larger: closer to stage 1, less invented detail. A number from 0 to
   * 1000.
   * @default 0
   */
  scale?: number | undefined;
  /**
   * Timestep (noise level, 1000 = pure noise) below which guidance applies. An integer from -1 to 1001.
   * @default 1001
   */
  start?: number | undefined;
  /**
   * Timestep above which guidance applies. An integer from -1 to 1001.
   * @default -1
   */
  stop?: number | undefined;
  /**
   * Gradient steps at each sampling step. An integer from 1 to 100.
   * @default 1
   */
  repeat?: number | undefined;
}

/** Cut large pictures up, stage by stage: the work memory then grows with the tile instead of the picture. */
export interface Tiling {
  /**
   * Tile of stage 1, in pixels of its input; 0: as `memoryBudget` allows. A tile as large as the picture keeps it
   * whole, here and below. An integer from 0 to 16384.
   * @default 0
   */
  cleaner?: number | undefined;
  /**
   * Distance between tiles of stage 1, at most their size; 0: half of a given tile, 3/4 of a planned one. Tiles are
   * blended where they overlap. An integer from 0 to 16384.
   * @default 0
   */
  cleanerStride?: number | undefined;
  /**
   * Tile of the VAE encoder; 0: as `memoryBudget` allows. Group statistics are those of the whole picture; where
   * not all tiles fit at once, that takes several times as long. A multiple of 8 from 0 to 16384.
   * @default 0
   */
  encoder?: number | undefined;
  /**
   * Tile of the VAE decoder; 0: as `memoryBudget` allows. Group statistics are those of the whole picture; where
   * not all tiles fit at once, that takes several times as long. A multiple of 8 from 0 to 16384.
   * @default 0
   */
  decoder?: number | undefined;
  /**
   * Tile of the diffusion model; 0: as `memoryBudget` allows. 512 is what its weights were trained at. A multiple
   * of 64 from 0 to 16384.
   * @default 0
   */
  diffusion?: number | undefined;
  /**
   * Distance between tiles of the diffusion model, at most their size; 0: half of a given tile, 3/4 of a planned
   * one. A multiple of 8 from 0 to 16384.
   * @default 0
   */
  diffusionStride?: number | undefined;
  /**
   * Most tiles of stage 1 or of the diffusion model that go through their networks in one call; 0: one on the CPU,
   * where more hardly change the time, and on a GPU as many as `memoryBudget` allows, up to 64. Each needs memory
   * of its own. An integer from 0 to 64.
   * @default 0
   */
  batch?: number | undefined;
}

/** Options of `restore()` and `Restorer`. An option that is `undefined` counts as absent. */
export interface RestoreOptions {
  /**
   * Folder of a model (with `model.json`), the name of an official model (`v2.1`, `v2`, `v1-general`, `v1-face`),
   * or a manifest object with its `root` folder. A folder of that name goes before the official model.
   * @default the embedded model
   */
  model?: string | ModelSource | undefined;
  /**
   * Download what an official model still lacks, up to 7 GB. Without it a missing file is an error that names the
   * command to run.
   * @default false
   */
  download?: boolean | undefined;
  /**
   * Which of the networks of a model to load. `sr`: for photographs, at any upscale. `denoise`: for noise. `face`:
   * for aligned faces, 512 x 512 after upscale. `unaligned_face`: for pictures with faces in them, each of which is
   * found, restored by itself and pasted back.
   * @default 'sr'
   */
  task?: 'sr' | 'denoise' | 'face' | 'unaligned_face' | undefined;
  /**
   * Threads that one operator may use. Another number can add in another order, which changes a pixel here and
   * there by one level. An integer from 1 to 1024.
   * @default the processors of the machine, or as many as the CPU quota of the container is worth
   */
  threads?: number | undefined;
  /**
   * What the networks run on. `auto`: the first GPU that can be used where the GPU libraries are installed (`npx
   * diffbir install-cuda`), else the CPU; `restorer.device` says which, and why. The others are an error where they
   * cannot be used. Pictures are spread over several GPUs, which should be alike: `cuda:0,1`. 'auto', 'cpu',
   * 'cuda', 'cuda:N', 'tensorrt' or 'tensorrt:N', with N from 0 to 99, or several as in 'cuda:0,1', each once.
   * @default 'auto'
   */
  device?: Device | undefined;
  /**
   * How many pictures a Restorer works on at once on each device, as far as `memoryBudget` allows: each is restored
   * as if it were alone, and one that does not fit beside the others waits for them. They share networks and
   * `threads`, so that one alone is faster; together they use cores that one leaves idle. On a GPU they take turns,
   * and only what is done outside of it overlaps. An integer from 1 to 64.
   * @default 1
   */
  concurrency?: number | undefined;
  /**
   * How many calls may wait for a Restorer. One more rejects at once with QueueFullError. An integer from 0 to
   * 1000000, true for the default, or false for no limit.
   * @default 1000
   */
  queueLimit?: number | boolean | undefined;
  /**
   * Which of the calls that wait for a Restorer goes first: the one with the highest. A running one is not
   * interrupted. An integer from -100 to 100.
   * @default 0
   */
  priority?: number | undefined;
  /**
   * Whose call this is, for instance the key of a user. Callers whose calls wait with the same `priority` take
   * turns, so that nobody waits for all the calls of another. A string of at most 1000 characters without NUL.
   * @default ''
   */
  caller?: string | undefined;
  /**
   * File of the native addon, `diffbir.node`, for bundlers and Electron, which move it; ONNX Runtime is taken from
   * beside it. Before the environment variable `DIFFBIR_BINDING_PATH`.
   * @default the platform package's
   */
  nativeBinding?: string | undefined;
  /**
   * What the networks of stage 2 compute with. `float16`, on GPUs alone and for the cleaner and the text encoder
   * too: weights and activations of 16 bits. `int8`, on the CPU alone: weights and activations of 8 bits, on
   * processors with AVX-512 VNNI less than half of the time, about half of the memory, and a picture that differs
   * little (above 50 dB with the embedded model). With AVX2 alone it takes somewhat less time than float32, without
   * that several times as much. Not with `parity`.
   * @default `float16` on a GPU, `float32` on the CPU and with `parity`
   */
  precision?: 'float32' | 'float16' | 'int8' | undefined;
  /**
   * 1: the restoration module alone (removes degradation, invents nothing). 2: both stages (adds generated detail).
   * @default 2 if the model has both stages
   */
  stage?: 1 | 2 | undefined;
  /**
   * Output size per axis is trunc(size * upscale). A number above 0, at most 64.
   * @default 1
   */
  upscale?: number | undefined;
  /**
   * Sampler of stage 2. `spaced`: ancestral DDPM sampling on a subset of the timesteps. `ddim` and the DPM-Solvers
   * (`dpm...`: multistep or singlestep, order 1 to 3) are deterministic. `edm_...`: those of k-diffusion, of which
   * names with `_a` and `_sde` add noise at each step.
   * @default 'spaced'
   */
  sampler?:
    | 'spaced'
    | 'ddim'
    | 'dpm++_m1'
    | 'dpm++_m2'
    | 'dpm++_m3'
    | 'dpm++_s1'
    | 'dpm++_s2'
    | 'dpm++_s3'
    | 'dpm_m1'
    | 'dpm_m2'
    | 'dpm_m3'
    | 'dpm_s1'
    | 'dpm_s2'
    | 'dpm_s3'
    | 'edm_euler'
    | 'edm_euler_a'
    | 'edm_heun'
    | 'edm_dpm_2'
    | 'edm_dpm_2_a'
    | 'edm_lms'
    | 'edm_dpm++_2s_a'
    | 'edm_dpm++_sde'
    | 'edm_dpm++_2m'
    | 'edm_dpm++_2m_sde'
    | 'edm_dpm++_2m_sde_heun'
    | 'edm_dpm++_3m_sde'
    | undefined;
  /**
   * Sampling steps of stage 2; time grows linearly with it. An integer from 1 to 1000.
   * @default 50
   */
  steps?: number | undefined;
  /**
   * Noise added back over all steps together, in `edm_euler`, `edm_heun` and `edm_dpm_2`. 0 leaves them
   * deterministic; larger corrects earlier errors and loses detail. A number from 0 to 1000.
   * @default 0
   */
  sChurn?: number | undefined;
  /**
   * Lowest noise level (sigma) at which sChurn applies. A number from 0 to 1000000.
   * @default 0
   */
  sTmin?: number | undefined;
  /**
   * Highest noise level (sigma) at which sChurn applies. A number from 0 to 1000000.
   * @default 300
   */
  sTmax?: number | undefined;
  /**
   * Factor of all noise that `edm_` samplers add. Slightly above 1 makes up for detail that is lost. A number from
   * 0 to 10.
   * @default 1
   */
  sNoise?: number | undefined;
  /**
   * Share of fresh noise in each step of the `edm_` samplers with `_a` or `_sde`: 0 is deterministic, 1 is what
   * they are made for. A number from 0 to 10.
   * @default 1
   */
  eta?: number | undefined;
  /**
   * Number of past slopes that `edm_lms` uses. 1 is Euler's method. An integer from 1 to 4.
   * @default 1
   */
  order?: number | undefined;
  /**
   * Classifier-free guidance scale: how strongly the prompts steer. 1 switches it off and halves the time. A number
   * from 0 to 100.
   * @default 6
   */
  cfgScale?: number | undefined;
  /**
   * Let the scale rise from 1 at the first step to cfgScale + 1 at the last.
   * @default false
   */
  rescaleCfg?: boolean | undefined;
  /**
   * From which part of the diffusion on `cfgScale` is in force, 0 the first step. Steps before it take half the
   * time. A number from 0 to 1.
   * @default 0
   */
  cfgStart?: number | undefined;
  /**
   * Up to which part of the diffusion `cfgScale` is in force, 1 the last step. Steps after it take half the time. A
   * number from 0 to 1.
   * @default 1
   */
  cfgStop?: number | undefined;
  /**
   * How much work stage 2 leaves out: `quality` none, `balanced` and `fast` what `reuse` and `reuseInterval` say of
   * them. None with `parity`.
   * @default 'quality'
   */
  speed?: 'quality' | 'balanced' | 'fast' | undefined;
  /**
   * What most steps take from an earlier one: `encoder` the features of the UNet's encoder and of the ControlNet,
   * `deep` also those of its decoder but for the last block.
   * @default `none`; `deep` for `balanced` and `fast`
   */
  reuse?: 'none' | 'encoder' | 'deep' | undefined;
  /**
   * Every how many steps on average `reuse` computes all features anew: less often at first, more often towards the
   * end. An integer from 2 to 1000.
   * @default 3 for `balanced`, 4 for `fast`
   */
  reuseInterval?: number | undefined;
  /**
   * Control strength: how strongly stage 2 follows the stage-1 picture. 0 ignores it. A number from 0 to 2.
   * @default 1
   */
  strength?: number | undefined;
  /**
   * Timestep to which the condition is noised; larger gives stage 2 more freedom. Trained range: 0 to 199. An
   * integer from 0 to 999.
   * @default 0
   */
  noiseAug?: number | undefined;
  /**
   * Start sampling from pure noise, or from the condition with noise on it.
   * @default 'noise'
   */
  startPoint?: 'noise' | 'cond' | undefined;
  /**
   * Restoration guidance: pulls the sampled picture towards the stage-1 result.
   * @default off
   */
  guidance?: Guidance | undefined;
  /**
   * How close stage 2 stays to the stage-1 picture: 0 for most detail, 1 for the stage-1 picture as its autoencoder
   * gives it back. Each prediction moves by fidelity^2 of its way there, whatever the size, sampler and number of
   * steps; after `guidance`. A number from 0 to 1.
   * @default 0
   */
  fidelity?: number | undefined;
  /**
   * Cut large pictures up, stage by stage: the work memory then grows with the tile instead of the picture.
   * @default as `memoryBudget` allows
   */
  tiling?: Tiling | undefined;
  /**
   * Memory for the restorations of a Restorer in MiB: pictures (about 29 bytes for each pixel) and the work of the
   * networks. Tiles are as large as it allows, up to the picture whole. On a GPU it is of its memory, of each where
   * there are several, and weights are a part of it. On the CPU weights and Node.js itself (about 150 MiB with the
   * embedded model) come on top; where the weights of all networks that have to be copied do not fit beside the
   * picture, each stage opens its networks and closes them again, which takes the time of loading for every
   * picture. An integer from 1 to 16777216.
   * @default half of the memory of the machine or container; on a GPU, what is free of its memory when the Restorer is created, but 768 MiB
   */
  memoryBudget?: number | undefined;
  /**
   * What is added where a network needs other sizes: the mirrored picture, or zeros (black), which leak into the
   * border.
   * @default 'reflect'
   */
  padding?: 'reflect' | 'zero' | undefined;
  /**
   * The PyTorch reference's numbers, quirks included: truncated 8-bit levels, off-centre blending of tiles,
   * averaged tile statistics, no tiles but those of `tiling`. Use with `padding: 'zero'`.
   * @default false
   */
  parity?: boolean | undefined;
  /**
   * Colours of the stage-1 picture for the sampled one. `wavelet` takes its low frequencies; `adain` its mean and
   * contrast, channel by channel, as DiffBIR v1 could.
   * @default 'wavelet'
   */
  colorFix?: 'wavelet' | 'adain' | 'none' | undefined;
  /**
   * What the picture should look like. The text encoder reads 77 tokens; the rest is cut, with a warning. A string
   * of at most 10000 characters without NUL.
   * @default the reference's
   */
  prompt?: string | undefined;
  /**
   * What it should not look like; used where cfgScale is not 1. A string of at most 10000 characters without NUL.
   * @default the reference's
   */
  negativePrompt?: string | undefined;
  /**
   * Called with the input picture in stage 2; what it answers goes before `prompt`. An error that it throws stops
   * the restoration.
   */
  captioner?: Captioner | undefined;
  /**
   * Seed of the noise. Same seed and options: same picture. An integer from 0 to 2^53-1, or a bigint from 0 to
   * 2^64-1.
   * @default 231
   */
  seed?: number | bigint | undefined;
  /**
   * Whose random numbers a seed gives, on every device: `torch` those of torch's CPU generator, `cuda` those of its
   * CUDA generator, for the picture of a PyTorch run on a GPU. They are those of an H100; cards from a T4 up draw
   * the same for pictures up to about 800 x 800 pixels.
   * @default 'torch'
   */
  rng?: 'torch' | 'cuda' | undefined;
  /**
   * How many pictures to make of the input, in stage 2. Sample k, counted from 0, has the seed `seed + k`, as if it
   * were made alone. An integer from 1 to 1000.
   * @default 1
   */
  samples?: number | undefined;
  /**
   * How many faces of a picture the task `unaligned_face` restores by themselves, the surest first: each takes the
   * time of a picture of 512 x 512 pixels. An integer from 1 to 100.
   * @default 20
   */
  maxFaces?: number | undefined;
  /**
   * Format of the output. JPEG has no transparency: it is laid on white.
   * @default the input's, png for raw pixels
   */
  format?: 'png' | 'jpeg' | 'webp' | 'tiff' | 'avif' | undefined;
  /**
   * Quality of jpeg, webp and avif output; png and tiff are lossless. An integer from 1 to 100.
   * @default 95
   */
  quality?: number | undefined;
  /**
   * Keep ICC profile, EXIF (with orientation 1, since it is applied to the pixels) and XMP.
   * @default true
   */
  keepMetadata?: boolean | undefined;
  /**
   * Write the options, prompts and seed into the output's XMP, where `inspect` reads them and `--like` repeats the
   * run.
   * @default true
   */
  saveParameters?: boolean | undefined;
  /**
   * Refuse larger inputs before decoding them, as in sharp. An integer from 1 to 1099511627776, true for the
   * default, or false for no limit.
   * @default 268402689 (16383 x 16383)
   */
  limitInputPixels?: number | boolean | undefined;
  /**
   * Refuse a picture that would be larger than this while it is worked on (after upscale, and in stage 2 at the
   * `minShortEdge` of the model): time grows with it. Memory has a limit of its own, `memoryBudget`. An integer
   * from 262144 to 1099511627776, true for the default, or false for no limit.
   * @default 268402689 (16383 x 16383)
   */
  limitWorkPixels?: number | boolean | undefined;
  /**
   * Seconds that a picture may take, reading it included, waiting for its turn or for memory not. Then the work is
   * stopped, and the call rejects with TimeLimitError. A number above 0, at most 2000000, true for the default, or
   * false for no limit.
   * @default 86400 (a day)
   */
  timeLimit?: number | boolean | undefined;
  /**
   * From which decoder complaint on a damaged input is refused, as in sharp.
   * @default 'warning'
   */
  failOn?: 'none' | 'truncated' | 'error' | 'warning' | undefined;
  /** Called with `{ stage, step, steps, fraction }`. An error that it throws stops the restoration. */
  onProgress?: ((progress: RestoreProgress) => void) | undefined;
  /** Stops the work within one operator; the promise rejects with AbortError. */
  signal?: AbortSignal | undefined;
  /** Receives warnings and timings (pino and console fit). Nothing is printed without it. */
  logger?: Logger | undefined;
  /**
   * Expert: recorded noise in place of `seed`, in the reference's order of draws. An array of { shape, data:
   * Float32Array }.
   */
  noise?: readonly Tensor[] | undefined;
  /**
   * Expert: also return the intermediate tensors of the run in `result.trace`.
   * @default false
   */
  trace?: boolean | undefined;
}
