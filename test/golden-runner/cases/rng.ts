import type { NativeBinding, NativeTensor } from '../../../src/native/binding';
import type { TorchDraw } from '../../../src/native/primitives';
import { compare, compareExact, skipped } from '../compare';
import type { CaseResult, Handler, TensorSet } from '../types';

/** torch's CPU generator, one fresh generator per recorded key. */
const torchGenerator: Handler = {
  match: (entry) => entry.function.startsWith('torch.manual_seed'),
  async run(entry, context) {
    const { primitives } = await context.binding();
    const recorded = await context.tensors(entry);
    const tolerance = Number(entry.tolerance?.randn_abs);
    return recorded.names.map((key) => compareKey(key, recorded, tolerance, primitives));
  },
};

const brownianTree: Handler = {
  match: (entry) => entry.function.startsWith('BrownianTreeNoiseSampler'),
  async run(entry, context) {
    const { primitives } = await context.binding();
    const recorded = await context.tensors(entry);
    const queries: readonly BrownianQuery[] = entry.params?.queries ?? [];
    const results: CaseResult[] = [];
    for (const seed of new Set(queries.map((query) => query.seed))) {
      // One path per seed, asked in the recorded order.
      const own = queries.filter((query) => query.seed === seed);
      const { key, t0, t1 } = own[0] as BrownianQuery;
      const levels = Float32Array.from(own.flatMap(({ sigma, sigma_next }) => [sigma, sigma_next]));
      const increments = primitives.brownianIncrements(BigInt(seed), recorded.get(key).shape, t0, t1, levels);
      own.forEach((query, i) => {
        const want = recorded.get(query.key);
        results.push(compare(query.key, increments[i] as NativeTensor, want, Number(entry.tolerance?.max_abs)));
      });
    }
    return results;
  },
};

interface BrownianQuery {
  key: string;
  seed: number;
  sigma: number;
  sigma_next: number;
  t0: number;
  t1: number;
}

export const handlers: readonly Handler[] = [torchGenerator, brownianTree];

function compareKey(
  key: string,
  recorded: TensorSet,
  tolerance: number,
  primitives: NativeBinding['primitives'],
): CaseResult {
  const [, call = '', seed = '0', rest = ''] = /^(.+?)\.seed(\d+)\.?(.*)$/.exec(key) ?? [];
  const want = recorded.get(key);
  const count = want.data.length;
  const draw = (...draws: TorchDraw[]) => primitives.torchDraws(BigInt(seed), draws);
  const exact = (one: TorchDraw) => compareExact(key, { data: draw(one)[0] as Float32Array }, want);
  switch (call) {
    case 'rand':
      return exact({ kind: 'rand', count });
    case 'mt_raw_u32':
      return exact({ kind: 'raw', count });
    case 'randint_2^63-1':
      return exact({ kind: 'randint', count, low: 0n, high: 2n ** 63n - 1n });
    case 'randint_0_1000':
      return exact({ kind: 'randint', count, low: 0n, high: 1000n });
    case 'randperm10':
      return exact({ kind: 'randperm', count: 10 });
    case 'uniform_30_95':
      return exact({ kind: 'uniform', count, low: 30, high: 95 });
    case 'randn_f64_20':
      return compare(key, { data: draw({ kind: 'randnDouble', count: 20 })[0] as Float64Array }, want, 1e-12);
    case 'randn': {
      const [shape = '', part] = rest.split('.');
      const sizes = shape.split('x').map(Number);
      const [first, next] = draw({ kind: 'randn', shape: sizes }, { kind: 'randn', shape: [8] }) as Float32Array[];
      const parts = { last16: first?.slice(-16), then_randn8: next };
      const got = parts[part as keyof typeof parts] ?? (first as Float32Array).slice(0, count);
      // Fewer than 16 numbers go through the system's logarithm, sine and cosine, in torch too.
      return compare(key, { data: got }, want, got.length < 16 ? tolerance : 0);
    }
    case 'sequence': {
      const shape = rest.replace('second_', '').split('x').map(Number);
      const [, second] = draw({ kind: 'randn', shape }, { kind: 'randn', shape }) as Float32Array[];
      return compareExact(key, { data: (second as Float32Array).slice(0, count) }, want);
    }
    default:
      return skipped(key, 'not a draw of the method');
  }
}
