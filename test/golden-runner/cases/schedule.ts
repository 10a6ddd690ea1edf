import path from 'node:path';
import { compare, compareExact, compareJson, failed, maxRel, relToAbsMax, skipped } from '../compare';
import { scheduleConfig, scheduleOf } from '../schedules';
import { edmOf } from '../trajectories';
import type { CaseResult, Handler } from '../types';

/** `schedule/spaced_v2.1.safetensors` -> `v2.1` */
const scheduleName = (file: string) => path.posix.basename(file, '.safetensors').replace(/^.*?_(?=v\d)/, '');

const training: Handler = {
  match: (entry) => entry.function === 'Diffusion.__init__',
  async run(entry, context) {
    const { primitives } = await context.binding();
    const recorded = await context.tensors(entry);
    const tables = primitives.noiseSchedule(await scheduleOf(context, entry.params?.config));
    const rel = Number(entry.tolerance?.rel);
    const abs = Number(entry.tolerance?.f32_abs);
    const f32 = {
      sqrt_alphas_cumprod_f32: tables.sqrtAlphasCumprod,
      sqrt_one_minus_alphas_cumprod_f32: tables.sqrtOneMinusAlphasCumprod,
    };
    return [
      compare('betas', { data: tables.betas }, recorded.get('betas'), rel, maxRel),
      compare('alphas_cumprod', { data: tables.alphasCumprod }, recorded.get('alphas_cumprod'), rel, maxRel),
      ...Object.entries(f32).map(([name, data]) => compare(name, { data }, recorded.get(name), abs)),
    ];
  },
};

const spaced: Handler = {
  match: (entry) => entry.function === 'SpacedSampler.make_schedule',
  async run(entry, context) {
    const { primitives } = await context.binding();
    const recorded = await context.tensors(entry);
    const schedule = await scheduleOf(context, scheduleConfig(scheduleName(entry.file)));
    return recorded.names.map((key) => {
      const [, steps, table = ''] = /^spaced(\d+)\.(.+)$/.exec(key) ?? [];
      const data = primitives.spacedSchedule(schedule, Number(steps))[table];
      if (!data) return failed(key, `no table ${table}`);
      if (data instanceof Int32Array) return compareExact(key, { data }, recorded.get(key));
      return compare(key, { data }, recorded.get(key), Number(entry.tolerance?.rel), maxRel);
    });
  },
};

const ddim: Handler = {
  match: (entry) => entry.function === 'DDIMSampler.make_schedule',
  async run(entry, context) {
    const { primitives } = await context.binding();
    const recorded = await context.tensors(entry);
    const schedule = await scheduleOf(context, scheduleConfig(scheduleName(entry.file)));
    return recorded.names.map((key) => {
      const [, steps, eta = '0', table = ''] = /^ddim(\d+)(?:_eta([\d.]+))?\.(\w+)$/.exec(key) ?? [];
      const data = primitives.ddimSchedule(schedule, Number(steps), Number(eta))[table];
      if (!data) return failed(key, `no table ${table}`);
      if (data instanceof Int32Array) return compareExact(key, { data }, recorded.get(key));
      return compare(key, { data }, recorded.get(key), Number(entry.tolerance?.rel), maxRel);
    });
  },
};

const dpm: Handler = {
  match: (entry) => entry.function.startsWith('NoiseScheduleVP'),
  async run(entry, context) {
    const { primitives } = await context.binding();
    const recorded = await context.tensors(entry);
    const schedule = await scheduleOf(context, scheduleConfig(scheduleName(entry.file)));
    return recorded.names.map((key) => {
      const [, steps = '1', table = ''] = /^(?:steps(\d+)\.)?(\w+)$/.exec(key) ?? [];
      const tables: Record<string, Float32Array> = {
        ...primitives.dpmSchedule(schedule, Number(steps)),
        betas_f32: Float32Array.from(primitives.noiseSchedule(schedule).betas),
      };
      const data = tables[table];
      if (!data) return failed(key, `no table ${table}`);
      return compare(key, { data }, recorded.get(key), Number(entry.tolerance?.rel), relToAbsMax);
    });
  },
};

/** Levels of the edm samplers, the timesteps that levels are mapped to, and the weights of single steps. */
const edm: Handler = {
  match: (entry) => entry.function.startsWith('EDMSampler.make_schedule'),
  async run(entry, context) {
    const { primitives } = await context.binding();
    const recorded = await context.tensors(entry);
    const schedule = await scheduleOf(context, scheduleConfig(scheduleName(entry.file)));
    const rel = Number(entry.tolerance?.rel);
    const tables = (steps: string) => primitives.edmSchedule(schedule, Number(steps), true, new Float32Array());
    return recorded.names.flatMap((key) => {
      const want = recorded.get(key);
      const [, what = '', steps = '', detail = ''] = /^([a-z]+)(\d+)[._](.+)$/.exec(key) ?? [];
      switch (what) {
        case 'edm': {
          const { sigmas, timesteps } = tables(steps);
          if (detail === 'timesteps') return [compareExact(key, { data: timesteps }, want)];
          return [compare(key, { data: sigmas }, want, rel, maxRel)];
        }
        case 'lookup': {
          if (detail !== 't') return [];
          const sigmas = recorded.float(`lookup${steps}.sigma`).data;
          const { nearest } = primitives.edmSchedule(schedule, Number(steps), true, sigmas);
          return [compareExact(key, { data: nearest }, want)];
        }
        case 'lms': {
          const order = Number(detail.replace('order', ''));
          const { multistep } = primitives.edmSteps(tables(steps).sigmas, edmOf({ order }));
          // scipy's quadrature of the recording stops at a relative error of 1e-4.
          return [compare(key, { data: multistep }, want, 1e-4, relToAbsMax)];
        }
        case 'ancestral': {
          const eta = Number(detail.replace('eta', ''));
          const { ancestral } = primitives.edmSteps(tables(steps).sigmas, edmOf({ eta }));
          return [compare(key, { data: ancestral }, want, rel, maxRel)];
        }
        default:
          return [skipped(key)];
      }
    });
  },
};

/** The timestep may differ per batch item, native code takes one: items are compared one by one. */
const forward: Handler = {
  match: (entry) => entry.function.startsWith('Diffusion.q_sample'),
  async run(entry, context) {
    const { primitives } = await context.binding();
    const recorded = await context.tensors(entry);
    const schedule = await scheduleOf(context, scheduleConfig(scheduleName(entry.file)));
    const [items = 0, ...rest] = recorded.get('out').shape;
    const item = (name: string, index: number) => {
      const { data } = recorded.float(name);
      const size = data.length / items;
      return { shape: [1, ...rest], data: data.slice(index * size, (index + 1) * size) };
    };
    const results: CaseResult[] = [];
    for (let i = 0; i < items; i++) {
      const t = Number(recorded.get('t').data[i]);
      const got = primitives.qSample(schedule, item('x_start', i), t, item('noise', i));
      results.push(compare(`out t=${t}`, got, item('out', i), Number(entry.tolerance?.max_abs)));
      const v = primitives.velocity(schedule, item('x_start', i), t, item('noise', i));
      results.push(compare(`get_v t=${t}`, v, item('get_v', i), Number(entry.tolerance?.max_abs)));
    }
    return results;
  },
};

const rescaledCfg: Handler = {
  match: (entry) => entry.function === 'Sampler.get_cfg_scale',
  async run(entry, context) {
    const { primitives } = await context.binding();
    const rows = await context.json<{ cfg_scale: number; t: number; value: number }[]>(entry.file);
    const got = rows.map(({ cfg_scale, t }) => primitives.cfgScaleAt(cfg_scale, true, t));
    return [compare('all', { data: got }, { data: rows.map(({ value }) => value) }, 1e-12, maxRel)];
  },
};

interface Spaced {
  num_timesteps: number;
  /** `50`, `10,15,20` or `ddim50`. */
  section_counts: string;
  timesteps: number[];
  error?: string | null;
}

interface DdimUniform {
  steps: number;
  count: number;
  first: number;
  last: number;
  /** Not recorded for long lists. */
  timesteps: number[] | null;
}

const timesteps: Handler = {
  match: (entry) => entry.function.startsWith('space_timesteps'),
  async run(entry, context) {
    const { primitives } = await context.binding();
    const schedule = await scheduleOf(context, scheduleConfig('v1_v2'));
    const recorded = await context.json<{
      space_timesteps: Spaced[];
      space_timesteps_errors: Spaced[];
      ddim_uniform: DdimUniform[];
    }>(entry.file);
    const compute = ({ num_timesteps, section_counts }: Spaced) => {
      const [, strided] = /^ddim(\d+)$/.exec(section_counts) ?? [];
      if (strided) return [...primitives.stridedTimesteps(num_timesteps, Number(strided))];
      return [...primitives.spaceTimesteps(num_timesteps, Int32Array.from(section_counts.split(',').map(Number)))];
    };
    const name = (row: Spaced) => `space_timesteps ${row.num_timesteps} ${row.section_counts}`;
    return [
      ...recorded.space_timesteps.map((row) => compareJson(name(row), compute(row), row.timesteps)),
      ...recorded.space_timesteps_errors.map((row) => {
        const want = row.error ? 'DIFFBIR_INVALID_OPTION' : 'no error';
        return compareJson(
          name(row),
          codeOf(() => compute(row)),
          want,
        );
      }),
      ...recorded.ddim_uniform.map((row) => {
        const { timesteps } = primitives.ddimSchedule(schedule, row.steps, 0);
        return compareJson(`ddim ${row.steps}`, described([...(timesteps as Int32Array)], row), usable(row));
      }),
    ];
  },
};

/** Timesteps in as much detail as they were recorded. */
function described(timesteps: readonly number[], { timesteps: recorded }: DdimUniform) {
  return recorded ? timesteps : [timesteps.length, timesteps[0], timesteps.at(-1)];
}

/** What was recorded, without index 1000, at which the reference fails and which ours leaves out. */
function usable({ steps, count, first, last, timesteps }: DdimUniform) {
  if (timesteps) return timesteps.filter((t) => t < 1000);
  return last < 1000 ? [count, first, last] : [count - 1, first, last - Math.floor(1000 / steps)];
}

export const handlers: readonly Handler[] = [training, spaced, ddim, dpm, edm, forward, rescaledCfg, timesteps];

function codeOf(call: () => unknown): string {
  try {
    call();
    return 'no error';
  } catch (error) {
    return (error as { code: string }).code;
  }
}
