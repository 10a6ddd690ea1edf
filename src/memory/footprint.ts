import type { ModelSpec, NetworkSpec } from '../native/binding';
import type { Provider } from '../native/devices';
import { attentionBytes, MOST_VALUES, workShare } from './gpu';

/**
 * Bytes that the networks need while they run, for each pixel that they work on. Estimated from the widths in the
 * checkpoint; the factors are measured (`docs/decisions`), ONNX Runtime's loss to fragmentation included.
 */
export interface Footprint {
  /** Pixels of its input. */
  readonly cleaner: number;
  /** Output size per input size of the cleaner. Above 1 it takes the picture as it came, before `upscale`. */
  readonly cleanerScale: number;
  /** Of the picture, as everything below. */
  readonly encoder: number;
  readonly decoder: number;
  /** UNet and ControlNet together. */
  readonly diffusion: number;
  /** What `reuse` keeps of one prompt from step to step, at most. */
  readonly features: { readonly encoder: number; readonly deep: number };
  /** Of the decoder's gradient, in float32. */
  readonly gradient: number;
  readonly onGpu?: {
    /** Pixels that a network can count in one call. */
    readonly mostPixels: { readonly autoencoder: number; readonly cleaner: number; readonly diffusion: number };
    /** Bytes of the autoencoder's attention for each pair of latent cells, of the picture whole and in tiles, which CUDA computes. */
    readonly perPair: { readonly whole: number; readonly tiles: number };
  };
}

/** What the face networks need; the bytes of the detector for each pixel that it works on, of the parser for one face. */
export interface FaceFootprint {
  /** Of the two stages on an aligned face. */
  readonly restoration: Footprint;
  readonly detector: number;
  readonly parser: number;
}

/** Bytes for each channel of the widest feature map: it, what it is made of and what becomes of it are there at once. */
const AUTOENCODER_FACTOR = 24;
const CLEANER_FACTOR = 32;
/** Work of the decoder's gradient in that of the decoder; a GPU has its normalisations in operators of the ONNX standard. */
const GRADIENT_FACTOR = { cpu: 1.6, gpu: 2.1 };
const DETECTOR_FACTOR = 16;
/** The logits of its classes are as much as four channels. */
const PARSER_FACTOR = 48;
const PARSER_LOGITS = 4;
const FACE_PIXELS = 512 ** 2;
/** In floats for each channel of the widest concatenation; the skip connections and their controls come on top. */
const UNET_FACTOR = 6;
/** Channels of a transformer's feed-forward layer, of both its halves, for each of its own. */
const GEGLU_FACTOR = 8;
/** Pixels of a latent cell. */
export const CELL_PIXELS = 8 * 8;
/** What a checkpoint is taken for that has none of the known keys: building its network will fail, with a better message. */
const UNKNOWN_WIDTH = 64;

/** Of networks, where they run. */
export function footprintOf(spec: Pick<ModelSpec, 'cleaner' | 'stage2' | 'execution'>): Footprint {
  const { cleaner, stage2, execution } = spec;
  const share = ({ precision }: NetworkSpec) => workShare(precision, execution.provider);
  if (!stage2) {
    const none = { encoder: 0, decoder: 0, diffusion: 0, features: { encoder: 0, deep: 0 }, gradient: 0 };
    const widths = { autoencoder: 0, cleaner: cleanerWidth(cleaner).counted, diffusion: 0 };
    return { ...cleanerFootprint(cleaner, share(cleaner)), ...none, ...gpuFootprint(widths, execution.provider) };
  }
  const { vaeEncoder, vaeDecoder, unet } = stage2;
  const [encoder, decoder] = [widest(vaeEncoder, 'encoder.down'), widest(vaeDecoder, 'decoder.up')];
  return {
    ...cleanerFootprint(cleaner, share(cleaner)),
    encoder: AUTOENCODER_FACTOR * encoder * share(vaeEncoder),
    decoder: AUTOENCODER_FACTOR * decoder * share(vaeDecoder),
    ...unetFootprint(unet, promptsAtOnce(stage2), share(unet)),
    gradient:
      GRADIENT_FACTOR[execution.provider === 'cpu' ? 'cpu' : 'gpu'] *
      AUTOENCODER_FACTOR *
      decoder *
      workShare('float32', execution.provider),
    ...gpuFootprint(
      {
        autoencoder: Math.max(encoder, decoder),
        cleaner: cleanerWidth(cleaner).counted,
        diffusion: (promptsAtOnce(stage2) * GEGLU_FACTOR * unetWidth(unet)) / CELL_PIXELS,
      },
      execution.provider,
    ),
  };
}

/** Of the values of the widest feature map, for each pixel. */
function gpuFootprint(
  widths: Record<'autoencoder' | 'cleaner' | 'diffusion', number>,
  provider: Provider,
): Pick<Footprint, 'onGpu'> {
  if (provider === 'cpu') return {};
  const most = (width: number) => Math.floor(MOST_VALUES / width);
  return {
    onGpu: {
      mostPixels: {
        autoencoder: most(widths.autoencoder),
        cleaner: most(widths.cleaner),
        diffusion: most(widths.diffusion),
      },
      perPair: { whole: attentionBytes(provider), tiles: attentionBytes('cuda') },
    },
  };
}

/** Channels of the UNet's feature maps of the latent's size. */
function unetWidth(unet: NetworkSpec): number {
  return shapesOf(unet)('input_blocks.0.0')?.[0] ?? UNKNOWN_WIDTH;
}

export function faceFootprintOf(spec: ModelSpec): FaceFootprint | undefined {
  const { faces } = spec;
  if (!faces) return undefined;
  const share = ({ precision }: NetworkSpec) => workShare(precision, spec.execution.provider);
  // The first convolution works at a quarter of the area, the first layer at a sixteenth.
  const first = (shapesOf(faces.detector)('body.conv1')?.[0] ?? UNKNOWN_WIDTH) / 4;
  const second = (shapesOf(faces.detector)('body.layer1.0.conv3')?.[0] ?? 4 * UNKNOWN_WIDTH) / 16;
  const parser = shapesOf(faces.parser)('encoder.0.conv2d')?.[0] ?? UNKNOWN_WIDTH;
  return {
    restoration: { ...footprintOf(spec), ...cleanerFootprint(faces.cleaner, share(faces.cleaner)) },
    detector: DETECTOR_FACTOR * Math.max(first, second) * share(faces.detector),
    parser: PARSER_FACTOR * (parser + PARSER_LOGITS) * FACE_PIXELS * share(faces.parser),
  };
}

/** Sizes of weights by their name inside the network. */
function shapesOf({ weights, prefix }: NetworkSpec): (name: string) => readonly number[] | undefined {
  const shapes = new Map(weights.tensors.map(({ name, shape }) => [name, shape]));
  return (name) => shapes.get(`${prefix}${name}.weight`);
}

/** Channels of the widest level of an autoencoder, each level weighed by its share of the picture's area. */
function widest(network: NetworkSpec, levels: string): number {
  const shape = shapesOf(network);
  let width = 0;
  for (let level = 0; ; level++) {
    const first = shape(`${levels}.${level}.block.0.conv1`);
    if (!first) return width || UNKNOWN_WIDTH;
    width = Math.max(width, Math.max(first[0] ?? 0, first[1] ?? 0) / 4 ** level);
  }
}

/** Two in 8 and in 16 bits (native/pipeline/controlled_unet.h), where there are prompts. */
function promptsAtOnce({ unet, textEncoder }: NonNullable<ModelSpec['stage2']>): number {
  return (unet.precision ?? 'float32') !== 'float32' && textEncoder ? 2 : 1;
}

/**
 * `scale` is of what the network has inside: what goes in and comes out, controls and features, is counted in float32, which
 * it is but for the controls in CUDA's float16.
 */
function unetFootprint(unet: NetworkSpec, prompts: number, scale: number): Pick<Footprint, 'diffusion' | 'features'> {
  const shape = shapesOf(unet);
  // Every input block leaves a skip connection, and the ControlNet a control of the same size for it.
  let skips = 0;
  let fullSize = 0;
  const areas: number[] = [];
  for (let block = 0; ; block++) {
    const halving = shape(`input_blocks.${block}.0.op`);
    const last = halving ?? shape(`input_blocks.${block}.0.out_layers.3`) ?? shape(`input_blocks.${block}.0`);
    if (!last) break;
    areas.push((areas.at(-1) ?? 1) / (halving ? 4 : 1));
    skips += (last[0] ?? 0) * (areas.at(-1) ?? 1);
    if (areas.at(-1) === 1) fullSize += last[0] ?? 0;
  }
  let widestInput = 0;
  for (const [block, area] of areas.reverse().entries()) {
    widestInput = Math.max(widestInput, (shape(`output_blocks.${block}.0.in_layers.2`)?.[1] ?? 0) * area);
  }
  const bytes = (floats: number) => (4 * floats) / CELL_PIXELS;
  const inside = bytes(skips + UNET_FACTOR * widestInput || UNKNOWN_WIDTH * CELL_PIXELS);
  return {
    diffusion: prompts * (scale * inside + bytes(skips)),
    // What the deeper blocks give is a part of the widest concatenation.
    features: { encoder: bytes(2 * skips), deep: bytes(fullSize + widestInput) },
  };
}

function cleanerFootprint(cleaner: NetworkSpec, scale: number): Pick<Footprint, 'cleaner' | 'cleanerScale'> {
  const { width, cleanerScale } = cleanerWidth(cleaner);
  return { cleaner: CLEANER_FACTOR * width * scale, cleanerScale };
}

interface CleanerWidth {
  /** Channels for each pixel of its input, of the feature maps that its memory is for. */
  readonly width: number;
  /** Of the widest one. */
  readonly counted: number;
  readonly cleanerScale: number;
}

/** A restoration network is widest where it makes the pixels of its output, or in its transformers there. */
function cleanerWidth(cleaner: NetworkSpec): CleanerWidth {
  const shape = shapesOf(cleaner);
  if (cleaner.type === 'scunet') {
    const width = shape('m_head.0')?.[0] ?? UNKNOWN_WIDTH;
    const hidden = shape('m_down1.0.trans_block.mlp.0')?.[0] ?? 0;
    return { width, counted: Math.max(width, hidden), cleanerScale: 1 };
  }
  if (cleaner.type === 'srvgg') {
    // The last convolution makes 3 scale^2 channels, which are then shuffled into pixels.
    const channels = Math.max(
      ...cleaner.weights.tensors.filter(isConvolution).map((tensor) => bodyIndex(tensor.name)),
      0,
    );
    const cleanerScale = Math.max(1, Math.round(Math.sqrt((shape(`body.${channels}`)?.[0] ?? 3) / 3)));
    const width = (shape('body.0')?.[0] ?? UNKNOWN_WIDTH) + 3 * cleanerScale ** 2;
    return { width, counted: width, cleanerScale };
  }
  const width = shape('conv_last')?.[1] ?? UNKNOWN_WIDTH;
  if (cleaner.type === 'swinir') return { width, counted: width, cleanerScale: 1 };
  const doublings = cleaner.weights.tensors.filter(({ name }) => /(upconv|conv_up)\d\.weight$/.test(name)).length;
  const unshuffle = Math.sqrt((shape('conv_first')?.[1] ?? 3) / 3);
  const cleanerScale = Math.max(1, 2 ** doublings / unshuffle);
  const enlarged = width * cleanerScale ** 2;
  return { width: enlarged, counted: enlarged, cleanerScale };
}

function isConvolution({ name, shape }: { name: string; shape: readonly number[] }): boolean {
  return shape.length === 4 && /(^|\.)body\.\d+\.weight$/.test(name);
}

function bodyIndex(name: string): number {
  return Number(/body\.(\d+)\.weight$/.exec(name)?.[1]);
}
