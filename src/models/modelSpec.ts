import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { DiffBIRError, ManifestError } from '../errors';
import type { ModelSpec, NetworkSpec, Precision, WeightTable } from '../native/binding';
import { CLEANER_TYPES, type CleanerType, detectCleanerType } from './cleanerType';
import type { CleanerEntry, LoadedManifest, NetworkEntry } from './manifest';

/** Reads the table of tensors of one checkpoint file, see `checkpoint/readCheckpoint.ts`. */
export type CheckpointReader = (file: string) => Promise<WeightTable>;

/** Where official Stable Diffusion files keep their parts (behaviour.md 1.4). */
const OFFICIAL_PREFIX = {
  vae: 'first_stage_model.',
  textEncoder: 'cond_stage_model.model.',
  unet: 'model.diffusion_model.',
} as const;
const LATENT_SCALE_FACTOR = 0.18215;
/** The size at which Stable Diffusion 2.1-base was trained: it does worse below. */
export const MIN_SHORT_EDGE = 512;

export function hasStage1({ manifest }: LoadedManifest): boolean {
  return manifest.networks.cleaner !== 'none';
}

export function hasStage2({ manifest }: LoadedManifest): boolean {
  return manifest.networks.unet !== undefined;
}

/**
 * Resolves a manifest into what native code needs: opens each checkpoint once and finds each network's keys.
 * @param stage 1 leaves the networks of stage 2 out: their files are not even opened
 */
export async function modelSpec(
  loaded: LoadedManifest,
  { stage, threads, precision = 'float32' }: { stage: 1 | 2; threads: number; precision?: Precision },
  readCheckpoint: CheckpointReader,
): Promise<ModelSpec> {
  const { networks, schedule, latentScaleFactor, minShortEdge } = loaded.manifest;
  const tables = new Map<string, Promise<WeightTable>>();

  const tableOf = async (relative: string): Promise<WeightTable> => {
    const file = await (loaded.locate?.(relative) ?? checkpointPath(loaded, relative));
    if (!tables.has(file)) tables.set(file, readCheckpoint(file));
    return tables.get(file) as Promise<WeightTable>;
  };
  const network = async (type: NetworkSpec['type'], entry: NetworkEntry, official = ''): Promise<NetworkSpec> => {
    const weights = await tableOf(entry.file);
    const prefix = entry.prefix ?? (weights.tensors.some(({ name }) => name.startsWith(official)) ? official : '');
    return { type, weights, prefix, config: numbersOf(entry.config ?? {}) };
  };

  const halves = precision === 'float16' ? { precision } : {}; // 8 bits are for stage 2 alone
  const cleanerNetwork = async (key: string, entry: CleanerEntry): Promise<NetworkSpec> => ({
    ...(await network(entry.type ?? cleanerTypeOf(loaded, key, entry, await tableOf(entry.file)), entry)),
    ...halves,
  });

  const { vae, textEncoder, unet, controlnet } = networks;
  const cleaner =
    networks.cleaner === 'none'
      ? // Native code maps a file for every network, also for one without tensors: one that is mapped anyhow.
        withoutTensors(await tableOf((vae as NetworkEntry).file))
      : await cleanerNetwork('networks.cleaner', networks.cleaner);
  const { face } = loaded;
  const faces = face
    ? {
        cleaner: await cleanerNetwork('tasks.unaligned_face.face.cleaner', face.cleaner),
        detector: await network('retinaface', face.detector),
        parser: await network('parsenet', face.parser),
      }
    : null;
  // As far as nobody plans for a budget, or asks for a device.
  const rest = { faces, threads, keepNetworks: true, execution: { provider: 'cpu', device: 0 } } as const;
  if (stage === 1 || !vae || !unet || !controlnet || !schedule) return { cleaner, stage2: null, ...rest };
  return {
    cleaner,
    stage2: {
      vaeEncoder: { ...(await network('vae_encoder', vae, OFFICIAL_PREFIX.vae)), precision },
      vaeDecoder: { ...(await network('vae_decoder', vae, OFFICIAL_PREFIX.vae)), precision },
      textEncoder: textEncoder
        ? { ...(await network('clip_text', textEncoder, OFFICIAL_PREFIX.textEncoder)), ...halves }
        : null,
      unet: { ...(await network('unet', unet, OFFICIAL_PREFIX.unet)), precision },
      controlnet: { ...(await network('controlnet', controlnet)), precision },
      schedule,
      latentScaleFactor: latentScaleFactor ?? LATENT_SCALE_FACTOR,
      minShortEdge: minShortEdge ?? MIN_SHORT_EDGE,
    },
    ...rest,
  };
}

function withoutTensors(weights: WeightTable): NetworkSpec {
  return { type: 'none', weights: { ...weights, tensors: [] }, prefix: '', config: {} };
}

/** Throws ManifestError for a checkpoint with the keys of no known network: the manifest must then say what it is. */
function cleanerTypeOf(
  { file }: LoadedManifest,
  key: string,
  entry: NetworkEntry,
  { tensors }: WeightTable,
): CleanerType {
  const type = detectCleanerType(tensors, entry.prefix);
  if (type) return type;
  const keys = tensors.slice(0, 3).map(({ name }) => name.slice(0, 100));
  throw new ManifestError(
    file,
    `${key} has no type, and ${entry.file} does not have the keys and shapes of ${CLEANER_TYPES.join(', ')}` +
      `${entry.prefix ? ` behind the prefix ${entry.prefix}` : ''} (it begins with ${keys.join(', ') || 'none'}): ` +
      'name another file, or the prefix of its keys',
  );
}

/** The real path of a checkpoint, which must lie inside the model's folder also behind symbolic links. */
async function checkpointPath({ root, file }: LoadedManifest, relative: string): Promise<string> {
  const found = await realpath(path.join(root, relative)).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'there is no such file' : cause.message;
    throw new DiffBIRError('DIFFBIR_MODEL_NOT_FOUND', `${file} names ${relative}: ${reason}`, { cause });
  });
  const way = path.relative(await realpath(root), found);
  if (way.startsWith('..') || path.isAbsolute(way))
    throw new ManifestError(file, `${relative} leads out of the model folder`);
  return found;
}

/**
 * The numbers of a configuration by their own names: groups of the reference's YAML (`ddconfig`, `text_cfg`) are
 * flattened, switches become 0 or 1, and what is no number (`upsampler: nearest+conv`) is left out, since native code
 * has one form of each network.
 */
function numbersOf(config: Readonly<Record<string, unknown>>): Record<string, number | number[]> {
  // Without a prototype, which a member `__proto__` would change.
  const numbers: Record<string, number | number[]> = Object.create(null);
  for (const [name, value] of Object.entries(config)) {
    if (typeof value === 'number') numbers[name] = value;
    else if (typeof value === 'boolean') numbers[name] = Number(value);
    else if (Array.isArray(value) && value.every((item) => typeof item === 'number')) numbers[name] = value;
    // CLIP's picture side is not part of the model, and has names in common with its text side.
    else if (name === 'vision_cfg') continue;
    else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      Object.assign(numbers, numbersOf(value as Record<string, unknown>));
    }
  }
  return numbers;
}
