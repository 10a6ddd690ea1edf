import { open } from 'node:fs/promises';
import path from 'node:path';
import { parseStrictJson } from '../checkpoint/strictJson';
import { DiffBIRError, InvalidOptionError, ManifestError } from '../errors';
import type { ScheduleSpec } from '../native/binding';
import { TASKS, type Task } from '../options/choices';
import type { RestoreOptions } from '../options/RestoreOptions';
import { validateOptions } from '../options/validate';
import { CLEANER_TYPES, type CleanerType } from './cleanerType';
import { Fields } from './fields';

export const MANIFEST_FILE = 'model.json';

const MAX_BYTES = 1 << 20;
const MAX_DEPTH = 16;

/** One network of a model: a checkpoint in the official layout, and the numbers that tensor shapes cannot tell. */
export interface NetworkEntry {
  /** Path of the checkpoint inside the model's folder, with `/`. */
  readonly file: string;
  /**
   * Prefix of the network's keys in the file. Default: the one that official Stable Diffusion files use
   * (`model.diffusion_model.`, `first_stage_model.`, `cond_stage_model.model.`) where such keys are there, else none.
   */
  readonly prefix?: string;
  /** Named as in the reference's YAML files (num_heads, window_size, num_head_channels, heads, ...); may be nested. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** The network of stage 1. Its type follows from the checkpoint's keys and shapes where it is not given. */
export type CleanerEntry = NetworkEntry & { readonly type?: CleanerType };

/**
 * `model.json`: everything this package must know about a model. Either `cleaner` alone, or all networks but for the
 * text encoder, without which the picture alone steers.
 */
export interface ModelManifest {
  readonly formatVersion: 1;
  readonly name: string;
  readonly description?: string;
  /** SPDX expression, or the name of a file with the terms. */
  readonly license?: string;
  readonly networks: {
    /** Stage 1, the restoration module; `none` gives stage 2 the picture as it is (the paper's ablation). */
    readonly cleaner: CleanerEntry | 'none';
    readonly vae?: NetworkEntry;
    readonly textEncoder?: NetworkEntry;
    readonly unet?: NetworkEntry;
    readonly controlnet?: NetworkEntry;
  };
  /** The noise schedule that stage 2 was trained with; needed with stage 2. */
  readonly schedule?: ScheduleSpec;
  /** Factor between the autoencoder's latents and the sampler's. @default 0.18215 */
  readonly latentScaleFactor?: number;
  /** Pictures with a shorter side than this many pixels (1 to 512) are enlarged for stage 2. @default 512 */
  readonly minShortEdge?: number;
  /** Options that this model sets unless the caller does. */
  readonly defaults?: RestoreOptions;
  /** What is different for other tasks than `sr`; an empty object where nothing is. */
  readonly tasks?: Readonly<Partial<Record<Exclude<OtherTask, 'unaligned_face'>, TaskEntry>>> & {
    readonly unaligned_face?: UnalignedFaceEntry;
  };
}

/** The networks of a task in place of the model's own, and its defaults before the model's. */
export interface TaskEntry {
  readonly cleaner?: CleanerEntry | 'none';
  readonly controlnet?: NetworkEntry;
  readonly defaults?: RestoreOptions;
}

/** Faces where they are in a picture: what is behind them is restored by the networks of a TaskEntry. */
export interface UnalignedFaceEntry extends TaskEntry {
  readonly face: FaceEntry;
}

export interface FaceEntry {
  /** Stage 1 of an aligned face of 512 x 512 pixels. */
  readonly cleaner: CleanerEntry;
  /** A RetinaFace on ResNet-50 (`detection_Resnet50_Final.pth`). */
  readonly detector: NetworkEntry;
  /** A ParseNet (`parsing_parsenet.pth`). */
  readonly parser: NetworkEntry;
}

export type OtherTask = Exclude<Task, 'sr'>;

/** A manifest that is given as an object, with the folder that its files are in. */
export interface ModelSource extends ModelManifest {
  readonly root: string;
}

/** A checked manifest and where it lies. */
export interface LoadedManifest {
  readonly manifest: ModelManifest;
  readonly root: string;
  /** Names the manifest in messages. */
  readonly file: string;
  /** Of the task `unaligned_face`. */
  readonly face?: FaceEntry | undefined;
  /** What it is made for, where that is not all that the manifest names; the first is what it does unasked. */
  readonly tasks?: readonly [Task, ...Task[]];
  /** Finds a checkpoint that does not lie in `root`, and returns its path. */
  locate?(file: string): Promise<string>;
}

export const STAGE2_NETWORKS = ['vae', 'textEncoder', 'unet', 'controlnet'] as const;
/** A model without a text encoder is steered by the picture alone. */
const OPTIONAL_NETWORK = 'textEncoder';

/**
 * Reads and checks the manifest of a model.
 * Throws DIFFBIR_MODEL_NOT_FOUND where there is none, ManifestError (file and key) where it is not valid.
 * @param model folder of the model, or the manifest as an object
 */
export async function readManifest(model: string | ModelSource): Promise<LoadedManifest> {
  if (typeof model !== 'string') return fromObject(model);
  const root = path.resolve(model);
  const file = path.join(root, MANIFEST_FILE);
  return { manifest: checkManifest(await readJson(file, root), file), root, file };
}

/** By way of text: what reaches the checks is then plain data, whatever prototypes, getters or cycles the object had. */
function fromObject(model: ModelSource): LoadedManifest {
  const file = 'model';
  const { root, ...manifest } = parse(() => JSON.stringify(model), file) as Partial<ModelSource>;
  if (typeof root !== 'string' || root === '') throw new ManifestError(file, 'expected a folder path for root');
  return { manifest: checkManifest(manifest, file), root: path.resolve(root), file };
}

async function readJson(file: string, root: string): Promise<unknown> {
  const handle = await open(file).catch((cause: NodeJS.ErrnoException) => {
    const missing = cause.code === 'ENOENT' || cause.code === 'ENOTDIR';
    const message = missing
      ? `${root} is not a model: it has no ${MANIFEST_FILE}`
      : `${file} cannot be opened: ${cause.message}`;
    throw new DiffBIRError('DIFFBIR_MODEL_NOT_FOUND', message, { cause });
  });
  try {
    const { size } = await handle.stat();
    if (size > MAX_BYTES)
      throw new ManifestError(file, `${size} bytes is too large for a manifest (limit ${MAX_BYTES})`);
    const text = await handle.readFile('utf8');
    return parse(() => text, file);
  } finally {
    await handle.close();
  }
}

function parse(text: () => string, file: string): unknown {
  try {
    return parseStrictJson(text(), MAX_DEPTH);
  } catch (cause) {
    throw new ManifestError(file, `is not valid JSON: ${(cause as Error).message}`, { cause });
  }
}

/** Checks the manifest's content; paths are checked when its files are opened. */
export function checkManifest(value: unknown, file: string): ModelManifest {
  const top = new Fields(file, '', value, [
    'formatVersion',
    'name',
    'description',
    'license',
    'networks',
    'schedule',
    'latentScaleFactor',
    'minShortEdge',
    'defaults',
    'tasks',
  ]);
  top.oneOf('formatVersion', [1]);
  top.string('name', 'a name', (name) => name !== '');
  top.optionalString('description');
  top.optionalString('license');
  checkNetworks(top.object('networks', ['cleaner', ...STAGE2_NETWORKS]), top, file);
  if (top.has('latentScaleFactor')) top.number('latentScaleFactor', 'a number above 0', (factor) => factor > 0);
  if (top.has('minShortEdge')) {
    top.number('minShortEdge', 'an integer from 1 to 512', (n) => Number.isInteger(n) && n >= 1 && n <= 512);
  }
  const defaults = top.has('defaults') ? checkDefaults(top.raw('defaults'), file, 'defaults') : {};
  const tasks = top.has('tasks') ? { tasks: checkTasks(top, file) } : {};
  return { ...(value as ModelManifest), defaults, ...tasks };
}

function checkTasks(top: Fields, file: string): NonNullable<ModelManifest['tasks']> {
  const others = TASKS.filter((task): task is OtherTask => task !== 'sr');
  const tasks = top.object('tasks', others);
  const hasStage2 = (top.raw('networks') as ModelManifest['networks']).unet !== undefined;
  const checked: Record<string, TaskEntry> = {};
  for (const task of others.filter((name) => tasks.has(name))) {
    const hasFace = task === 'unaligned_face';
    const entry = tasks.object(task, ['cleaner', 'controlnet', 'defaults', ...(hasFace ? ['face'] : [])]);
    if (hasFace) checkFace(entry.object('face', ['cleaner', 'detector', 'parser']));
    if (entry.has('cleaner')) checkCleaner(entry, file, hasStage2);
    if (entry.has('controlnet')) checkNetwork(entry.object('controlnet', ['file', 'prefix', 'config']));
    if (entry.has('controlnet') && !hasStage2)
      throw new ManifestError(file, `tasks.${task} has only a part of stage 2`);
    const defaults = checkDefaults(entry.raw('defaults'), file, `tasks.${task}.defaults`);
    checked[task] = { ...(tasks.raw(task) as TaskEntry), defaults };
  }
  return checked;
}

function checkNetworks(networks: Fields, top: Fields, file: string): void {
  checkCleaner(networks, file, networks.has('unet'));
  const present = STAGE2_NETWORKS.filter((name) => networks.has(name));
  for (const name of present) checkNetwork(networks.object(name, ['file', 'prefix', 'config']));
  const missing = STAGE2_NETWORKS.filter((name) => name !== OPTIONAL_NETWORK && !networks.has(name)).map(
    (name) => `networks.${name}`,
  );
  if (present.length > 0 && missing.length > 0) {
    throw new ManifestError(file, `has only a part of stage 2: ${missing.join(', ')} missing`);
  }
  if (present.length > 0 || top.has('schedule')) checkSchedule(top);
}

function checkCleaner(networks: Fields, file: string, hasStage2: boolean): void {
  const cleaner = networks.raw('cleaner');
  if (cleaner === 'none' && hasStage2) return;
  if (cleaner === 'none') throw new ManifestError(file, 'the cleaner is none, and there is no stage 2 either');
  if (typeof cleaner !== 'object') throw networks.error('cleaner', 'an object or "none"', cleaner);
  checkCleanerEntry(networks);
}

function checkCleanerEntry(networks: Fields): void {
  const entry = checkNetwork(networks.object('cleaner', ['type', 'file', 'prefix', 'config']));
  if (entry.has('type')) entry.oneOf('type', CLEANER_TYPES);
}

function checkFace(face: Fields): void {
  checkCleanerEntry(face);
  for (const name of ['detector', 'parser']) checkNetwork(face.object(name, ['file', 'prefix', 'config']));
}

function checkNetwork(network: Fields): Fields {
  network.string('file', 'a relative path inside the model folder', isInside);
  network.optionalString('prefix');
  if (network.has('config')) {
    const config = network.raw('config');
    if (typeof config !== 'object' || config === null || Array.isArray(config)) {
      throw network.error('config', 'an object', config);
    }
  }
  return network;
}

function checkSchedule(top: Fields): void {
  const schedule = top.object('schedule', ['parameterization', 'zeroSnr', 'linearStart', 'linearEnd', 'timesteps']);
  const inUnit = (value: number) => value > 0 && value < 1;
  schedule.oneOf('parameterization', ['eps', 'v']);
  schedule.boolean('zeroSnr');
  schedule.number('linearStart', 'a number between 0 and 1', inUnit);
  schedule.number('linearEnd', 'a number between 0 and 1', inUnit);
  schedule.number('timesteps', 'an integer from 2 to 10000', (n) => Number.isInteger(n) && n >= 2 && n <= 10_000);
}

function checkDefaults(defaults: unknown, file: string, name: string): RestoreOptions {
  try {
    return validateOptions(defaults, { manifest: true, prefix: `${name}.` });
  } catch (cause) {
    if (cause instanceof InvalidOptionError) throw new ManifestError(file, cause.message, { cause });
    throw cause;
  }
}

/** A relative path with no way out of its folder, on any platform. */
function isInside(file: string): boolean {
  const parts = file.split('/');
  return (
    !path.posix.isAbsolute(file) &&
    !/[\\:\0]/.test(file) &&
    parts.every((part) => part !== '' && part !== '.' && part !== '..')
  );
}
