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
      const { vaeEncoder, vaeDecoder, controlnet, unet } = stage2;
      const add = (name: string, networks: readonly NetworkSpec[], passes = 1) =>
        tasks.push(
          task(
            `${name}, ${precision}`,
            networks.map((network) => ({ ...network, precision })),
            { passes },
          ),
        );
      add('VAE encoder', [vaeEncoder]);
      add('VAE decoder', [vaeDecoder]);
      add('ControlNet', [controlnet]);
      add('UNet', [unet]);
      add('2 x both', [controlnet, unet], 2);
    }
  }
  return tasks;
}
