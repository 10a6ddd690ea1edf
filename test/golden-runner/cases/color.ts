import { compare, skipped } from '../compare';
import type { Handler } from '../types';

/** Colour fix by wavelets. Keys are `<picture>.<what>`; `content` and `style` are the inputs. */
const wavelet: Handler = {
  match: (entry) => entry.function.startsWith('wavelet_'),
  async run(entry, context) {
    const { primitives } = await context.binding();
    const recorded = await context.tensors(entry);
    const tolerance = Number(entry.tolerance?.max_abs);
    const compute = (picture: string, what: string) => {
      const input = (name: string) => recorded.float(`${picture}.${name}`);
      const [, radius] = /^blur_radius(\d+)$/.exec(what) ?? [];
      if (radius) return primitives.waveletBlur(input('content'), Number(radius));
      if (what === 'result') return primitives.waveletReconstruction(input('content'), input('style'));
      const [, source, band] = /^(content|style)_(high|low)$/.exec(what) ?? [];
      if (!source) return undefined;
      return primitives.waveletDecomposition(input(source))[band as 'high' | 'low'];
    };
    return recorded.names
      .filter((key) => !/\.(content|style)$/.test(key))
      .map((key) => {
        const [picture = '', what = ''] = key.split('.');
        const got = compute(picture, what);
        return got ? compare(key, got, recorded.get(key), tolerance) : skipped(key);
      });
  },
};

export const handlers: readonly Handler[] = [wavelet];
