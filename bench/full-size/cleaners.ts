import { BRANCH, type Layout, type Pass } from './layout';

/** Names and numbers of the reference's configurations (behaviour.md 5.1 to 5.3). */
export const CLEANERS = {
  swinir: { embed_dim: 180, depths: [6, 6, 6, 6, 6, 6, 6, 6], num_heads: 6, window_size: 8, mlp_ratio: 2, sf: 8 },
  rrdbnet: { nf: 64, nb: 23, gc: 32 },
  scunet: { dim: 64, blocks: 4, head_dim: 32 },
} as const;

export interface SwinIRSizes {
  readonly embed_dim: number;
  readonly depths: readonly number[];
  readonly num_heads: number;
  readonly window_size: number;
  readonly mlp_ratio: number;
  /** Pixels are unshuffled and shuffled by this. */
  readonly sf: number;
}

/** Width of what SwinIR makes pixels of. */
const RECONSTRUCTION = 64;
/** Side of the feature map that SwinIR keeps masks for in its checkpoint. */
const MASK_SIDE = 64;
/** The picture passes the networks by in the first channels, where it can. */
const RGB: readonly Pass[] = [0, 1, 2].map((channel) => ({ from: channel, to: channel, factor: 1 }));
const QUIET = { gain: 0.05, passes: RGB };

export function swinirLayout(net: Layout, sizes: SwinIRSizes): void {
  const { embed_dim: width, depths, window_size: window, sf } = sizes;
  net.conv('conv_first.1', width, 3 * sf * sf, 3);
  net.norm('patch_embed.norm', width);
  for (const [layer, depth] of depths.entries()) {
    for (let i = 0; i < depth; i++) {
      const block = net.at('layers').at(layer).at('residual_group').at('blocks').at(i);
      if (i % 2 === 1) {
        const masks = Math.floor(MASK_SIDE / window) ** 2;
        block.add('attn_mask', [masks, window ** 2, window ** 2], { exact: shiftedWindowMask(MASK_SIDE, window) });
      }
      block.norm('norm1', width);
      block.add('attn.relative_position_bias_table', [(2 * window - 1) ** 2, sizes.num_heads], { spread: 0.5 });
      const index = { dtype: 'int64' as const, exact: relativePositionIndex(window) };
      block.add('attn.relative_position_index', [window ** 2, window ** 2], index);
      block.linear('attn.qkv', 3 * width, width);
      block.linear('attn.proj', width, width, BRANCH);
      block.norm('norm2', width);
      block.linear('mlp.fc1', sizes.mlp_ratio * width, width);
      block.linear('mlp.fc2', width, sizes.mlp_ratio * width, BRANCH);
    }
    net.at('layers').at(layer).conv('conv', width, width, 3, BRANCH);
  }
  net.norm('norm', width);
  net.conv('conv_after_body', width, width, 3);
  net.conv('conv_before_upsample.0', RECONSTRUCTION, width, 3);
  for (let k = 1; 2 ** k <= sf; k++) net.conv(`conv_up${k}`, RECONSTRUCTION, RECONSTRUCTION, 3);
  net.conv('conv_hr', RECONSTRUCTION, RECONSTRUCTION, 3);
  net.conv('conv_last', 3, RECONSTRUCTION, 3, { gain: 0.2 });
}

/** Position p, q -> which entry of the table of relative positions is theirs (behaviour.md 5.1). */
function relativePositionIndex(window: number): ReadonlyMap<number, number> {
  const index = new Map<number, number>();
  for (let p = 0; p < window ** 2; p++) {
    for (let q = 0; q < window ** 2; q++) {
      const [dy, dx] = [Math.floor(p / window) - Math.floor(q / window), (p % window) - (q % window)];
      index.set(p * window ** 2 + q, (dy + window - 1) * (2 * window - 1) + dx + window - 1);
    }
  }
  return index;
}

/** -100 between positions of one window that come from different regions of the unshifted map (behaviour.md 5.1). */
function shiftedWindowMask(side: number, window: number): ReadonlyMap<number, number> {
  const region = (at: number) => (at < side - window ? 0 : at < side - window / 2 ? 1 : 2);
  const across = Math.floor(side / window);
  const tokens = window ** 2;
  const mask = new Map<number, number>();
  for (let n = 0; n < across ** 2; n++) {
    const label = (token: number) =>
      3 * region(Math.floor(n / across) * window + Math.floor(token / window)) +
      region((n % across) * window + (token % window));
    for (let p = 0; p < tokens; p++) {
      for (let q = 0; q < tokens; q++) if (label(p) !== label(q)) mask.set((n * tokens + p) * tokens + q, -100);
    }
  }
  return mask;
}

/** BSRNet. Every one of its blocks adds a fifth of its input to it once more, which the last convolution takes back. */
export function rrdbnetLayout(net: Layout, { nf, nb, gc }: { nf: number; nb: number; gc: number }): void {
  net.conv('conv_first', nf, 3, 3, { passes: RGB });
  for (let i = 0; i < nb; i++) {
    for (const dense of ['RDB1', 'RDB2', 'RDB3']) {
      const block = net.at('RRDB_trunk').at(i).at(dense);
      for (let k = 1; k <= 4; k++) block.conv(`conv${k}`, gc, nf + (k - 1) * gc, 3);
      block.conv('conv5', nf, nf + 4 * gc, 3, BRANCH);
    }
  }
  net.conv('trunk_conv', nf, nf, 3, { gain: 0.05 / 1.2 ** nb });
  for (const name of ['upconv1', 'upconv2', 'HRconv']) net.conv(name, nf, nf, 3, QUIET);
  net.conv('conv_last', 3, nf, 3, QUIET);
}

export function scunetLayout(net: Layout, sizes: { dim: number; blocks: number; head_dim: number }): void {
  const { dim } = sizes;
  const convTransBlocks = (stage: Layout, first: number, half: number) => {
    for (let i = first; i < first + sizes.blocks; i++) convTransBlock(stage.at(i), half, sizes.head_dim);
  };
  const plain = { bias: false };
  net.at('m_head').conv('0', dim, 3, 3, { ...plain, passes: RGB });
  for (const level of [1, 2, 3]) {
    const width = dim * 2 ** (level - 1);
    convTransBlocks(net.at(`m_down${level}`), 0, width / 2);
    net.at(`m_down${level}`).conv(`${sizes.blocks}`, 2 * width, width, 2, plain);
  }
  convTransBlocks(net.at('m_body'), 0, 4 * dim);
  for (const level of [3, 2, 1]) {
    const width = dim * 2 ** (level - 1);
    // A transposed convolution: [in, out, 2, 2], where every output has one tap of each input.
    const spread = 0.2 / Math.sqrt(2 * width);
    net.at(`m_up${level}`).add('0.weight', [2 * width, width, 2, 2], { spread });
    convTransBlocks(net.at(`m_up${level}`), 1, width / 2);
  }
  net.at('m_tail').conv('0', 3, dim, 3, { ...plain, ...QUIET });
}

function convTransBlock(block: Layout, half: number, headWidth: number): void {
  const trans = block.at('trans_block');
  trans.norm('ln1', half);
  trans.add('msa.relative_position_params', [half / headWidth, 15, 15], { spread: 0.5 });
  trans.linear('msa.embedding_layer', 3 * half, half);
  trans.linear('msa.linear', half, half, BRANCH);
  trans.norm('ln2', half);
  trans.linear('mlp.0', 4 * half, half);
  trans.linear('mlp.2', half, 4 * half, BRANCH);
  block.conv('conv1_1', 2 * half, 2 * half, 1);
  block.conv('conv1_2', 2 * half, 2 * half, 1, BRANCH);
  block.conv('conv_block.0', half, half, 3, { bias: false });
  block.conv('conv_block.2', half, half, 3, { bias: false, ...BRANCH });
}
