/**
 * Key names of a Stable Diffusion checkpoint for a configuration of the reference (`configs/cldm_*.json`), written from
 * behaviour.md 5.4, 5.6 and 5.7: what a loader looks for, so also what it misses and what it leaves unused.
 */

// biome-ignore lint/suspicious/noExplicitAny: the reference's YAML as JSON
type Config = any;

/** Every key that the reference's networks ask of the file, with the prefix of the network. */
export function sdKeys(config: Config): string[] {
  return [
    ...prefixed('model.diffusion_model.', unetKeys(config.unet_cfg)),
    ...prefixed('first_stage_model.', vaeKeys(config.vae_cfg)),
    ...prefixed('cond_stage_model.model.', textKeys(config.clip_cfg.text_cfg)),
  ];
}

function prefixed(prefix: string, keys: readonly string[]): string[] {
  return keys.map((key) => prefix + key);
}

const WEIGHT_AND_BIAS = ['weight', 'bias'];

/** `name.weight` and `name.bias` of every layer named. */
function layers(...names: string[]): string[] {
  return names.flatMap((name) => WEIGHT_AND_BIAS.map((part) => `${name}.${part}`));
}

function unetKeys(config: Config): string[] {
  const { model_channels: width, channel_mult: mults, num_res_blocks: depth, attention_resolutions: attended } = config;
  const transformer = (name: string) => prefixed(`${name}.`, transformerKeys(config.transformer_depth));
  const keys = [...layers('time_embed.0', 'time_embed.2', 'input_blocks.0.0', 'out.0', 'out.2')];
  const skips = [width];
  let channels = width;
  let block = 1;
  for (const [level, mult] of mults.entries()) {
    for (let i = 0; i < depth; i++, block++) {
      keys.push(...unetResKeys(`input_blocks.${block}.0`, channels, mult * width));
      if (attended.includes(2 ** level)) keys.push(...transformer(`input_blocks.${block}.1`));
      channels = mult * width;
      skips.push(channels);
    }
    if (level === mults.length - 1) continue;
    keys.push(...layers(`input_blocks.${block++}.0.op`));
    skips.push(channels);
  }
  keys.push(...unetResKeys('middle_block.0', channels, channels), ...transformer('middle_block.1'));
  keys.push(...unetResKeys('middle_block.2', channels, channels));
  block = 0;
  for (let level = mults.length - 1; level >= 0; level--) {
    for (let i = 0; i <= depth; i++, block++) {
      const isAttended = attended.includes(2 ** level);
      keys.push(...unetResKeys(`output_blocks.${block}.0`, channels + skips.pop(), mults[level] * width));
      if (isAttended) keys.push(...transformer(`output_blocks.${block}.1`));
      channels = mults[level] * width;
      if (level > 0 && i === depth) keys.push(...layers(`output_blocks.${block}.${isAttended ? 2 : 1}.conv`));
    }
  }
  return keys;
}

function unetResKeys(name: string, input: number, output: number): string[] {
  const parts = ['in_layers.0', 'in_layers.2', 'emb_layers.1', 'out_layers.0', 'out_layers.3'];
  if (input !== output) parts.push('skip_connection');
  return layers(...parts.map((part) => `${name}.${part}`));
}

function transformerKeys(depth: number): string[] {
  const keys = layers('norm', 'proj_in', 'proj_out');
  for (let i = 0; i < depth; i++) {
    const block = layers('norm1', 'norm2', 'norm3', 'attn1.to_out.0', 'attn2.to_out.0', 'ff.net.0.proj', 'ff.net.2');
    for (const attention of ['attn1', 'attn2']) {
      block.push(...['to_q', 'to_k', 'to_v'].map((part) => `${attention}.${part}.weight`));
    }
    keys.push(...prefixed(`transformer_blocks.${i}.`, block));
  }
  return keys;
}

function vaeKeys(config: Config): string[] {
  const { ch: width, ch_mult: mults, num_res_blocks: depth } = config.ddconfig;
  const last = mults.length - 1;
  const middle = ['block_1', 'block_2'].flatMap((block) => vaeResKeys(`mid.${block}`, 1, 1));
  const shared = layers(
    'conv_in',
    'norm_out',
    'conv_out',
    ...['norm', 'q', 'k', 'v', 'proj_out'].map((part) => `mid.attn_1.${part}`),
  );
  const encoder = [...shared, ...middle];
  const decoder = [...shared, ...middle];
  let channels = width;
  for (const [level, mult] of mults.entries()) {
    for (let i = 0; i < depth; i++) {
      encoder.push(...vaeResKeys(`down.${level}.block.${i}`, channels, mult * width));
      channels = mult * width;
    }
    if (level < last) encoder.push(...layers(`down.${level}.downsample.conv`));
  }
  for (let level = last; level >= 0; level--) {
    for (let i = 0; i <= depth; i++) {
      decoder.push(...vaeResKeys(`up.${level}.block.${i}`, channels, mults[level] * width));
      channels = mults[level] * width;
    }
    if (level > 0) decoder.push(...layers(`up.${level}.upsample.conv`));
  }
  return [
    ...prefixed('encoder.', encoder),
    ...prefixed('decoder.', decoder),
    ...layers('quant_conv', 'post_quant_conv'),
  ];
}

function vaeResKeys(name: string, input: number, output: number): string[] {
  const parts = ['norm1', 'conv1', 'norm2', 'conv2'];
  if (input !== output) parts.push('nin_shortcut');
  return layers(...parts.map((part) => `${name}.${part}`));
}

function textKeys(config: Config): string[] {
  const keys = [
    'positional_embedding',
    'text_projection',
    'logit_scale',
    'token_embedding.weight',
    ...layers('ln_final'),
  ];
  for (let i = 0; i < config.layers; i++) {
    const block = layers('ln_1', 'ln_2', 'attn.out_proj', 'mlp.c_fc', 'mlp.c_proj');
    keys.push(...prefixed(`transformer.resblocks.${i}.`, [...block, 'attn.in_proj_weight', 'attn.in_proj_bias']));
  }
  return keys;
}
