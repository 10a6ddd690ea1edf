import { InvalidOptionError } from './errors';
import { decode } from './image/decode';
import { resizeAlpha } from './image/encode';
import { joinAlpha } from './image/raw';
import type { ImageInput, Picture } from './image/types';
import { abortError } from './jobQueue';
import type { LoadedModel } from './loadModel';
import { planTiles } from './memory/planTiles';
import type { RestoreJob } from './native/binding';
import type { ResolvedOptions } from './options/resolve';
import { withFraction } from './progress';
import { RestoreResult } from './restoreResult';
import { runTask } from './runTask';
import { checkWorkSize } from './workSize';

/** One picture's way: bytes, RGB, native, RGB with its alpha and metadata again. */
export async function restorePicture(
  model: LoadedModel,
  input: ImageInput,
  options: ResolvedOptions,
  loadShare = 0,
): Promise<RestoreResult> {
  const { signal, onProgress, logger } = options;
  const stage = options.stage ?? model.stages;
  if (stage > model.stages) throw stageNotLoaded();
  if (stage === 2 && !model.readsPrompts) refusePrompts(options, model.name);

  const begin = performance.now();
  // Refused before it is decoded: what would be too large for the limits, or for the memory.
  const picture = await decode(input, options, (width, height, name) => {
    checkWorkSize({ width, height, name }, options, stage);
    planTiles({ width, height }, stage, model.footprint, options);
  });
  const read = { stage: 'read' as const, milliseconds: performance.now() - begin };
  if (signal?.aborted) throw abortError(signal);

  const { job, warnings } = toJob(picture, options, stage, model);
  const progress = onProgress && withFraction(stage, onProgress, loadShare);
  const { image, times, trace } = await runTask((report) => model.native.restore(job, report), progress, signal);

  const { width, height } = image;
  const alpha = picture.alpha && (await resizeAlpha(picture.alpha, picture, image));
  if (signal?.aborted) throw abortError(signal);
  const all = [...picture.warnings, ...warnings];
  for (const warning of all) logger?.warn(`${picture.name}: ${warning}`);
  for (const time of [read, ...times])
    logger?.debug(`${picture.name}: ${time.stage} ${time.milliseconds.toFixed(1)} ms`);
  return new RestoreResult({
    data: joinAlpha(image.data, alpha),
    width,
    height,
    channels: alpha ? 4 : 3,
    stage,
    seed: options.seed,
    times: [read, ...times],
    warnings: all,
    trace,
    metadata: picture.metadata,
    output: { asked: options.format, fallback: picture.format, quality: options.quality },
  });
}

/** What native code needs, prompts as tokens. */
function toJob(
  { rgb, width, height }: Picture,
  options: ResolvedOptions,
  stage: 1 | 2,
  { internals, readsPrompts, footprint }: LoadedModel,
): { job: RestoreJob; warnings: string[] } {
  const warnings: string[] = [];
  const tokens = (name: 'prompt' | 'negativePrompt') => {
    // Without a reader for it no prompt should wait for the tokeniser's vocabulary.
    if (stage === 1 || !readsPrompts) return new Int32Array(77);
    const { ids, isCut } = internals.promptTokens(options[name]);
    if (isCut) warnings.push(`${name} is longer than 77 tokens: its end is not used`);
    return ids;
  };
  const { upscale, sampler, steps, cfgScale, rescaleCfg, strength, noiseAug, startPoint } = options;
  const { guidance, padding, parity, colorFix, seed, noise = [], trace } = options;
  return {
    job: {
      image: { data: rgb, width, height },
      stage,
      ...{ upscale, sampler, steps, cfgScale, rescaleCfg, strength, noiseAug, startPoint },
      ...{ padding, parity, colorFix, seed, noise, trace },
      guidance: { ...guidance, loss: 'mse' },
      edm: { sChurn: 0, sTmin: 0, sTmax: 300, sNoise: 1, eta: 1, order: 1 },
      tiling: planTiles({ width, height }, stage, footprint, options),
      positiveTokens: tokens('prompt'),
      negativeTokens: tokens('negativePrompt'),
    },
    warnings,
  };
}

function refusePrompts(options: ResolvedOptions, model: string): void {
  for (const [name, neutral] of [
    ['prompt', "''"],
    ['negativePrompt', "''"],
    ['cfgScale', '1'],
  ] as const) {
    const value = options[name];
    if (value === '' || value === 1) continue;
    throw new InvalidOptionError(name, `Expected ${neutral} for ${name}: the model ${model} has no text encoder`);
  }
}

function stageNotLoaded(): InvalidOptionError {
  return new InvalidOptionError(
    'stage',
    'Expected 1 for stage but received 2: this Restorer was created for stage 1 alone',
  );
}
