/**
 * Every option of this package, in one table. From it come the validation (`validate.ts`), the defaults
 * (`resolve.ts`), the flags and help of the command line (`cli/flags.ts`), the TypeScript interface
 * (`RestoreOptions.ts`, generated) and the table in README.md (generated: `npm run docs:options`).
 */
import { defaultThreads } from '../cpuQuota';
import { type Device, parseDevice } from '../device/parse';
import { defaultMemoryBudget } from '../memory/budget';
import type { ModelSource } from '../models/manifest';
import { FORMATS, SAMPLERS, TASKS } from './choices';
import type { Guidance, OptionSpec, Tiling } from './groups';
import { boolean, custom, integer, limit, number, oneOf, seed, text, withoutFlag } from './kinds';
import {
  type Captioner,
  isAbortSignal,
  isLogger,
  isTensorList,
  type Logger,
  type RestoreProgress,
  type Tensor,
} from './values';

/** The length bound of prompts; the text encoder reads 77 tokens, a few hundred characters. */
const PROMPT_LENGTH = 10_000;
/** sharp's default: 16383 x 16383. */
export const DEFAULT_LIMIT_INPUT_PIXELS = 0x3fff ** 2;

const POSITIVE =
  'Cinematic, High Contrast, highly detailed, taken using a Canon EOS R camera, hyper detailed photo - realistic ' +
  'maximum detail, 32k, Color Grading, ultra HD, extreme meticulous detailing, skin pore detailing, ' +
  'hyper sharpness, perfect without deformations.';
const NEGATIVE =
  'painting, oil painting, illustration, drawing, art, sketch, oil painting, cartoon, CG Style, 3D render, ' +
  'unreal engine, blurring, dirty, messy, worst quality, low quality, frames, watermark, signature, ' +
  'jpeg artifacts, deformed, lowres, over-smooth.';

export const OPTIONS = {
  model: {
    kind: {
      ...custom<string | ModelSource>(
        'string | ModelSource',
        'a path of a folder with model.json, the name of an official model, or a manifest object with its root folder,',
        (value) =>
          typeof value === 'string'
            ? value !== '' && !value.includes('\0')
            : typeof value === 'object' && value !== null,
      ),
      placeholder: '<folder|name>',
      fromWord: (word: string) => word,
    },
    defaultDoc: 'the embedded model',
    doc: 'Folder of a model (with `model.json`), the name of an official model (`v2.1`, `v2`, `v1-general`, `v1-face`), or a manifest object with its `root` folder. A folder of that name goes before the official model.',
    scope: 'load',
  },
  download: {
    kind: boolean(),
    default: false,
    doc: 'Download what an official model still lacks, up to 7 GB. Without it a missing file is an error that names the command to run.',
    scope: 'load',
  },
  task: {
    kind: oneOf(TASKS),
    default: 'sr',
    doc: 'Which of the networks of a model to load. `sr`: for photographs, at any upscale. `denoise`: for noise. `face`: for aligned faces, 512 x 512 after upscale. `unaligned_face`: for pictures with faces in them, each of which is found, restored by itself and pasted back.',
    scope: 'load',
  },
  threads: {
    kind: integer(1, 1024),
    default: defaultThreads(),
    defaultDoc: 'the processors of the machine, or as many as the CPU quota of the container is worth',
    doc: 'Threads that one operator may use. Another number can add in another order, which changes a pixel here and there by one level.',
    scope: 'load',
  },
  device: {
    kind: {
      ...custom<Device>(
        'Device',
        "'auto', 'cpu', 'cuda', 'cuda:N', 'tensorrt' or 'tensorrt:N', with N from 0 to 99, or several as in 'cuda:0,1', each once",
        (value) => parseDevice(value) !== undefined,
      ),
      placeholder: '<device>',
      fromWord: (word: string) => word,
    },
    default: 'auto',
    doc: 'What the networks run on. `auto`: the first GPU that can be used where the GPU libraries are installed (`npx diffbir install-cuda`), else the CPU; `restorer.device` says which, and why. The others are an error where they cannot be used. Pictures are spread over several GPUs, which should be alike: `cuda:0,1`.',
    scope: 'load',
  },
  concurrency: {
    kind: integer(1, 64),
    default: 1,
    doc: 'How many pictures a Restorer works on at once on each device, as far as `memoryBudget` allows: each is restored as if it were alone, and one that does not fit beside the others waits for them. They share networks and `threads`, so that one alone is faster; together they use cores that one leaves idle. On a GPU they take turns, and only what is done outside of it overlaps.',
    scope: 'load',
  },
  queueLimit: {
    kind: withoutFlag(limit(integer(0, 1_000_000))),
    default: 1000,
    doc: 'How many calls may wait for a Restorer. One more rejects at once with QueueFullError.',
    scope: 'load',
  },
  priority: {
    kind: withoutFlag(integer(-100, 100)),
    default: 0,
    doc: 'Which of the calls that wait for a Restorer goes first: the one with the highest. A running one is not interrupted.',
    scope: 'call',
  },
  caller: {
    kind: withoutFlag(text(1000)),
    default: '',
    doc: 'Whose call this is, for instance the key of a user. Callers whose calls wait with the same `priority` take turns, so that nobody waits for all the calls of another.',
    scope: 'call',
  },
  nativeBinding: {
    kind: custom<string>(
      'string',
      'a path without NUL',
      (value) => typeof value === 'string' && value !== '' && !value.includes('\0'),
    ),
    defaultDoc: "the platform package's",
    doc: 'File of the native addon, `diffbir.node`, for bundlers and Electron, which move it; ONNX Runtime is taken from beside it. Before the environment variable `DIFFBIR_BINDING_PATH`.',
    scope: 'load',
  },
  precision: {
    kind: oneOf(['float32', 'float16', 'int8']),
    default: 'float32',
    defaultDoc: '`float16` on a GPU, `float32` on the CPU and with `parity`',
    doc: 'What the networks of stage 2 compute with. `float16`, on GPUs alone and for the cleaner and the text encoder too: weights and activations of 16 bits. `int8`, on the CPU alone: weights and activations of 8 bits, on processors with AVX-512 VNNI less than half of the time, about half of the memory, and a picture that differs little (above 50 dB with the embedded model). With AVX2 alone it takes somewhat less time than float32, without that several times as much. Not with `parity`.',
    scope: 'load',
    manifest: true,
    recordedFrom: 2,
  },
  stage: {
    kind: oneOf([1, 2]),
    defaultDoc: '2 if the model has both stages',
    doc: '1: the restoration module alone (removes degradation, invents nothing). 2: both stages (adds generated detail).',
    scope: 'call',
    manifest: true,
    recordedFrom: 1,
  },
  upscale: {
    kind: number(0, 64, { above: true }),
    default: 1,
    doc: 'Output size per axis is trunc(size * upscale).',
    scope: 'call',
    manifest: true,
    recordedFrom: 1,
  },
  sampler: {
    kind: oneOf(SAMPLERS),
    default: 'spaced',
    doc: 'Sampler of stage 2. `spaced`: ancestral DDPM sampling on a subset of the timesteps. `ddim` and the DPM-Solvers (`dpm...`: multistep or singlestep, order 1 to 3) are deterministic. `edm_...`: those of k-diffusion, of which names with `_a` and `_sde` add noise at each step.',
    scope: 'call',
    manifest: true,
    recordedFrom: 2,
  },
  steps: {
    kind: integer(1, 1000),
    default: 50,
    doc: 'Sampling steps of stage 2; time grows linearly with it.',
    scope: 'call',
    manifest: true,
    recordedFrom: 2,
  },
  sChurn: {
    kind: number(0, 1000),
    default: 0,
    doc: 'Noise added back over all steps together, in `edm_euler`, `edm_heun` and `edm_dpm_2`. 0 leaves them deterministic; larger corrects earlier errors and loses detail.',
    scope: 'call',
    manifest: true,
    recordedFrom: 2,
  },
  sTmin: {
    kind: number(0, 1e6),
    default: 0,
    doc: 'Lowest noise level (sigma) at which sChurn applies.',
    scope: 'call',
    manifest: true,
    recordedFrom: 2,
  },
  sTmax: {
    kind: number(0, 1e6),
    default: 300,
    doc: 'Highest noise level (sigma) at which sChurn applies.',
    scope: 'call',
    manifest: true,
    recordedFrom: 2,
  },
  sNoise: {
    kind: number(0, 10),
    default: 1,
    doc: 'Factor of all noise that `edm_` samplers add. Slightly above 1 makes up for detail that is lost.',
    scope: 'call',
    manifest: true,
    recordedFrom: 2,
  },
  eta: {
    kind: number(0, 10),
    default: 1,
    doc: 'Share of fresh noise in each step of the `edm_` samplers with `_a` or `_sde`: 0 is deterministic, 1 is what they are made for.',
    scope: 'call',
    manifest: true,
    recordedFrom: 2,
  },
  order: {
    kind: integer(1, 4),
    default: 1,
    doc: "Number of past slopes that `edm_lms` uses. 1 is Euler's method.",
    scope: 'call',
    manifest: true,
    recordedFrom: 2,
  },
  cfgScale: {
    kind: number(0, 100),
    default: 6,
    doc: 'Classifier-free guidance scale: how strongly the prompts steer. 1 switches it off and halves the time.',
    scope: 'call',
    manifest: true,
    recordedFrom: 2,
  },
  rescaleCfg: {
    kind: boolean(),
    default: false,
    doc: 'Let the scale rise from 1 at the first step to cfgScale + 1 at the last.',
    scope: 'call',
    manifest: true,
    recordedFrom: 2,
  },
  cfgStart: {
    kind: number(0, 1),
    default: 0,
    doc: 'From which part of the diffusion on `cfgScale` is in force, 0 the first step. Steps before it take half the time.',
    scope: 'call',
    manifest: true,
    recordedFrom: 2,
  },
  cfgStop: {
    kind: number(0, 1),
    default: 1,
    doc: 'Up to which part of the diffusion `cfgScale` is in force, 1 the last step. Steps after it take half the time.',
    scope: 'call',
    manifest: true,
    recordedFrom: 2,
  },
  speed: {
    kind: oneOf(['quality', 'balanced', 'fast']),
    default: 'quality',
    doc: 'How much work stage 2 leaves out: `quality` none, `balanced` and `fast` what `reuse` and `reuseInterval` say of them. None with `parity`.',
    scope: 'call',
    manifest: true,
    recordedFrom: 2,
  },
  reuse: {
    kind: oneOf(['none', 'encoder', 'deep']),
    defaultDoc: '`none`; `deep` for `balanced` and `fast`',
    doc: "What most steps take from an earlier one: `encoder` the features of the UNet's encoder and of the ControlNet, `deep` also those of its decoder but for the last block.",
    scope: 'call',
    manifest: true,
    recordedFrom: 2,
  },
  reuseInterval: {
    kind: integer(2, 1000),
    defaultDoc: '3 for `balanced`, 4 for `fast`',
    doc: 'Every how many steps on average `reuse` computes all features anew: less often at first, more often towards the end.',
    scope: 'call',
    manifest: true,
    recordedFrom: 2,
  },
  strength: {
    kind: number(0, 2),
    default: 1,
    doc: 'Control strength: how strongly stage 2 follows the stage-1 picture. 0 ignores it.',
    scope: 'call',
    manifest: true,
    recordedFrom: 2,
  },
  noiseAug: {
    kind: integer(0, 999),
    default: 0,
    doc: 'Timestep to which the condition is noised; larger gives stage 2 more freedom. Trained range: 0 to 199.',
    scope: 'call',
    manifest: true,
    recordedFrom: 2,
  },
  startPoint: {
    kind: oneOf(['noise', 'cond']),
    default: 'noise',
    doc: 'Start sampling from pure noise, or from the condition with noise on it.',
    scope: 'call',
    manifest: true,
    recordedFrom: 2,
  },
  guidance: {
    kind: custom<Guidance>(
      'Guidance',
      'an object { loss, space, scale, start, stop, repeat }',
      (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    ),
    defaultDoc: 'off',
    doc: 'Restoration guidance: pulls the sampled picture towards the stage-1 result.',
    scope: 'call',
    manifest: true,
    recordedFrom: 2,
  },
  fidelity: {
    kind: number(0, 1),
    default: 0,
    doc: 'How close stage 2 stays to the stage-1 picture: 0 for most detail, 1 for the stage-1 picture as its autoencoder gives it back. Each prediction moves by fidelity^2 of its way there, whatever the size, sampler and number of steps; after `guidance`.',
    scope: 'call',
    manifest: true,
    recordedFrom: 2,
  },
  tiling: {
    kind: custom<Tiling>(
      'Tiling',
      'an object { cleaner, cleanerStride, encoder, decoder, diffusion, diffusionStride, batch }',
      (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
    ),
    defaultDoc: 'as `memoryBudget` allows',
    doc: 'Cut large pictures up, stage by stage: the work memory then grows with the tile instead of the picture.',
    scope: 'call',
    manifest: true,
    recordedFrom: 1,
  },
  memoryBudget: {
    kind: integer(1, 2 ** 24),
    default: defaultMemoryBudget(),
    defaultDoc:
      'half of the memory of the machine or container; on a GPU, what is free of its memory when the Restorer is created, but 768 MiB',
    doc: 'Memory for the restorations of a Restorer in MiB: pictures (about 29 bytes for each pixel) and the work of the networks. Tiles are as large as it allows, up to the picture whole. On a GPU it is of its memory, of each where there are several, and weights are a part of it. On the CPU weights and Node.js itself (about 150 MiB with the embedded model) come on top; where the weights of all networks that have to be copied do not fit beside the picture, each stage opens its networks and closes them again, which takes the time of loading for every picture.',
    scope: 'call',
  },
  padding: {
    kind: oneOf(['reflect', 'zero']),
    default: 'reflect',
    doc: 'What is added where a network needs other sizes: the mirrored picture, or zeros (black), which leak into the border.',
    scope: 'call',
    recordedFrom: 1,
  },
  parity: {
    kind: boolean(),
    default: false,
    doc: "The PyTorch reference's numbers, quirks included: truncated 8-bit levels, off-centre blending of tiles, averaged tile statistics, no tiles but those of `tiling`. Use with `padding: 'zero'`.",
    scope: 'call',
    recordedFrom: 1,
  },
  colorFix: {
    kind: oneOf(['wavelet', 'adain', 'none']),
    default: 'wavelet',
    doc: 'Colours of the stage-1 picture for the sampled one. `wavelet` takes its low frequencies; `adain` its mean and contrast, channel by channel, as DiffBIR v1 could.',
    scope: 'call',
    manifest: true,
    recordedFrom: 2,
  },
  prompt: {
    kind: text(PROMPT_LENGTH),
    default: POSITIVE,
    defaultDoc: "the reference's",
    doc: 'What the picture should look like. The text encoder reads 77 tokens; the rest is cut, with a warning.',
    scope: 'call',
    manifest: true,
    recordedFrom: 2,
  },
  negativePrompt: {
    kind: text(PROMPT_LENGTH),
    default: NEGATIVE,
    defaultDoc: "the reference's",
    doc: 'What it should not look like; used where cfgScale is not 1.',
    scope: 'call',
    manifest: true,
    recordedFrom: 2,
  },
  captioner: {
    kind: custom<Captioner>('Captioner', 'a function', (value) => typeof value === 'function'),
    doc: 'Called with the input picture in stage 2; what it answers goes before `prompt`. An error that it throws stops the restoration.',
    scope: 'call',
  },
  seed: {
    kind: seed(),
    default: 231,
    doc: 'Seed of the noise. Same seed and options: same picture.',
    scope: 'call',
    recordedFrom: 2,
  },
  rng: {
    kind: oneOf(['torch', 'cuda']),
    default: 'torch',
    doc: "Whose random numbers a seed gives, on every device: `torch` those of torch's CPU generator, `cuda` those of its CUDA generator, for the picture of a PyTorch run on a GPU. They are those of an H100; cards from a T4 up draw the same for pictures up to about 800 x 800 pixels.",
    scope: 'call',
    recordedFrom: 2,
  },
  samples: {
    kind: integer(1, 1000),
    default: 1,
    doc: 'How many pictures to make of the input, in stage 2. Sample k, counted from 0, has the seed `seed + k`, as if it were made alone.',
    scope: 'call',
  },
  maxFaces: {
    kind: integer(1, 100),
    default: 20,
    doc: 'How many faces of a picture the task `unaligned_face` restores by themselves, the surest first: each takes the time of a picture of 512 x 512 pixels.',
    scope: 'call',
    manifest: true,
    recordedFrom: 1,
    onlyFor: 'unaligned_face',
  },
  format: {
    kind: oneOf(FORMATS),
    defaultDoc: "the input's, png for raw pixels",
    doc: 'Format of the output. JPEG has no transparency: it is laid on white.',
    scope: 'call',
  },
  quality: {
    kind: integer(1, 100),
    default: 95,
    doc: 'Quality of jpeg, webp and avif output; png and tiff are lossless.',
    scope: 'call',
  },
  keepMetadata: {
    kind: boolean(),
    default: true,
    doc: 'Keep ICC profile, EXIF (with orientation 1, since it is applied to the pixels) and XMP.',
    scope: 'call',
    recordedFrom: 1,
  },
  saveParameters: {
    kind: boolean(),
    default: true,
    doc: "Write the options, prompts and seed into the output's XMP, where `inspect` reads them and `--like` repeats the run.",
    scope: 'call',
  },
  limitInputPixels: {
    kind: limit(integer(1, 2 ** 40)),
    default: DEFAULT_LIMIT_INPUT_PIXELS,
    defaultDoc: '268402689 (16383 x 16383)',
    doc: 'Refuse larger inputs before decoding them, as in sharp.',
    scope: 'call',
  },
  limitWorkPixels: {
    kind: limit(integer(512 * 512, 2 ** 40)),
    default: DEFAULT_LIMIT_INPUT_PIXELS,
    defaultDoc: '268402689 (16383 x 16383)',
    doc: 'Refuse a picture that would be larger than this while it is worked on (after upscale, and in stage 2 at the `minShortEdge` of the model): time grows with it. Memory has a limit of its own, `memoryBudget`.',
    scope: 'call',
  },
  timeLimit: {
    kind: limit(number(0, 2_000_000, { above: true })),
    default: 86_400,
    defaultDoc: '86400 (a day)',
    doc: 'Seconds that a picture may take, reading it included, waiting for its turn or for memory not. Then the work is stopped, and the call rejects with TimeLimitError.',
    scope: 'call',
  },
  failOn: {
    kind: oneOf(['none', 'truncated', 'error', 'warning']),
    default: 'warning',
    doc: 'From which decoder complaint on a damaged input is refused, as in sharp.',
    scope: 'call',
  },
  onProgress: {
    kind: custom<(progress: RestoreProgress) => void>(
      '(progress: RestoreProgress) => void',
      'a function',
      (value) => typeof value === 'function',
    ),
    doc: 'Called with `{ stage, step, steps, fraction }`. An error that it throws stops the restoration.',
    scope: 'call',
  },
  signal: {
    kind: custom<AbortSignal>('AbortSignal', 'an AbortSignal', isAbortSignal),
    doc: 'Stops the work within one operator; the promise rejects with AbortError.',
    scope: 'call',
  },
  logger: {
    kind: custom<Logger>('Logger', 'an object with the functions debug, info, warn and error', isLogger),
    doc: 'Receives warnings and timings (pino and console fit). Nothing is printed without it.',
    scope: 'call',
  },
  noise: {
    kind: custom<readonly Tensor[]>('readonly Tensor[]', 'an array of { shape, data: Float32Array }', isTensorList),
    doc: "Expert: recorded noise in place of `seed`, in the reference's order of draws.",
    scope: 'call',
  },
  trace: {
    kind: custom<boolean>('boolean', 'true or false', (value) => typeof value === 'boolean'),
    default: false,
    doc: 'Expert: also return the intermediate tensors of the run in `result.trace`.',
    scope: 'call',
  },
} as const satisfies Record<string, OptionSpec>;

export type OptionName = keyof typeof OPTIONS;
export const OPTION_NAMES = Object.keys(OPTIONS) as readonly OptionName[];

/** The entry of an option, typed loosely: for code that walks over the whole table. */
export function specOf(name: OptionName): OptionSpec {
  return OPTIONS[name] as unknown as OptionSpec;
}
