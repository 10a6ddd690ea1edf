import { ITEM_SIZE } from './checkpoint/tensorEntry';
import { type Estimate, estimateWith, measure, openOn } from './estimate';
import type { ModelSource } from './models/manifest';
import { elements, type NetworkRole, networksOf, parametersOf } from './models/networks';
import type { DType, NetworkSpec } from './native/binding';
import type { Task } from './options/choices';
import type { RestoreOptions } from './options/RestoreOptions';
import { resolveOptions } from './options/resolve';
import type { OptionName } from './options/table';
import { validateOptions } from './options/validate';

export const INSPECT_MODEL_OPTIONS = [
  'task',
  'threads',
  'device',
  'precision',
  'signal',
] as const satisfies readonly OptionName[];

export type InspectModelOptions = Pick<RestoreOptions, (typeof INSPECT_MODEL_OPTIONS)[number]>;

/** One network of a model. */
export interface NetworkInspection {
  /** Its name in the manifest. */
  readonly role: NetworkRole;
  /** `swinir`, `rrdbnet`, `srvgg` or `scunet` of a cleaner; `vae`, `clip_text`, `unet`, `controlnet`. */
  readonly type: string;
  /** Absolute path of its checkpoint. */
  readonly file: string;
  /** What its parameters are stored as. */
  readonly dtypes: readonly DType[];
  readonly parameters: number;
  /** Of the parameters in the file. */
  readonly bytes: number;
}

export interface ModelInspection {
  readonly name: string;
  readonly description: string | undefined;
  readonly license: string | undefined;
  /** The task whose networks these are, and those that the model has networks for. */
  readonly task: Task;
  readonly tasks: readonly Task[];
  /** In the order in which a restoration needs them. */
  readonly networks: readonly NetworkInspection[];
  readonly parameters: number;
  readonly bytes: number;
  /** What a picture of 512 x 512 pixels takes with the model's defaults. Its times are estimates. */
  readonly at512: Estimate;
}

const SIDE = 512;

/**
 * Says what a model consists of, and what it takes to run it. Reads the headers of its files and measures the machine's
 * speed for a third of a second; builds no network.
 *
 * Rejects with InvalidOptionError, ManifestError, CheckpointError, AbortError, DIFFBIR_MODEL_NOT_FOUND, DIFFBIR_NO_DEVICE.
 * @param model folder of the model (with `model.json`), or a manifest object with its `root` folder
 * @example
 * const { networks, parameters, at512 } = await inspectModel('./diffbir-v2.1');
 */
export async function inspectModel(
  model: string | ModelSource,
  options: InspectModelOptions = {},
): Promise<ModelInspection> {
  const checked = { ...validateOptions(options, { only: INSPECT_MODEL_OPTIONS }), model };
  const { internals } = await import('./internals');
  const open = await openOn(checked, internals);
  const networks = networksOf(open.spec).map(([role, network]) => describe(role, network));
  const speed = await measure(open, internals, checked);
  const { manifest } = open;
  return {
    name: open.name,
    description: manifest.description,
    license: manifest.license,
    task: open.task,
    tasks: ['sr', ...(Object.keys(manifest.tasks ?? {}) as Task[])],
    networks,
    parameters: networks.reduce((sum, { parameters }) => sum + parameters, 0),
    bytes: networks.reduce((sum, { bytes }) => sum + bytes, 0),
    at512: estimateWith(open, { width: SIDE, height: SIDE }, resolveOptions(...open.layers), speed),
  };
}

function describe(role: NetworkRole, network: NetworkSpec): NetworkInspection {
  const tensors = parametersOf(network);
  return {
    role,
    type: role === 'vae' ? 'vae' : network.type,
    file: network.weights.file,
    dtypes: [...new Set(tensors.map(({ dtype }) => dtype))],
    parameters: tensors.reduce((sum, { shape }) => sum + elements(shape), 0),
    bytes: tensors.reduce((sum, { shape, dtype }) => sum + elements(shape) * ITEM_SIZE[dtype], 0),
  };
}
