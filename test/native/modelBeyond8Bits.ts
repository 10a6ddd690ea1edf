import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { embeddedModel } from '../../src/loadModel';
import { edited } from '../checkpoint/edited';

/** The embedded model in `folder`, with a UNet that makes NaN in 8 bits and none in float32. Returns the folder. */
export function modelBeyond8Bits(folder: string): string {
  cpSync(embeddedModel(), folder, { recursive: true });
  const file = path.join(folder, 'unet.safetensors');
  const block = 'middle_block.1.transformer_blocks.0';
  // A weight that nothing comes near in float32: its input is 0. In bytes it is the scale of all its neighbours.
  const broken = edited(readFileSync(file), (name, values, [, inputs = 1]) => {
    if (name.startsWith(`${block}.norm3.`)) values[0] = 0;
    if (name !== `${block}.ff.net.0.proj.weight`) return;
    for (let i = 0; i < values.length; i += inputs) values[i] = 3e38;
  });
  writeFileSync(file, broken);
  return folder;
}
