import type { NetworkSpec } from '../native/binding';
import type { Size } from '../workSize';

/** What a network is run on. */
export interface Run extends Size {
  /** Tokens of the text that steers a UNet or ControlNet, or that the text encoder reads. */
  readonly tokens: number;
}

/** The weights of a network by their name inside it. */
type Weights = ReadonlyMap<string, readonly number[]>;

/** How often a weight is applied as a whole: an output position of a convolution, a row of a matrix product. */
type Uses = (name: string) => number;

/**
 * Floating-point operations of one run on a picture of `width` x `height` pixels (of its output, for the autoencoder's
 * decoder; of the picture, for UNet and ControlNet). Matrix products, convolutions and attention alone, which are nearly
 * all: 2 for each weight where it is used, since it is multiplied and added; 4 L S C for attention of L positions to S with
 * C channels, whose scores and sums take 2 L S C each. Shapes and places are those of behaviour.md 5.1 to 5.7; the counts
 * are those of performance.md E.1.
 */
export function flopsOf(network: NetworkSpec, run: Run): number {
  const weights = weightsOf(network);
  const pixels = run.width * run.height;
  switch (network.type) {
    case 'unet':
    case 'controlnet':
      return unetFlops(weights, pixels / CELL_PIXELS, run.tokens);
    case 'unet_decoder':
      return unetFlops(weights, pixels / CELL_PIXELS, run.tokens, (name) => /^(output_blocks|out)\./.test(name));
    case 'unet_shallow':
      return unetFlops(weights, pixels / CELL_PIXELS, run.tokens, isShallow(weights));
    case 'vae_encoder':
      return autoencoderFlops(weights, pixels, 'encoder', 'down', /^(encoder|quant_conv)\./);
    case 'vae_decoder':
      return autoencoderFlops(weights, pixels, 'decoder', 'up', /^(decoder|post_quant_conv)\./);
    case 'clip_text':
      return textFlops(weights, run.tokens, Number(network.config.layers ?? 0));
    case 'swinir':
      return swinirFlops(weights, pixels, Number(network.config.window_size ?? 8));
    case 'rrdbnet':
      return rrdbnetFlops(weights, pixels);
    case 'scunet':
      return scunetFlops(weights, pixels);
    case 'srvgg':
      return applied(weights, () => pixels);
    // They look at a picture once: nothing beside its restoration.
    case 'retinaface':
    case 'parsenet':
    case 'none':
      return 0;
  }
}

const CELL_PIXELS = 8 * 8;
const SCUNET_WINDOW = 8;

function weightsOf({ weights, prefix }: NetworkSpec): Weights {
  const found = new Map<string, readonly number[]>();
  for (const { name, shape } of weights.tensors) {
    const inside = name.slice(prefix.length);
    const isWeight = /(^|[._])weight$/.test(inside) && inside !== 'token_embedding.weight';
    if (name.startsWith(prefix) && isWeight && shape.length >= 2) found.set(inside, shape);
  }
  return found;
}

function applied(weights: Weights, uses: Uses): number {
  let sum = 0;
  for (const [name, shape] of weights) sum += 2 * shape.reduce((product, size) => product * size, 1) * uses(name);
  return sum;
}

/** Attention of `length` positions to `to` others with the channels of a weight. */
function attention(length: number, to: number, [channels = 0]: readonly number[]): number {
  return 4 * length * to * channels;
}

/** Of the whole, or of the part whose weights `isOwn` picks. */
function unetFlops(weights: Weights, cells: number, tokens: number, isOwn = (_name: string) => true): number {
  const area = unetAreas(weights);
  const positions = (name: string) => {
    const [, list, index] = /^(input|output|zero)_(?:blocks|convs)\.(\d+)\./.exec(name) ?? [];
    if (list === 'output') return cells * area.output(Number(index), name);
    if (list) return cells * area.input(Number(index));
    return name.startsWith('middle_block') ? cells * area.middle : cells;
  };
  const uses = (name: string) => {
    if (/^time_embed|emb_layers/.test(name)) return 1;
    return /attn2\.to_[kv]\./.test(name) ? tokens : positions(name);
  };
  const own = new Map([...weights].filter(([name]) => isOwn(name)));
  let sum = applied(own, uses);
  for (const [name, shape] of own) {
    if (name.endsWith('attn1.to_q.weight')) sum += attention(positions(name), positions(name), shape);
    if (name.endsWith('attn2.to_q.weight')) sum += attention(positions(name), tokens, shape);
  }
  return sum;
}

/** Whether a weight is of the blocks that `unet_shallow` has: the first of the input and the last of the output. */
function isShallow(weights: Weights): (name: string) => boolean {
  const blocks = new Set([...weights.keys()].flatMap((name) => /^input_blocks\.(\d+)\./.exec(name)?.[1] ?? [])).size;
  return (name) => {
    const [, list, block] = /^(input|output)_blocks\.(\d+)\./.exec(name) ?? [];
    if (list) return Number(block) === (list === 'input' ? 0 : blocks - 1);
    return /^(out|time_embed)\./.test(name);
  };
}

/** Areas of a UNet's blocks as shares of the latent's: a quarter after every halving, four times after every doubling. */
function unetAreas(weights: Weights) {
  const halvings = [...weights.keys()].flatMap((name) => /^input_blocks\.(\d+)\.0\.op\./.exec(name)?.[1] ?? []);
  const doublings = [...weights.keys()].flatMap((name) => /^output_blocks\.(\d+)\.\d+\.conv\./.exec(name)?.[1] ?? []);
  const middle = 4 ** -halvings.length;
  return {
    middle,
    input: (block: number) => 4 ** -halvings.filter((at) => Number(at) <= block).length,
    output: (block: number, name: string) => {
      // The convolution of an upsampling works on what has been doubled already.
      const isDoubled = /\.\d+\.conv\.weight$/.test(name);
      return middle * 4 ** doublings.filter((at) => Number(at) < block + Number(isDoubled)).length;
    },
  };
}

function autoencoderFlops(weights: Weights, pixels: number, half: string, list: string, own: RegExp): number {
  const mine = new Map([...weights].filter(([name]) => own.test(name)));
  const levels = [...mine.keys()].map((name) =>
    Number(new RegExp(`^${half}\\.${list}\\.(\\d+)\\.`).exec(name)?.[1] ?? 0),
  );
  const deepest = pixels / 4 ** Math.max(0, ...levels);
  const uses = (name: string) => {
    const [, level, what] = /\.(?:down|up)\.(\d+)\.(\w+)\./.exec(name) ?? [];
    const shift = what === 'downsample' ? 1 : what === 'upsample' ? -1 : 0;
    if (level !== undefined) return pixels / 4 ** (Number(level) + shift);
    return name === 'encoder.conv_in.weight' || name === 'decoder.conv_out.weight' ? pixels : deepest;
  };
  let sum = applied(mine, uses);
  for (const [name, shape] of mine) if (/attn_1\.q\.weight$/.test(name)) sum += attention(deepest, deepest, shape);
  return sum;
}

/** The last of `layers` blocks is not run (behaviour.md 5.7); 0: as many as there are. */
function textFlops(weights: Weights, tokens: number, layers: number): number {
  const blockOf = (name: string) => Number(/resblocks\.(\d+)\./.exec(name)?.[1] ?? 0);
  const last = layers > 0 ? layers - 1 : Math.max(...[...weights.keys()].map(blockOf), 0);
  const run = new Map([...weights].filter(([name]) => blockOf(name) < last));
  let sum = applied(run, () => tokens);
  for (const [name, shape] of run) if (/out_proj\.weight$/.test(name)) sum += attention(tokens, tokens, shape);
  return sum;
}

function swinirFlops(weights: Weights, pixels: number, window: number): number {
  const tokens = pixels / ((weights.get('conv_first.1.weight')?.[1] ?? 3) / 3);
  const doublings = [...weights.keys()].filter((name) => /^conv_up\d\.weight$/.test(name)).length;
  let sum = applied(weights, (name) => {
    const up = /^conv_up(\d)\.weight$/.exec(name)?.[1];
    return tokens * 4 ** (up ? Number(up) : /^conv_(hr|last)\./.test(name) ? doublings : 0);
  });
  for (const [name, shape] of weights)
    if (/attn\.proj\.weight$/.test(name)) sum += attention(tokens, window ** 2, shape);
  return sum;
}

/** Of KAIR's or Real-ESRGAN's key layout. */
function rrdbnetFlops(weights: Weights, pixels: number): number {
  const inside = pixels / ((weights.get('conv_first.weight')?.[1] ?? 3) / 3);
  const doublings = [...weights.keys()].filter((name) => /^(upconv|conv_up)\d\./.test(name)).length;
  return applied(weights, (name) => {
    const up = /^(?:upconv|conv_up)(\d)\./.exec(name)?.[1];
    return inside * 4 ** (up ? Number(up) : /^(HRconv|conv_hr|conv_last)\./.test(name) ? doublings : 0);
  });
}

function scunetFlops(weights: Weights, pixels: number): number {
  const positions = (name: string) => {
    const [, way, level, rest] = /^m_(down|up)(\d)\.(.*)$/.exec(name) ?? [];
    // Both are applied where the feature map is small: at their output when it is halved, at their input when doubled.
    const changesSize = Number(/^\d+\.weight$/.test(rest ?? ''));
    if (way) return pixels / 4 ** (Number(level) - 1 + changesSize);
    return name.startsWith('m_body') ? pixels / 64 : pixels;
  };
  let sum = applied(weights, positions);
  for (const [name, shape] of weights) {
    if (/msa\.linear\.weight$/.test(name)) sum += attention(positions(name), SCUNET_WINDOW ** 2, shape);
  }
  return sum;
}
