import { captionedPrompt } from '../caption';
import { InvalidOptionError } from '../errors';
import type { Picture } from '../image/types';
import type { LoadedModel, ModelInUse } from '../loadModel';
import { findingBytes, planDetector } from '../memory/planFaces';
import { planPicture } from '../memory/planPicture';
import type { NativeImage, RestoreJob } from '../native/binding';
import type { FoundFaces } from '../native/faces';
import type { ResolvedOptions } from '../options/resolve';
import { PictureResult } from '../pictureResult';
import { withStage } from '../progress';
import type { StageTime } from '../restoreResult';
import { runTask } from '../runTask';
import { type Size, workSize } from '../workSize';
import { type RestoredFace, restoredFace } from './restoredFace';

/** What one run of the two stages gives. */
export interface NativeRun {
  readonly image: NativeImage;
  readonly times: readonly StageTime[];
  readonly trace: Readonly<Record<string, { readonly shape: readonly number[]; readonly data: Float32Array }>>;
  readonly warnings: readonly string[];
  /** What was planned, since another machine would plan otherwise. */
  readonly planned: Pick<RestoreJob, 'tiling' | 'reuse' | 'reuseInterval'>;
}

/** Runs the two stages on a picture, or on an aligned face of one; progress goes from `from` to `to`. */
export type RunStages = (
  picture: Picture,
  options: ResolvedOptions,
  from: number,
  to: number,
  face?: { readonly isFace: boolean; readonly held: number },
) => Promise<NativeRun>;

/** The faces of a picture before they are restored: what all samples of it have in common. */
export interface PictureFaces extends FoundFaces {
  readonly prompts: readonly string[];
  readonly time: StageTime;
  readonly warnings: readonly string[];
}

/** Share of one picture's progress that looking for faces takes, and pasting them. */
export const DETECT_SHARE = 0.03;
const PASTE_SHARE = 0.02;

/** Sides of an aligned face. */
const FACE_SIDE = 512;
/** Each is held twice, as it was and restored. */
const FACE_BYTES = 2 * 3 * FACE_SIDE ** 2;

/** Throws InvalidOptionError for options that one run alone can have. */
export function checkFaceOptions({ noise }: Pick<ResolvedOptions, 'noise'>): void {
  if (!noise?.length) return;
  throw new InvalidOptionError(
    'noise',
    "Expected no noise with the task 'unaligned_face': each face is a run of its own",
  );
}

/**
 * Bytes that a picture with as many faces as `maxFaces` needs, of which `whole` are for the picture as a whole.
 * Throws InvalidOptionError where `memoryBudget` is too small for that.
 */
export function planFaces(
  size: Size,
  stage: 1 | 2,
  whole: number,
  model: LoadedModel,
  options: ResolvedOptions,
): number {
  const { faces } = model;
  if (!faces) return whole;
  const finding = findingBytes(size, { ...model, faces }, options);
  const face = { width: FACE_SIDE, height: FACE_SIDE };
  const restoration = { ...model, footprint: faces.restoration };
  const { work } = planPicture(face, stage, restoration, { ...options, upscale: 1 });
  return Math.max(finding, options.maxFaces * FACE_BYTES + Math.max(work, whole));
}

/** Looks for faces, and asks the captioner about each. Progress goes from `from` to `to`. */
export async function findFaces(
  model: ModelInUse,
  picture: Picture,
  stage: 1 | 2,
  options: ResolvedOptions,
  from: number,
  to: number,
): Promise<PictureFaces> {
  const { upscale, maxFaces, parity, onProgress, signal } = options;
  const begin = performance.now();
  const job = {
    image: { data: picture.rgb, width: picture.width, height: picture.height },
    ...{ upscale, mostFaces: maxFaces, parity },
    mostPixels: planDetector(picture, model, options),
  };
  const progress = onProgress && withStage(onProgress, from, to);
  const found = await runTask((report) => model.native.findFaces(job, report), progress, signal);
  const time = { stage: 'detect' as const, milliseconds: performance.now() - begin };
  const prompts: string[] = [];
  for (const { aligned } of found.faces) {
    prompts.push(stage === 2 ? await captionedPrompt(asPicture(aligned, picture), options) : options.prompt);
  }
  return { ...found, prompts, time, warnings: warningsOf(found, maxFaces) };
}

function warningsOf({ found, faces, size, searched }: FoundFaces, maxFaces: number): string[] {
  const warnings: string[] = [];
  if (found === 0) warnings.push('no face was found: the picture was restored as a whole');
  if (found > faces.length)
    warnings.push(
      `${found} faces were found: the ${faces.length} surest were restored by themselves (maxFaces is ${maxFaces})`,
    );
  if (searched.width * searched.height < size.width * size.height) {
    warnings.push(
      `faces were looked for at ${searched.width} x ${searched.height} pixels, as memoryBudget allows: small ones may be missed`,
    );
  }
  return warnings;
}

/**
 * Restores each face, then the picture, and lays the faces over it (behaviour.md 9). Without a face the picture alone is
 * the result; the reference then saves nothing.
 */
export async function restoreFaces(
  model: ModelInUse,
  picture: Picture,
  found: PictureFaces,
  options: ResolvedOptions,
  runStages: RunStages,
  from: number,
  to: number,
): Promise<NativeRun & { readonly faces: readonly RestoredFace[]; readonly background: PictureResult }> {
  const { parity, onProgress, signal } = options;
  const { size } = found;
  const held = found.faces.length * FACE_BYTES;
  // Runs take time by their pixels.
  const work = workSize(picture, options.upscale, model.minShortEdge);
  const area = work.width * work.height;
  const total = found.faces.length * FACE_SIDE ** 2 + area;
  const share = (pixels: number) => from + ((to - from) * (1 - PASTE_SHARE) * pixels) / total;

  const runs: NativeRun[] = [];
  for (const [k, { aligned }] of found.faces.entries()) {
    const one = { ...options, upscale: 1, prompt: found.prompts[k] ?? options.prompt };
    const [begin, end] = [share(k * FACE_SIDE ** 2), share((k + 1) * FACE_SIDE ** 2)];
    runs.push(await runStages(asPicture(aligned, picture), one, begin, end, { isFace: true, held }));
  }
  const end = found.faces.length > 0 ? share(total) : to;
  const background = await runStages(picture, options, share(total - area), end, { isFace: false, held });

  const begin = performance.now();
  const faces = found.faces.map(({ toAligned }, k) => ({ toAligned, aligned: (runs[k] as NativeRun).image }));
  const progress = onProgress && withStage(onProgress, end, to);
  const pasted =
    faces.length === 0
      ? background.image
      : await runTask(
          (report) => model.native.pasteFaces({ background: background.image, size, faces, parity }, report),
          progress,
          signal,
        );
  const paste = { stage: 'paste' as const, milliseconds: performance.now() - begin };
  const result = (image: NativeImage) => asResult(image, picture, options);
  return {
    ...background,
    image: pasted,
    times: [...runs, background].flatMap(({ times }) => times).concat(faces.length > 0 ? [paste] : []),
    warnings: [...new Set([...runs, background].flatMap(({ warnings }) => warnings))],
    background: result(background.image),
    faces: found.faces.map((face, k) =>
      restoredFace(face, { cropped: result(face.aligned), restored: result((runs[k] as NativeRun).image) }),
    ),
  };
}

function asPicture({ data, width, height }: NativeImage, { name, format }: Picture): Picture {
  return { name, width, height, rgb: data, alpha: undefined, metadata: {}, format, warnings: [] };
}

/** In the picture's colour space, and without what else it carries. */
function asResult(
  image: NativeImage,
  { metadata, format: fallback }: Picture,
  options: ResolvedOptions,
): PictureResult {
  return new PictureResult({
    ...image,
    channels: 3,
    seed: options.seed,
    warnings: [],
    metadata: { icc: metadata.icc },
    output: { asked: options.format, fallback, quality: options.quality },
  });
}
