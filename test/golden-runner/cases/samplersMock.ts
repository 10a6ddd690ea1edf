import path from 'node:path';
import type { NativeTensor } from '../../../src/native/binding';
import { failed, skipped } from '../compare';
import { scheduleConfig, scheduleOf } from '../schedules';
import { compareSteps, compareTimes, hasSampler, stacksPrompts, unstack } from '../trajectories';
import type { CaseResult, Context, Handler } from '../types';

/** Samplers with an analytic function in place of the network (formulas: README of the golden folder). */
interface MockCase {
  sampler: string;
  parameterization: 'eps' | 'v';
  schedule?: string;
  cfg_scale: number;
  rescale_cfg: boolean;
  steps: number;
  batch?: number;
  file: string;
  key: string;
  /** The reference raises: there is nothing to compare with, ours has to work. */
  error?: string;
  tol_rel_to_absmax?: number;
}

const trajectories: Handler = {
  match: ({ file, function: from }) =>
    from === 'Sampler.sample' && file.startsWith('samplers_mock/') && file.endsWith('.safetensors'),
  async run(entry, context) {
    const recorded = await context.tensors(entry);
    const cases = await context.json<MockCase[]>('samplers_mock/index.json');
    const results: CaseResult[] = [];
    for (const row of cases.filter(({ file }) => file === path.posix.basename(entry.file))) {
      const run = await runMock(row, context);
      if (!run) {
        results.push(skipped(row.key));
      } else if (row.error) {
        results.push(finite(row.key, run.x));
      } else {
        const want = recorded.get(`${row.key}.x`);
        results.push(compareSteps(`${row.key}.x`, run.x, want.data as Float32Array, row.tol_rel_to_absmax as number));
        results.push(compareTimes(`${row.key}.model_t`, run.t, recorded.get(`${row.key}.model_t`)));
      }
    }
    return results;
  },
};

/** Options with which the reference raises. */
const edgeCases: Handler = {
  match: ({ file, function: from }) => from === 'Sampler.sample' && file.endsWith('edge_cases.json'),
  async run(entry, context) {
    const results: CaseResult[] = [];
    for (const row of await context.json<MockCase[]>(entry.file)) {
      const name = `${row.sampler} ${row.parameterization} steps=${row.steps} batch=${row.batch ?? 1}`;
      const run = await runMock(row, context);
      results.push(run ? finite(name, run.x) : skipped(name));
    }
    return results;
  },
};

export const handlers: readonly Handler[] = [trajectories, edgeCases];

/** x after every step and the timestep of every call; nothing when there is no such sampler yet. */
async function runMock(row: MockCase, context: Context): Promise<{ x: NativeTensor[]; t: number[] } | undefined> {
  const { primitives } = await context.binding();
  const inputs = await context.tensors('samplers_mock/inputs.safetensors');
  const schedule = await scheduleOf(
    context,
    scheduleConfig(row.schedule ?? (row.parameterization === 'v' ? 'v2.1' : 'v1_v2')),
  );
  if (!hasSampler(primitives, schedule, row.sampler)) return undefined;
  const batch = row.batch ?? 1;
  // Over again where an edge case takes more draws than were recorded.
  const draws = unstack(inputs.float('noise')).map((draw) => repeat(draw, batch));
  const t: number[] = [];
  const network = (c: number, seen: number[]) => (x: NativeTensor, at: number) => {
    seen.push(at);
    const formula = row.parameterization === 'eps' ? mockEps : mockV;
    return { shape: x.shape, data: x.data.map((value) => formula(value, at, c)) };
  };
  const x = primitives.sample({
    sampler: row.sampler,
    schedule,
    steps: row.steps,
    x: repeat(inputs.float('x_T'), batch),
    noise: Array.from({ length: 2 * row.steps + 1 }, (_, i) => draws[i % draws.length] as NativeTensor),
    cfgScale: row.cfg_scale,
    rescaleCfg: row.rescale_cfg,
    cond: network(1, t),
    uncond: network(-0.5, stacksPrompts(row.sampler) ? [] : t),
    guidance: null,
  });
  return { x, t };
}

const mockEps = (x: number, t: number, c: number) =>
  x - 0.001 * Math.tanh(2 * x) * (1 + 0.5 * c) + 0.001 * c * Math.cos(t / 150);

const mockV = (x: number, t: number, c: number) => 0.6 * Math.tanh(x) + 0.3 * c * Math.sin(t / 120 + x);

function finite(name: string, x: readonly NativeTensor[]): CaseResult {
  const last = x.at(-1)?.data;
  if (!last?.every(Number.isFinite)) return failed(name, 'not finite');
  return { name, status: 'pass', note: 'finite, where the reference raises' };
}

function repeat({ shape, data }: NativeTensor, batch: number): NativeTensor {
  const repeated = new Float32Array(data.length * batch);
  for (let i = 0; i < batch; i++) repeated.set(data, i * data.length);
  return { shape: [batch, ...shape.slice(1)], data: repeated };
}
