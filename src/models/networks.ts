import type { DType, ModelSpec, NetworkSpec } from '../native/binding';

export type NetworkRole = 'cleaner' | 'vae' | 'textEncoder' | 'unet' | 'controlnet';

/** The networks of a model by their names in the manifest: both halves of the autoencoder are one. */
export function networksOf({ cleaner, stage2 }: Pick<ModelSpec, 'cleaner' | 'stage2'>): [NetworkRole, NetworkSpec][] {
  const networks: [NetworkRole, NetworkSpec][] = cleaner.type === 'none' ? [] : [['cleaner', cleaner]];
  if (!stage2) return networks;
  networks.push(['vae', stage2.vaeDecoder]);
  if (stage2.textEncoder) networks.push(['textEncoder', stage2.textEncoder]);
  return [...networks, ['unet', stage2.unet], ['controlnet', stage2.controlnet]];
}

const FLOATS: readonly DType[] = ['float64', 'float32', 'float16', 'bfloat16'];
/** Constants that a checkpoint keeps beside what was learned. */
const BUFFERS = /(^|\.)attn_mask$/;

/** The learned tensors of a network: numbers, not indices and masks. */
export function parametersOf({ weights, prefix }: NetworkSpec) {
  return weights.tensors.filter(
    ({ name, dtype }) => name.startsWith(prefix) && FLOATS.includes(dtype) && !BUFFERS.test(name),
  );
}

export function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
