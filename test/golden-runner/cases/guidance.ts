import { compare, maxRel, relToAbsMax } from '../compare';
import type { Handler } from '../types';

/**
 * Closed-form gradients. Keys: `<space>.mse<scale>.delta` and `<space>.w_mse<scale>.delta`, of `<space>.pred` towards
 * `<space>.target`; `<space>.weight`, the map of the weighted one.
 */
const gradients: Handler = {
  match: (entry) => entry.function.startsWith('MSEGuidance.__call__'),
  async run(entry, context) {
    const { primitives } = await context.binding();
    const recorded = await context.tensors(entry);
    const rel = Number(entry.tolerance?.rel);
    return recorded.names
      .filter((key) => /\.(delta|weight)$/.test(key))
      .map((key) => {
        const [, space = '', loss, scale] = /^(\w+)\.(?:(mse|w_mse)([\d.]+)\.delta|weight)$/.exec(key) ?? [];
        const [pred, target] = [recorded.float(`${space}.pred`), recorded.float(`${space}.target`)];
        const want = recorded.get(key);
        if (loss === 'mse') {
          return compare(key, primitives.mseGuidanceDelta(pred, target, Number(scale)), want, rel, maxRel);
        }
        // 1 - tanh cancels at edges, where what is left has few digits: errors are relative to the largest value.
        const weight = primitives.edgeWeight(target);
        if (loss === undefined) return compare(key, weight, want, rel, relToAbsMax);
        const got = primitives.weightedMseGuidanceDelta(pred, target, weight, Number(scale));
        return compare(key, got, want, rel, relToAbsMax);
      });
  },
};

export const handlers: readonly Handler[] = [gradients];
