import type { TensorEntry } from '../native/binding';

/** Stage-1 networks: SwinIR, BSRNet and Real-ESRGAN (`rrdbnet`), Real-ESRGAN's compact ones (`srvgg`), SCUNet. */
export const CLEANER_TYPES = ['swinir', 'rrdbnet', 'srvgg', 'scunet'] as const;
export type CleanerType = (typeof CLEANER_TYPES)[number];

/** Keys that only this network has, with the number of their axes. One list must be there whole. */
const SIGNS: Readonly<Record<CleanerType, readonly Readonly<Record<string, number>>[]>> = {
  swinir: [{ 'conv_first.1.weight': 4, 'layers.0.residual_group.blocks.0.attn.relative_position_bias_table': 2 }],
  // As in KAIR (BSRNet), and as in Real-ESRGAN.
  rrdbnet: [
    { 'conv_first.weight': 4, 'RRDB_trunk.0.RDB1.conv1.weight': 4 },
    { 'conv_first.weight': 4, 'body.0.rdb1.conv1.weight': 4 },
  ],
  // A convolution, then the slopes of a PReLU.
  srvgg: [{ 'body.0.weight': 4, 'body.1.weight': 1 }],
  scunet: [{ 'm_head.0.weight': 4, 'm_tail.0.weight': 4 }],
};

/** Which stage-1 network a checkpoint holds, by its keys behind `prefix` and their shapes; undefined for none of them. */
export function detectCleanerType(tensors: readonly TensorEntry[], prefix = ''): CleanerType | undefined {
  const axes = new Map(tensors.map(({ name, shape }) => [name, shape.length]));
  const isThere = (sign: Readonly<Record<string, number>>) =>
    Object.entries(sign).every(([key, count]) => axes.get(prefix + key) === count);
  return CLEANER_TYPES.find((type) => SIGNS[type].some(isThere));
}
