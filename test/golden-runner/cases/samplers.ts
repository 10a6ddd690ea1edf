import path from 'node:path';
import type { NativeTensor } from '../../../src/native/binding';
import { skipped } from '../compare';
import { ControlledUNet, createNetwork, latents, networksOf, THREADS, timesteps } from '../networks';
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
import type { CaseResult, Context, GoldenEntry, Handler, TensorSet } from '../types';

/** A row of `samplers/index.json`: one trajectory with the small networks. */
interface SamplerCase extends EdmCase {
  sampler: string;
  schedule: string;
  cfg_scale: number;
  rescale_cfg: boolean;
  steps: number;
  file: string;
  key: string;
  tol_rel_to_absmax: number;
}

/** A row of `params.cases` of the recorded guidance trajectories. */
interface GuidanceCase {
  case: string;
  guidance: 'MSEGuidance' | 'WeightedMSEGuidance' | null;
  g_scale: number;
  g_space: 'latent' | 'rgb';
  g_repeat: number;
  g_start: number;
  g_stop: number;
  cfg_scale: number;
  steps: number;
}

const INPUTS = 'samplers/inputs.safetensors';

const trajectories: Handler = {
  match: ({ file, function: from }) =>
    from === 'Sampler.sample' && file.startsWith('samplers/') && file.endsWith('.safetensors'),
  async run(entry, ctx) {
    const recorded = await ctx.tensors(entry);
    const inputs = await ctx.tensors(INPUTS);
    const model = await steeredModel(ctx.entry(INPUTS), inputs, ctx);
    const { primitives } = await ctx.binding();
    const rows = (await ctx.json<SamplerCase[]>('samplers/index.json')).filter(
      ({ file }) => file === path.posix.basename(entry.file),
    );
    const results: CaseResult[] = [];
    for (const row of rows) {
      const schedule = await scheduleOf(ctx, scheduleConfig(row.schedule));
      if (!hasSampler(primitives, schedule, row.sampler)) {
        results.push(skipped(row.key));
        continue;
      }
      const seen: number[] = [];
      const steps = primitives.sample({
        sampler: row.sampler,
        schedule,
        steps: row.steps,
        x: inputs.float('x_T'),
        noise: drawsOf(recorded, row.key, unstack(inputs.float('noise'))),
        cfgScale: row.cfg_scale,
        rescaleCfg: row.rescale_cfg,
        cond: model('c_txt', seen),
        uncond: model('uncond_c_txt', stacksPrompts(row.sampler) ? [] : seen),
        guidance: null,
        edm: edmOf(row),
        parity: true,
      });
      const want = recorded.float(`${row.key}.x`).data;
      results.push(compareSteps(`${row.key}.x`, steps, want, row.tol_rel_to_absmax));
      results.push(compareTimes(`${row.key}.model_t`, seen, recorded.get(`${row.key}.model_t`)));
    }
    return results;
  },
};

const guidedTrajectories: Handler = {
  match: ({ file }) => file === 'guidance/trajectories.safetensors',
  async run(entry, ctx) {
    const recorded = await ctx.tensors(entry);
    const model = await steeredModel(entry, recorded, ctx);
    const { primitives } = await ctx.binding();
    const schedule = await scheduleOf(ctx, scheduleConfig('v1_v2'));
    const tolerance = Number(entry.tolerance?.rel_to_absmax);
    const results: CaseResult[] = [];
    for (const row of (entry.params?.cases ?? []) as GuidanceCase[]) {
      if (row.guidance === 'WeightedMSEGuidance' && row.g_space === 'latent') {
        results.push(skipped(row.case, 'the reference fails here'));
        continue;
      }
      const towards = row.g_space === 'rgb' ? rgbGradient : recordedTarget;
      const guidance = row.guidance && {
        ...{ scale: row.g_scale, start: row.g_start, stop: row.g_stop, repeat: row.g_repeat },
        ...(await towards(entry, row, recorded, ctx)),
      };
      const steps = primitives.sample({
        sampler: 'spaced',
        schedule,
        steps: row.steps,
        x: recorded.float('x_T'),
        noise: unstack(recorded.float(`${row.case}.step_noise`)).map(batched),
        cfgScale: row.cfg_scale,
        rescaleCfg: false,
        cond: model('c_txt', []),
        uncond: model('uncond_c_txt', []),
        guidance,
        edm: edmOf({}),
        parity: true,
      });
      results.push(compareSteps(`${row.case}.x`, steps, recorded.float(`${row.case}.x`).data, tolerance));
    }
    return results;
  },
};

export const handlers: readonly Handler[] = [trajectories, guidedTrajectories];

/** The small ControlNet and UNet as a sampler calls them, the prompt by the name of its recorded embedding. */
async function steeredModel(entry: GoldenEntry, inputs: TensorSet, ctx: Context) {
  const network = await ControlledUNet.create(entry, ctx);
  const hint = inputs.float('c_img');
  return (prompt: string, seen: number[]) =>
    (x: NativeTensor, t: number): NativeTensor => {
      seen.push(t);
      const at = timesteps({ shape: [x.shape[0] ?? 1], data: [t] });
      const context = inputs.float(prompt);
      const { out } = network.predict(x, at, context, network.control(x, at, context, hint), 1);
      return out as NativeTensor;
    };
}

/** The reference encodes the target picture anew for every gradient, each time with the next recorded posterior noise. */
async function recordedTarget(entry: GoldenEntry, row: GuidanceCase, recorded: TensorSet, ctx: Context) {
  const networks = networksOf(entry, ctx);
  const encoder = await createNetwork(networks.vaeEncoder(), ctx);
  const moments = encoder.run({ image: recorded.float('target') }).moments as NativeTensor;
  const scale = await networks.latentScaleFactor();
  const draws = unstack(recorded.float(`${row.case}.vae_sample_noise`)).map(batched);
  const target = () => {
    const noise = draws.shift();
    if (!noise) throw new Error(`${row.case}: more gradients than the reference took`);
    return latents(moments, noise, scale).sample;
  };
  return { target };
}

/** The gradient of the decoded picture's distance to the target picture. */
async function rgbGradient(entry: GoldenEntry, row: GuidanceCase, recorded: TensorSet, ctx: Context) {
  const networks = networksOf(entry, ctx);
  const { primitives } = await ctx.binding();
  const [encoder, decoder] = [await networks.vaeEncoder(), await networks.vaeDecoder()];
  const autoencoder = primitives.createAutoencoder(encoder, decoder, THREADS);
  const scale = await networks.latentScaleFactor();
  const divided = ({ shape, data }: NativeTensor) => ({ shape, data: data.map((value) => value / scale) });
  const target = recorded.float('target');
  const weight =
    row.guidance === 'WeightedMSEGuidance'
      ? primitives.edgeWeight(target)
      : { shape: [1, 1, 1, 1], data: Float32Array.of(1) };
  return {
    gradient: (latent: NativeTensor) => divided(autoencoder.gradient(divided(latent), target, weight)),
    values: target.data.length / (target.shape[0] ?? 1),
  };
}

function batched({ shape, data }: NativeTensor): NativeTensor {
  return { shape: [1, ...shape], data };
}
