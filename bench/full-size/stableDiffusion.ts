import { BRANCH, type Layout, type Pass } from './layout';

/** Names and numbers of the reference's configuration of Stable Diffusion 2.1 (behaviour.md 5.4 to 5.7). */
export const SD21 = {
  unet: {
    in_channels: 4,
    model_channels: 320,
    channel_mult: [1, 2, 4, 4],
    num_res_blocks: 2,
    attention_resolutions: [4, 2, 1],
    transformer_depth: 1,
    context_dim: 1024,
  },
  vae: { ch: 128, ch_mult: [1, 2, 4, 4], num_res_blocks: 2, z_channels: 4 },
  text: { width: 1024, layers: 24, context_length: 77, vocab_size: 49408 },
} as const;

export interface UNetSizes {
  readonly in_channels: number;
  readonly model_channels: number;
  readonly channel_mult: readonly number[];
  readonly num_res_blocks: number;
  readonly attention_resolutions: readonly number[];
  readonly transformer_depth: number;
  readonly context_dim: number;
}

export interface VaeSizes {
  readonly ch: number;
  readonly ch_mult: readonly number[];
  readonly num_res_blocks: number;
  readonly z_channels: number;
}

export interface TextSizes {
  readonly width: number;
  readonly layers: number;
  readonly context_length: number;
  readonly vocab_size: number;
}

/*
 * The latent passes the UNet by, from its first convolution over the outermost skip connection to its last one: what it
 * predicts resembles its input, so that no sampler diverges. It passes with both signs, since SiLU(a) - SiLU(-a) = a.
 */
const CARRIED = {
  in: (z: number): Pass[] => range(2 * z).map((to) => ({ from: to % z, to, factor: to < z ? 1 : -1 })),
  skip: (z: number, shift: number): Pass[] => range(2 * z).map((to) => ({ from: to + shift, to, factor: 1 })),
  out: (z: number): Pass[] =>
    range(z).flatMap((to) => [
      { from: to, to, factor: 1 },
      { from: to + z, to, factor: -1 },
    ]),
};

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

export function unetLayout(unet: Layout, sizes: UNetSizes): void {
  const { in_channels: latent, model_channels: width, channel_mult: mults } = sizes;
  const { skips, channels: middle } = encoder(unet, sizes, latent, CARRIED.in(latent));
  let channels = middle;
  let block = 0;
  for (let level = mults.length - 1; level >= 0; level--) {
    for (let i = 0; i <= sizes.num_res_blocks; i++, block++) {
      const part = unet.at('output_blocks').at(block);
      const made = (mults[level] as number) * width;
      const skip = skips.pop() as number;
      resBlock(part.at(0), channels + skip, made, sizes, skips.length === 0 ? CARRIED.skip(latent, channels) : []);
      const isAttended = sizes.attention_resolutions.includes(2 ** level);
      if (isAttended) spatialTransformer(part.at(1), made, sizes);
      if (level > 0 && i === sizes.num_res_blocks) part.at(isAttended ? 2 : 1).conv('conv', made, made, 3);
      channels = made;
    }
  }
  unet.at('out').norm('0', channels);
  unet.at('out').conv('2', latent, channels, 3, { passes: CARRIED.out(latent) });
}

/** IRControlNet: the encoder half of a UNet that takes two latents side by side, and a convolution behind every block. */
export function controlnetLayout(network: Layout, sizes: UNetSizes): void {
  const { skips, channels } = encoder(network, sizes, 2 * sizes.in_channels);
  const zero = { gain: 0.05 };
  for (const [i, skip] of skips.entries()) network.at('zero_convs').at(i).conv('0', skip, skip, 1, zero);
  network.at('middle_block_out').conv('0', channels, channels, 1, zero);
}

function encoder(network: Layout, sizes: UNetSizes, input: number, passes: readonly Pass[] = []) {
  const { model_channels: width, channel_mult: mults } = sizes;
  network.at('time_embed').linear('0', 4 * width, width);
  network.at('time_embed').linear('2', 4 * width, 4 * width);
  const blocks = network.at('input_blocks');
  blocks.at(0).conv('0', width, input, 3, { passes });
  const skips = [width];
  let channels = width;
  for (const [level, mult] of mults.entries()) {
    for (let i = 0; i < sizes.num_res_blocks; i++) {
      const part = blocks.at(skips.length);
      resBlock(part.at(0), channels, mult * width, sizes);
      channels = mult * width;
      if (sizes.attention_resolutions.includes(2 ** level)) spatialTransformer(part.at(1), channels, sizes);
      skips.push(channels);
    }
    if (level === mults.length - 1) continue;
    blocks.at(skips.length).at(0).conv('op', channels, channels, 3);
    skips.push(channels);
  }
  resBlock(network.at('middle_block').at(0), channels, channels, sizes);
  spatialTransformer(network.at('middle_block').at(1), channels, sizes);
  resBlock(network.at('middle_block').at(2), channels, channels, sizes);
  return { skips, channels };
}

function resBlock(
  block: Layout,
  input: number,
  output: number,
  { model_channels: width }: UNetSizes,
  passes: readonly Pass[] = [],
): void {
  block.norm('in_layers.0', input);
  block.conv('in_layers.2', output, input, 3);
  block.linear('emb_layers.1', output, 4 * width, { gain: 0.5 });
  block.norm('out_layers.0', output);
  block.conv('out_layers.3', output, output, 3, BRANCH);
  if (input !== output) block.conv('skip_connection', output, input, 1, { passes });
}

function spatialTransformer(part: Layout, channels: number, sizes: UNetSizes): void {
  part.norm('norm', channels);
  part.linear('proj_in', channels, channels);
  for (let i = 0; i < sizes.transformer_depth; i++) {
    const block = part.at('transformer_blocks').at(i);
    for (const [attention, context] of [
      ['attn1', channels],
      ['attn2', sizes.context_dim],
    ] as const) {
      block.at(attention).linear('to_q', channels, channels, { bias: false });
      block.at(attention).linear('to_k', channels, context, { bias: false });
      block.at(attention).linear('to_v', channels, context, { bias: false });
      block.at(attention).linear('to_out.0', channels, channels, BRANCH);
    }
    block.at('ff').linear('net.0.proj', 8 * channels, channels);
    block.at('ff').linear('net.2', channels, 4 * channels, BRANCH);
    for (const norm of ['norm1', 'norm2', 'norm3']) block.norm(norm, channels);
  }
  part.linear('proj_out', channels, channels, BRANCH);
}

/** Latents come out with a deviation near 1 / 0.18215, as of the official weights, and pictures within -1..1. */
export function vaeLayout(vae: Layout, { ch: width, ch_mult: mults, num_res_blocks: depth, z_channels: z }: VaeSizes) {
  const deepest = width * (mults.at(-1) as number);
  const encoder = vae.at('encoder');
  encoder.conv('conv_in', width, 3, 3);
  let channels = width;
  for (const [level, mult] of mults.entries()) {
    const part = encoder.at('down').at(level);
    for (let i = 0; i < depth; i++) {
      vaeBlock(part.at('block').at(i), channels, mult * width);
      channels = mult * width;
    }
    if (level < mults.length - 1) part.at('downsample').conv('conv', channels, channels, 3);
  }
  vaeMiddle(encoder.at('mid'), deepest);
  encoder.norm('norm_out', deepest);
  encoder.conv('conv_out', 2 * z, deepest, 3, { gain: 8 });

  const decoder = vae.at('decoder');
  decoder.conv('conv_in', deepest, z, 3, { gain: 0.2 });
  vaeMiddle(decoder.at('mid'), deepest);
  channels = deepest;
  for (let level = mults.length - 1; level >= 0; level--) {
    const part = decoder.at('up').at(level);
    for (let i = 0; i <= depth; i++) {
      vaeBlock(part.at('block').at(i), channels, (mults[level] as number) * width);
      channels = (mults[level] as number) * width;
    }
    if (level > 0) part.at('upsample').conv('conv', channels, channels, 3);
  }
  decoder.norm('norm_out', channels);
  decoder.conv('conv_out', 3, channels, 3, { gain: 0.5 });
  vae.conv('quant_conv', 2 * z, 2 * z, 1);
  vae.conv('post_quant_conv', z, z, 1);
}

function vaeMiddle(middle: Layout, channels: number): void {
  vaeBlock(middle.at('block_1'), channels, channels);
  const attention = middle.at('attn_1');
  attention.norm('norm', channels);
  for (const name of ['q', 'k', 'v']) attention.conv(name, channels, channels, 1);
  attention.conv('proj_out', channels, channels, 1, BRANCH);
  vaeBlock(middle.at('block_2'), channels, channels);
}

function vaeBlock(block: Layout, input: number, output: number): void {
  block.norm('norm1', input);
  block.conv('conv1', output, input, 3);
  block.norm('norm2', output);
  block.conv('conv2', output, output, 3, BRANCH);
  if (input !== output) block.conv('nin_shortcut', output, input, 1);
}

/** OpenCLIP's text tower. */
export function textLayout(text: Layout, { width, layers, context_length, vocab_size }: TextSizes): void {
  text.add('positional_embedding', [context_length, width], { spread: 0.5 });
  text.add('text_projection', [width, width], { spread: 1 / Math.sqrt(width) });
  text.add('logit_scale', [], { mean: 4.6 });
  for (let i = 0; i < layers; i++) {
    const block = text.at('transformer').at('resblocks').at(i);
    block.norm('ln_1', width);
    block.add('attn.in_proj_weight', [3 * width, width], { spread: 1 / Math.sqrt(width) });
    block.add('attn.in_proj_bias', [3 * width], { spread: 0.02 });
    block.linear('attn.out_proj', width, width, BRANCH);
    block.norm('ln_2', width);
    block.linear('mlp.c_fc', 4 * width, width);
    block.linear('mlp.c_proj', width, 4 * width, BRANCH);
  }
  text.add('token_embedding.weight', [vocab_size, width], { spread: 1 });
  text.norm('ln_final', width);
}
