import { captionedPrompt } from './caption';
import { InvalidOptionError } from './errors';
import {
  checkFaceOptions,
  DETECT_SHARE,
  findFaces,
  type NativeRun,
  type PictureFaces,
  planFaces,
  type RunStages,
  restoreFaces,
} from './faces/restoreFaces';
import { type OpenPicture, openPicture } from './image/decode';
import { resizeAlpha } from './image/encode';
import { joinAlpha } from './image/raw';
import type { ImageInput, Metadata, Picture } from './image/types';
import { abortError } from './jobQueue';
import { type LoadedModel, type ModelInUse, noStage1 } from './loadModel';
import type { Demand } from './memory/admission';
import { type Attempt, withLessMemory } from './memory/lessMemory';
import { DETECTOR_SHORT_SIDE } from './memory/planFaces';
import { planPicture } from './memory/planPicture';
import { keepsNetworks } from './memory/weights';
import type { NativeModel, RestoreJob } from './native/binding';
import type { ResolvedOptions } from './options/resolve';
import { MAX_PARAMETERS, type RunParameters, runParameters, toJson } from './parameters/runParameters';
import { hasRdf } from './parameters/xmp';
import { withFraction } from './progress';
import { RestoreResult, type StageTime } from './restoreResult';
import { runTask } from './runTask';
import { checkSamples, sampleSeed } from './samples';
import { withTimeLimit } from './timeLimit';
import { checkWorkSize } from './workSize';

const MIB = 2 ** 20;

/** One picture's way: bytes, RGB, native (once a sample), RGB with its alpha and metadata again. */
export async function restorePicture(
  model: LoadedModel,
  input: ImageInput,
  options: ResolvedOptions,
  loadShare = 0,
): Promise<RestoreResult> {
  const stage = checkRun(model, options);
  return withTimeLimit(options, async ({ signal, paused }) => {
    const limited = { ...options, signal };
    const begin = performance.now();
    const opened = await openPicture(input, limited);
    const opening = performance.now() - begin;
    // Refused, or kept waiting, before it is decoded: what would be too large for the limits, or for the memory.
    const demand = demandOf(opened, stage, model, options);
    const work = (native: NativeModel) =>
      restoreOpened({ ...model, native }, opened, opening, stage, limited, loadShare);
    return model.admission.run(demand, { signal, paused }, work);
  });
}

/** Throws InvalidOptionError for options that this model cannot have, or that contradict each other. */
function checkRun(model: LoadedModel, options: ResolvedOptions): 1 | 2 {
  const stage = options.stage ?? model.stages;
  if (stage > model.stages) throw stageNotLoaded();
  if (stage === 2 && !model.readsPrompts) refusePrompts(options, model.name);
  if (stage === 1 && !model.hasStage1) throw noStage1(model.name);
  if (options.parity && options.precision !== 'float32') throw notTheReference(options.precision);
  checkSamples(options, stage);
  checkInterval(options);
  if (model.faces) checkFaceOptions(options);
  return stage;
}

/** What the picture needs. Throws InvalidImageError and InvalidOptionError where that is more than the limits allow. */
function demandOf(opened: OpenPicture, stage: 1 | 2, model: LoadedModel, options: ResolvedOptions): Demand {
  const enlarged = model.faces && options.parity ? DETECTOR_SHORT_SIDE : 1;
  checkWorkSize(opened, options, Math.max(stage === 2 ? model.minShortEdge : 1, enlarged));
  const { work: whole, reuse, keepNetworks } = planPicture(opened, stage, model, options);
  const work = planFaces(opened, stage, whole, model, options);
  const form = stage === 1 ? 'any' : reuse;
  const isKept = keepNetworks && keepsNetworks(model.copied, work, options);
  return { work, budget: options.memoryBudget * MIB, form: isKept ? form : undefined };
}

async function restoreOpened(
  model: ModelInUse,
  opened: OpenPicture,
  opening: number,
  stage: 1 | 2,
  options: ResolvedOptions,
  loadShare: number,
): Promise<RestoreResult> {
  const { signal, samples } = options;
  const begin = performance.now();
  const picture = await opened.decode();
  const read = { stage: 'read' as const, milliseconds: opening + performance.now() - begin };
  if (signal?.aborted) throw abortError(signal);

  const begun = model.faces ? loadShare + DETECT_SHARE * (1 - loadShare) : loadShare;
  const faces = model.faces && (await findFaces(model, picture, stage, options, loadShare, begun));
  const share = (count: number) => begun + ((1 - begun) * count) / samples;
  const prompt = stage === 2 ? await captionedPrompt(picture, options) : options.prompt;
  const run: Run = { model, stage, picture, read, faces };
  const others: RestoreResult[] = [];
  // The first comes last, since it holds the others.
  for (let k = 1; k < samples; k++) {
    const one = { ...options, prompt, seed: sampleSeed(options.seed, k) };
    others.push(await restoreSample(run, one, share(k - 1), share(k), []));
  }
  return restoreSample(run, { ...options, prompt }, share(samples - 1), 1, others);
}

/** What the samples of a picture have in common. */
interface Run {
  readonly model: ModelInUse;
  readonly stage: 1 | 2;
  readonly picture: Picture;
  readonly read: StageTime;
  readonly faces: PictureFaces | undefined;
}

async function restoreSample(
  { model, stage, picture, read, faces: found }: Run,
  options: ResolvedOptions,
  from: number,
  to: number,
  others: readonly RestoreResult[],
): Promise<RestoreResult> {
  const { signal, logger } = options;
  const run: RunStages = (...args) => runStages(model, stage, ...args);
  const restored = found
    ? await restoreFaces(model, picture, found, options, run, from, to)
    : { ...(await run(picture, options, from, to)), faces: [], background: undefined };
  const { image, trace, faces, background } = restored;
  const times = [read, ...(found ? [found.time] : []), ...restored.times];
  const warnings = [...(found?.warnings ?? []), ...restored.warnings];

  const { width, height } = image;
  const alpha = picture.alpha && (await resizeAlpha(picture.alpha, picture, image));
  if (signal?.aborted) throw abortError(signal);
  const { tiling, ...reused } = restored.planned;
  const parameters = runParameters(model, { ...options, ...reused, tiling: recordedTiling(tiling) }, stage);
  const saved = options.saveParameters ? toSave(parameters, picture.metadata, warnings) : undefined;
  const all = [...picture.warnings, ...warnings];
  for (const warning of all) logger?.warn(`${picture.name}: ${warning}`);
  for (const time of times) logger?.debug(`${picture.name}: ${time.stage} ${time.milliseconds.toFixed(1)} ms`);
  return new RestoreResult({
    data: joinAlpha(image.data, alpha),
    width,
    height,
    channels: alpha ? 4 : 3,
    stage,
    seed: options.seed,
    times,
    warnings: all,
    trace,
    parameters,
    faces,
    background,
    others,
    metadata: { ...picture.metadata, parameters: saved },
    output: { asked: options.format, fallback: picture.format, quality: options.quality },
  });
}

/** One way through native code: of the picture, or of an aligned face. */
async function runStages(
  model: ModelInUse,
  stage: 1 | 2,
  picture: Picture,
  options: ResolvedOptions,
  from: number,
  to: number,
  { isFace, held } = { isFace: false, held: 0 },
): Promise<NativeRun> {
  const { signal, onProgress } = options;
  const footprint = isFace ? model.faces?.restoration : undefined;
  const planned = footprint ? { ...model, footprint } : model;
  const progress = onProgress && withFraction(stage, onProgress, from, to);
  const retries: string[] = [];
  const attempt: Attempt<ReturnType<typeof toJob>, NativeRun> = {
    plan: (memoryBudget) => toJob(picture, { ...options, memoryBudget, held }, stage, planned, isFace),
    difference: ({ job: { tiling, reuse, keepNetworks } }) => ({ tiling, reuse, keepNetworks }),
    run: async ({ job, warnings }) => {
      const result = await runTask((report) => model.native.restore(job, report), progress, signal);
      const { tiling, reuse, reuseInterval } = job;
      return { ...result, warnings: [...warnings, ...retries], planned: { tiling, reuse, reuseInterval } };
    },
    // Their arenas are as large as the largest picture before.
    retreat: async (memoryBudget) => {
      retries.push(`the device was out of memory: planned anew for a memoryBudget of ${memoryBudget}`);
      await model.native.closeNetworks();
    },
  };
  // On the CPU the budget is not what there is but what was allowed; the reference has no plans.
  if (!model.gpuWeights || options.parity) return attempt.run(attempt.plan(options.memoryBudget));
  return withLessMemory(options.memoryBudget, attempt);
}

/**
 * The tiles that were planned, since another machine would plan others. Whether those of the autoencoder fit it at once
 * changes the time and not the picture.
 */
function recordedTiling({
  cleaner,
  encoder,
  decoder,
  diffusion,
  batch,
}: RestoreJob['tiling']): ResolvedOptions['tiling'] {
  const strideOf = ({ tile, stride }: { tile: number; stride: number }) => (tile > 0 ? stride : 0);
  return {
    ...{ cleaner: cleaner.tile, cleanerStride: strideOf(cleaner), encoder, decoder },
    ...{ diffusion: diffusion.tile, diffusionStride: strideOf(diffusion), batch },
  };
}

/** The parameters as text for the output's XMP, and warnings of what that costs. */
function toSave(parameters: RunParameters | undefined, { xmp }: Metadata, warnings: string[]): string | undefined {
  const text = parameters && toJson(parameters);
  if (text === undefined) return undefined;
  if (text.length > MAX_PARAMETERS) {
    warnings.push(`the parameters are not saved: ${text.length} characters are too many`);
    return undefined;
  }
  if (xmp && !hasRdf(xmp)) warnings.push('XMP dropped: it has no RDF to which the parameters could be added');
  return text;
}

/** What native code needs, prompts as tokens. */
function toJob(
  { rgb, width, height }: Picture,
  options: ResolvedOptions & { readonly held: number },
  stage: 1 | 2,
  model: LoadedModel,
  isFace: boolean,
): { job: RestoreJob; warnings: string[] } {
  const { internals, readsPrompts } = model;
  const warnings: string[] = [];
  const tokens = (name: 'prompt' | 'negativePrompt') => {
    // Without a reader for it no prompt should wait for the tokeniser's vocabulary.
    if (stage === 1 || !readsPrompts) return new Int32Array(77);
    const { ids, isCut } = internals.promptTokens(options[name]);
    if (isCut) warnings.push(`${name} is longer than 77 tokens: its end is not used`);
    return ids;
  };
  const { upscale, sampler, steps, cfgScale, rescaleCfg, cfgStart, cfgStop, strength, noiseAug, startPoint } = options;
  const { guidance, fidelity, padding, parity, colorFix, seed, rng, noise = [], trace } = options;
  const { sChurn, sTmin, sTmax, sNoise, eta, order } = options;
  const { work: _, warnings: planned, ...plan } = planPicture({ width, height }, stage, model, options);
  return {
    job: {
      image: { data: rgb, width, height },
      isFace,
      stage,
      ...{ upscale, sampler, steps, cfgScale, rescaleCfg, cfgStart, cfgStop, strength, noiseAug, startPoint },
      ...{ padding, parity, colorFix, seed, rng, noise, trace },
      ...plan,
      ...{ guidance, fidelity },
      edm: { sChurn, sTmin, sTmax, sNoise, eta, order },
      positiveTokens: tokens('prompt'),
      negativeTokens: tokens('negativePrompt'),
    },
    warnings: [...planned, ...warnings],
  };
}

function checkInterval({ cfgStart, cfgStop }: ResolvedOptions): void {
  if (cfgStart <= cfgStop) return;
  throw new InvalidOptionError(
    'cfgStart',
    `Expected at most the cfgStop of ${cfgStop} for cfgStart but received ${cfgStart}: guidance would never be in force`,
  );
}

function refusePrompts(options: ResolvedOptions, model: string): void {
  for (const [name, neutral] of [
    ['captioner', 'none'],
    ['prompt', "''"],
    ['negativePrompt', "''"],
    ['cfgScale', '1'],
  ] as const) {
    const value = options[name];
    if (value === '' || value === 1 || value === undefined) continue;
    throw new InvalidOptionError(name, `Expected ${neutral} for ${name}: the model ${model} has no text encoder`);
  }
}

function notTheReference(precision: string): InvalidOptionError {
  return new InvalidOptionError(
    'parity',
    `Expected false for parity but received true: this Restorer has precision ${precision}, and the reference float32, ` +
      'with which it must be created',
  );
}

function stageNotLoaded(): InvalidOptionError {
  return new InvalidOptionError(
    'stage',
    'Expected 1 for stage but received 2: this Restorer was created for stage 1 alone',
  );
}
