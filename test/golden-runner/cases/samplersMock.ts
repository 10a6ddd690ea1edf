import path from 'node:path';
import type { NativeTensor } from '../../../src/native/binding';
import { compare, failed, skipped } from '../compare';
import { scheduleConfig, scheduleOf } from '../schedules';
import {
  compareSteps,
  compareTimes,
  drawsOf,
  type EdmCase,
  edmOf,
  hasSampler,
  stacksPrompts,
  unstack,
} from '../trajectories';
import type { CaseResult, Context, Handler, TensorSet } from '../types';

/** Samplers with an analytic function in place of the network (formulas: README of the golden folder). */
interface MockCase extends EdmCase {
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
      const mock = await mockOf(row, context, recorded);
      if (!mock) {
        results.push(skipped(row.key));
      } else if (row.error) {
        results.push(finite(row.key, mock.run()));
      } else {
        const want = recorded.get(`${row.key}.x`).data as Float32Array;
        results.push(compareSteps(`${row.key}.x`, mock.run(), want, row.tol_rel_to_absmax as number));
        results.push(compareTimes(`${row.key}.model_t`, mock.times(), recorded.get(`${row.key}.model_t`)));
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
      const mock = await mockOf(row, context);
      results.push(mock ? finite(name, mock.run()) : skipped(name));
    }
    return results;
  },
};

/** A row of `params.cases` of the solvers that were recorded on their own. */
interface SolverCase extends EdmCase {
  key: string;
  solver: string;
  solver_type?: string;
  max_abs: number;
}

/** k-diffusion's solvers over well-conditioned noise levels. */
const solvers: Handler = {
  match: ({ function: from }) => from === 'diffbir.sampler.k_diffusion.sample_*',
  async run(entry, context) {
    const { primitives } = await context.binding();
    const recorded = await context.tensors(entry);
    return ((entry.params?.cases ?? []) as SolverCase[]).map((row) => {
      const steps = primitives.edmSolve({
        sampler: samplerOf(row),
        sigmas: recorded.float('sigmas').data,
        x: recorded.float('x'),
        noise: drawsOf(recorded, row.key, unstack(recorded.float('noise'))),
        edm: edmOf(row),
        denoise: ({ shape, data }, sigma) => ({ shape, data: data.map((x) => mockDenoised(x, sigma)) }),
      });
      const got = Float32Array.from(steps.flatMap(({ data }) => [...data]));
      return compare(`${row.key}.x`, { data: got }, recorded.get(`${row.key}.x`), row.max_abs);
    });
  },
};

export const handlers: readonly Handler[] = [trajectories, edgeCases, solvers];

/** `sample_dpmpp_2s_ancestral` is the sampler `edm_dpm++_2s_a`. */
function samplerOf({ solver, solver_type: variant }: SolverCase): string {
  const name = solver.replace('sample_', 'edm_').replace('dpmpp', 'dpm++').replace('ancestral', 'a');
  return variant ? `${name}_${variant}` : name;
}

interface Mock {
  /** x after every step. */
  run(): NativeTensor[];
  /** The timestep of every call of the last run. */
  times(): readonly number[];
}

/** A case, ready to run; nothing when there is no such sampler yet. */
async function mockOf(row: MockCase, context: Context, recorded?: TensorSet): Promise<Mock | undefined> {
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
  const stream = Array.from({ length: 2 * row.steps + 1 }, (_, i) => draws[i % draws.length] as NativeTensor);
  let t: number[] = [];
  const network = (c: number, seen: number[]) => (x: NativeTensor, at: number) => {
    seen.push(at);
    const formula = row.parameterization === 'eps' ? mockEps : mockV;
    return { shape: x.shape, data: x.data.map((value) => formula(value, at, c)) };
  };
  const run = () => {
    t = [];
    return primitives.sample({
      sampler: row.sampler,
      schedule,
      steps: row.steps,
      x: repeat(inputs.float('x_T'), batch),
      noise: recorded ? drawsOf(recorded, row.key, stream) : stream,
      cfgScale: row.cfg_scale,
      rescaleCfg: row.rescale_cfg,
      cond: network(1, t),
      uncond: network(-0.5, stacksPrompts(row.sampler) ? [] : t),
      guidance: null,
      edm: edmOf(row),
      parity: true,
    });
  };
  return { run, times: () => t };
}

const mockEps = (x: number, t: number, c: number) =>
  x - 0.001 * Math.tanh(2 * x) * (1 + 0.5 * c) + 0.001 * c * Math.cos(t / 150);

const mockV = (x: number, t: number, c: number) => 0.6 * Math.tanh(x) + 0.3 * c * Math.sin(t / 120 + x);

const mockDenoised = (x: number, sigma: number) => 0.8 * Math.tanh(x / (1 + sigma)) + 0.1 * Math.cos(sigma);

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
