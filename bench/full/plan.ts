import { flopsOf } from '../../src/estimate/flops';
import type { OpenModel } from '../../src/loadModel';
import type { NetworkSpec } from '../../src/native/binding';
import { sum } from '../statistics';
import type { NetworkTask } from './networks';

/** Pixels a side of the picture. */
export const SIDE = 512;
const PROMPT_TOKENS = 77;
export const PRECISIONS = ['float32', 'int8'] as const;

/**
 * The networks of a model, each by itself, and then a step of the sampler with classifier-free guidance, which has a
 * prediction of ControlNet and UNet for each of two prompts.
 */
export function networkTasks({
  spec: { cleaner, stage2 },
  footprint,
}: Pick<OpenModel, 'spec' | 'footprint'>): NetworkTask[] {
  const tokens = stage2?.textEncoder ? PROMPT_TOKENS : 1;
  const task = (name: string, networks: readonly NetworkSpec[], { side = SIDE, passes = 1 } = {}): NetworkTask => {
    const flop = networks.map((network) => flopsOf(network, { width: side, height: side, tokens }));
    return { name, networks, side, tokens, passes, gflop: (passes * sum(flop)) / 1e9 };
  };
  const tasks: NetworkTask[] = [];
  if (cleaner.type !== 'none') {
    // Those that enlarge a picture make one of the others' size.
    tasks.push(task(`cleaner (${cleaner.type})`, [cleaner], { side: SIDE / footprint.cleanerScale }));
  }
  if (stage2) {
    if (stage2.textEncoder) tasks.push(task('text encoder', [stage2.textEncoder]));
    for (const precision of PRECISIONS) {
      const [encoder, decoder] = [{ ...stage2.vaeEncoder, precision }, { ...stage2.vaeDecoder, precision }];
      const [controlnet, unet] = [{ ...stage2.controlnet, precision }, { ...stage2.unet, precision }];
      tasks.push(task(`VAE encoder, ${precision}`, [encoder]), task(`VAE decoder, ${precision}`, [decoder]));
      tasks.push(task(`ControlNet, ${precision}`, [controlnet]), task(`UNet, ${precision}`, [unet]));
      tasks.push(task(`2 x both, ${precision}`, [controlnet, unet], { passes: 2 }));
    }
  }
  return tasks;
}
