import type { NativeTensor } from '../../../src/native/binding';
import type { BlurKernel, DegradationOperation, InterpolationMode } from '../../../src/native/degradation';
import { compare, failed, maxRel, skipped } from '../compare';
import { differingBlocks, fromHwc, kernelsOf, sampleOf } from '../degradations';
import type { CaseResult, GoldenEntry, Handler, TensorSet } from '../types';

const inFolder = (entry: GoldenEntry) => entry.file.startsWith('degradation/');
const tolerance = (entry: GoldenEntry) => Number(entry.tolerance?.max_abs);

/** Keys: `<form>[_b<beta>].<parameters>` and `sinc.k<size>.w<cutoff>.pad<size>`. */
const kernels: Handler = {
  match: (entry) => inFolder(entry) && entry.function.startsWith('bivariate_Gaussian'),
  async run(entry, context) {
    const { primitives } = await context.binding();
    const recorded = await context.tensors(entry);
    const rel = Number(entry.tolerance?.rel);
    const compute = (key: string): BlurKernel | undefined => {
      const [, size, cutoff, padTo] = /^sinc\.k(\d+)\.w([\d.]+)\.pad(\d+)$/.exec(key) ?? [];
      if (size) return primitives.sincKernel(cutoffOf(Number(cutoff)), Number(size), Number(padTo));
      const [, family, form, beta, name] =
        /^(?:(generalized|plateau)_)?(iso|aniso)(?:_b([\d.]+))?\.(\w+)$/.exec(key) ?? [];
      const found = name && entry.params?.kernels?.[name];
      if (!found) return undefined;
      return primitives.blurKernel({
        shape: (family ?? 'gaussian') as 'gaussian',
        size: found.kernel_size,
        sigmaX: found.sigma_x,
        sigmaY: form === 'iso' ? found.sigma_x : found.sigma_y,
        theta: form === 'iso' ? 0 : found.theta,
        beta: Number(beta ?? 1),
      });
    };
    return recorded.names.map((key) => {
      const kernel = compute(key);
      return kernel
        ? compare(key, { shape: [kernel.size, kernel.size], data: kernel.weights }, recorded.get(key), rel, maxRel)
        : skipped(key);
    });
  },
};

const filters: Handler = {
  match: (entry) => inFolder(entry) && entry.function.startsWith('filter2D'),
  async run(entry, context) {
    const { primitives } = await context.binding();
    const recorded = await context.tensors(entry);
    const filtered = (kernel: string) =>
      primitives.applyDegradation(
        recorded.float('img2'),
        [{ kind: 'filter', kernels: kernelsOf(recorded.get(kernel)) }],
        [],
      );
    const usm = primitives.blurKernel({ shape: 'gaussian', size: 51, sigmaX: 8, sigmaY: 8, theta: 0, beta: 1 });
    const check = (key: string, got: { data: ArrayLike<number> }) =>
      compare(key, got, recorded.get(key), tolerance(entry));
    return [
      check('filter2D_per_sample', filtered('kernels')),
      check('filter2D_shared', filtered('kernel21')),
      check('usm_kernel', { data: usm.weights }),
      check('usm_out', primitives.applyDegradation(recorded.float('usm_in'), [{ kind: 'sharpen' }], [])),
    ];
  },
};

/** Keys: `<noise>.<case>.out`, with its draws and its strength for each sample. Grey cases draw the grey noise first. */
const noise: Handler = {
  match: (entry) => inFolder(entry) && entry.function.startsWith('add_gaussian_noise_pt'),
  async run(entry, context) {
    const { primitives } = await context.binding();
    const recorded = await context.tensors(entry);
    const results: CaseResult[] = [];
    for (const key of recorded.names.filter((name) => name.endsWith('.out') || name.includes('.out_sigma'))) {
      const [family = '', name = ''] = key.split('.');
      const want = recorded.get(key);
      if (family === 'np_gaussian') {
        const sigma = Number(/sigma([\d.]+)$/.exec(key)?.[1]);
        const normal = recorded.float(`${family}.normal`);
        const operation = { kind: 'gaussianNoise' as const, strength: [sigma], gray: [false] };
        const got = primitives.applyDegradation(
          fromHwc(recorded.float(`${family}.bgr_in`)),
          [operation],
          [fromHwc(normal)],
        );
        results.push(compare(key, got, fromHwc(want), tolerance(entry)));
        continue;
      }
      const draws = recorded.names
        .filter((draw) => new RegExp(`^${family}\\.${name}\\.(draw|counts)\\d+$`).test(draw))
        .sort()
        .map((draw) => recorded.float(draw));
      const strength = [...recorded.float(`${family}.${name}.${family === 'gaussian' ? 'sigma' : 'scale'}`).data];
      const batch = want.shape[0] as number;
      const x = sampleOf(recorded.float('img2'), batch);
      // Which samples of a grey batch were grey is not recorded: one of the combinations has to fit.
      const choices = draws.length > 1 ? grayChoices(strength.length) : [strength.map(() => false)];
      const attempts = choices.map((gray) => {
        const kind = family === 'gaussian' ? ('gaussianNoise' as const) : ('poissonNoise' as const);
        const got = primitives.applyDegradation(x, [{ kind, strength, gray }], draws);
        return compare(key, got, want, tolerance(entry));
      });
      results.push(attempts.reduce((best, next) => ((next.error ?? 9) < (best.error ?? 9) ? next : best)));
    }
    return results;
  },
};

const diffJpeg: Handler = {
  match: (entry) => inFolder(entry) && entry.function.startsWith('DiffJPEG'),
  async run(entry, context) {
    const { primitives } = await context.binding();
    const recorded = await context.tensors(entry);
    const results: CaseResult[] = [];
    for (const key of recorded.names) {
      const [, soft, odd, quality] = /^(differentiable\.)?(odd\.)?q(\d+)$/.exec(key) ?? [];
      if (!quality && key !== 'per_sample') continue;
      const x = recorded.float(odd ? (recorded.names.find((name) => /^img_\d/.test(name)) as string) : 'img2');
      const operation = {
        kind: 'diffJpeg' as const,
        quality: quality ? [Number(quality)] : [...recorded.float('q_tensor').data],
        standardTable: false,
        softRounding: soft !== undefined,
      };
      const got = primitives.applyDegradation(x, [operation], []);
      results.push(blockwise(key, got, recorded.float(key), tolerance(entry)));
    }
    return results;
  },
};

/** A real file through OpenCV; pictures are BGR. */
const jpeg: Handler = {
  match: (entry) => inFolder(entry) && entry.function === 'add_jpg_compression',
  async run(entry, context) {
    const { primitives } = await context.binding();
    const recorded = await context.tensors(entry);
    const x = fromHwc(recorded.float('bgr_in'), { reverse: true });
    return recorded.names.flatMap((key) => {
      const [, quality] = /\.q(\d+)$/.exec(key) ?? [];
      if (!quality) return [];
      const got = primitives.applyDegradation(x, [{ kind: 'jpeg', quality: Number(quality) }], []);
      return [compare(key, got, fromHwc(recorded.get(key), { reverse: true }), tolerance(entry))];
    });
  },
};

/** Whole runs of the two-pass model, repeated from the log of their decisions. */
const runs: Handler = {
  match: (entry) => inFolder(entry) && entry.function.startsWith('RealESRGANBatchTransform') && Boolean(entry.tensors),
  async run(entry, context) {
    const { primitives } = await context.binding();
    const recorded = await context.tensors(entry);
    const { config, runs } = await context.json<{ config: RunConfig; runs: Run[] }>(
      entry.file.replace(/\.\w+$/, '.json'),
    );
    const results: CaseResult[] = [];
    const sharp = primitives.applyDegradation(recorded.float('hq'), [{ kind: 'sharpen' }], []);
    const target = { shape: sharp.shape, data: sharp.data.map((value) => 2 * value - 1) };
    results.push(compare('gt_nhwc', target, fromHwc(recorded.get('gt_nhwc')), tolerance(entry)));
    for (const run of runs) {
      const { plan, draws } = replay(run, config, recorded);
      const got = primitives.applyDegradation(recorded.float('hq'), plan, draws);
      const want = fromHwc(recorded.get(`run${run.run}.lq_nhwc`));
      results.push(compare(`run${run.run}`, got, want, tolerance(entry)));
    }
    return results;
  },
};

const runLogs: Handler = {
  match: (entry) => inFolder(entry) && entry.function.startsWith('RealESRGANBatchTransform') && !entry.tensors,
  run: async () => [],
};

export const handlers: readonly Handler[] = [kernels, filters, noise, diffJpeg, jpeg, runs, runLogs];

interface RunConfig {
  readonly gaussian_noise_prob: number;
  readonly noise_range: readonly [number, number];
  readonly poisson_scale_range: readonly [number, number];
  readonly gray_noise_prob: number;
  readonly gaussian_noise_prob2: number;
  readonly noise_range2: readonly [number, number];
  readonly poisson_scale_range2: readonly [number, number];
  readonly gray_noise_prob2: number;
}

type Entry = readonly [string, unknown?, unknown?];

interface Run {
  readonly run: number;
  readonly log: readonly Entry[];
}

/** The plan and the draws of a logged run: the log has the decisions in the order in which the reference made them. */
function replay(
  run: Run,
  config: RunConfig,
  recorded: TensorSet,
): { plan: DegradationOperation[]; draws: NativeTensor[] } {
  const plan: DegradationOperation[] = [{ kind: 'sharpen' }];
  const draws: NativeTensor[] = [];
  let [filtersSeen, noisesSeen] = [0, 0];
  const log = [...run.log];
  const kernelNames =
    log.filter(([what]) => what === 'filter2D').length > 2
      ? ['kernel1', 'kernel2', 'sinc_kernel']
      : ['kernel1', 'sinc_kernel'];
  while (log.length > 0) {
    const [what, value] = log.shift() as Entry;
    if (what === 'filter2D') {
      plan.push({ kind: 'filter', kernels: kernelsOf(recorded.get(kernelNames[filtersSeen++] as string)) });
    } else if (what === 'interpolate') {
      const {
        size,
        scale_factor: scale,
        mode,
      } = value as { size?: [number, number]; scale_factor?: number; mode: InterpolationMode };
      plan.push(
        size
          ? { kind: 'resizeTo', height: size[0], width: size[1], mode }
          : { kind: 'resizeBy', scale: scale as number, mode },
      );
    } else if (what === 'tensor' && String(value).endsWith('.jpeg_quality')) {
      const quality = [...recorded.float(String(value)).data];
      plan.push({ kind: 'clamp' }, { kind: 'diffJpeg', quality, standardTable: false, softRounding: false });
    } else if (what === 'tensor' && String(value).endsWith('.rand')) {
      const [, grayName] = log.shift() as Entry;
      const taken: string[] = [];
      while (/\.(randn|poisson_counts)$/.test(String(log[0]?.[1]))) taken.push(String(log.shift()?.[1]));
      const gaussian = taken[0]?.endsWith('.randn') ?? true;
      const second = noisesSeen++ > 0;
      const [low, high] = gaussian
        ? second
          ? config.noise_range2
          : config.noise_range
        : second
          ? config.poisson_scale_range2
          : config.poisson_scale_range;
      const grayProbability = second ? config.gray_noise_prob2 : config.gray_noise_prob;
      const strength = [...recorded.float(String(value)).data].map((rand) => low + (high - low) * rand);
      const gray = [...recorded.float(String(grayName)).data].map((rand) => rand < grayProbability);
      plan.push({ kind: gaussian ? 'gaussianNoise' : 'poissonNoise', strength, gray });
      draws.push(...taken.map((name) => recorded.float(name)));
    }
  }
  plan.push({ kind: 'quantize' });
  return { plan, draws };
}

/** A tie of rounding flips a coefficient, and with it one 8x8 (luma) or 16x16 (chroma) block: a few may differ. */
function blockwise(name: string, got: NativeTensor, want: NativeTensor, limit: number): CaseResult {
  if (String(got.shape) !== String(want.shape)) return failed(name, `shape [${got.shape}] instead of [${want.shape}]`);
  const { worst, differing, blocks } = differingBlocks(got, want, limit);
  const status = differing <= Math.max(1, Math.floor(blocks / 12)) ? 'pass' : 'fail';
  const note = differing > 0 ? `${differing} of ${blocks} macroblocks differ by a tie of rounding` : undefined;
  return { name, status, error: worst, tolerance: limit, measure: 'abs', ...(note && { note }) };
}

/** Cut-offs of sinc kernels are recorded with four digits; those of the reference's configuration are fractions of pi. */
function cutoffOf(rounded: number): number {
  const third = Math.PI / 3;
  return Math.abs(rounded - third) < 5e-5 ? third : rounded;
}

/** Every way in which at least one sample is grey. */
function grayChoices(samples: number): boolean[][] {
  return Array.from({ length: 2 ** samples - 1 }, (_, k) =>
    Array.from({ length: samples }, (_, i) => (((k + 1) >> i) & 1) === 1),
  );
}
