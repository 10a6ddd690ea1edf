import { compare, maxRel, skipped } from '../compare';
import type { Handler } from '../types';

/** Closed-form gradients. Keys: `<space>.mse<scale>.delta`, of `<space>.pred` towards `<space>.target`. */
const gradients: Handler = {
  match: (entry) => entry.function.startsWith('MSEGuidance.__call__'),
  async run(entry, context) {
    const { primitives } = await context.binding();
    const recorded = await context.tensors(entry);
    return recorded.names
      .filter((key) => /\.(delta|weight)$/.test(key))
      .map((key) => {
        const [, space, scale] = /^(\w+)\.mse([\d.]+)\.delta$/.exec(key) ?? [];
        if (!space) return skipped(key);
        const [pred, target] = [recorded.float(`${space}.pred`), recorded.float(`${space}.target`)];
        const got = primitives.mseGuidanceDelta(pred, target, Number(scale));
        return compare(key, got, recorded.get(key), Number(entry.tolerance?.rel), maxRel);
      });
  },
};

export const handlers: readonly Handler[] = [gradients];
