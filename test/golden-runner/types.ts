import type { TensorArray } from '../../src/checkpoint/readTensor';
import type { NativeBinding, Optimization, WeightTable } from '../../src/native/binding';

/** One file of a golden folder, as its `manifest.json` describes it. */
export interface GoldenEntry {
  /** Path inside the folder, with `/`. */
  readonly file: string;
  readonly what: string;
  /** What it was recorded from, for instance `SwinIR.forward`; empty for plain data. */
  readonly function: string;
  readonly tolerance?: Readonly<Record<string, unknown>>;
  // biome-ignore lint/suspicious/noExplicitAny: every kind of entry has its own parameters, its handler knows them
  readonly params?: Readonly<Record<string, any>>;
  /** Checkpoint files of the networks involved: `sd`, `controlnet`, `stage1`. */
  readonly models?: Readonly<Record<string, string>>;
  readonly configs?: readonly string[];
  /** name -> [dtype, shape]. */
  readonly tensors?: Readonly<Record<string, readonly [string, readonly number[]]>>;
}

export interface Manifest {
  readonly reference?: string;
  readonly files: readonly GoldenEntry[];
}

/** One recorded tensor, row-major. float16 and bfloat16 come widened to float32, int64 as BigInt64Array. */
export interface GoldenTensor {
  readonly shape: readonly number[];
  readonly data: TensorArray;
}

/** One compared result. `compare.ts` makes them. */
export interface CaseResult {
  /** What was compared, unique within the entry, for instance the key of a trajectory. */
  readonly name: string;
  readonly status: 'pass' | 'fail' | 'skip';
  /** The largest difference found, in the measure that `tolerance` is meant for. */
  readonly error?: number;
  readonly tolerance?: number;
  /** How `error` was measured; default `abs`. */
  readonly measure?: 'abs' | 'rel' | 'exact';
  /** Why it failed or was skipped, or what else a reader should know. */
  readonly note?: string;
}

/** What a handler may use. Everything is read once and kept for the run. */
export interface Context {
  /** Absolute path of a file of the folder. */
  path(relative: string): string;
  readonly manifest: Manifest;
  /** The entry of a file. Throws when the manifest has none. */
  entry(file: string): GoldenEntry;
  /** Tensors of a recorded `.safetensors` file by name; the whole file is read. */
  tensors(entry: GoldenEntry | string): Promise<TensorSet>;
  /** Content of a recorded `.json` file. */
  json<T>(relative: string): Promise<T>;
  /** Configuration of a network: the same as `json`, for files named in `entry.configs`. */
  // biome-ignore lint/suspicious/noExplicitAny: the configurations are the reference's YAML files as JSON
  config(relative: string): Promise<any>;
  /** Tensors of a checkpoint of the folder, by official key name. Nothing of its data is read. */
  weights(relative: string): Promise<WeightTable>;
  /** The native addon, with ONNX Runtime opened. Loaded at the first call. */
  binding(): Promise<NativeBinding>;
  /** What the networks are built with; command lines are replayed through the facade, which has no such choice. */
  readonly optimizations: readonly Optimization[];
}

/** Recorded tensors of one file. */
export interface TensorSet {
  readonly names: readonly string[];
  has(name: string): boolean;
  /** Throws when there is no such tensor. */
  get(name: string): GoldenTensor;
  /** The same for a float tensor, as the binding takes it. Throws for other dtypes. */
  float(name: string): { shape: readonly number[]; data: Float32Array };
}

/**
 * Runs the cases of one kind of entry. To add one: put an exported `handlers` list into a file of `cases/` and name the
 * file in `cases/index.ts`. The first handler whose `match` answers true gets the entry.
 *
 * - Decide by `entry.function` and the folder of `entry.file`, never by a file name, a seed or a size: other folders of
 *   the same form have other ones.
 * - One result per recorded result. A part of the entry which the project does not implement yet is a result with
 *   status `skip` (`skipped(name, why)`), not silence.
 * - A handler that throws counts as one failed case; the run goes on.
 */
export interface Handler {
  match(entry: GoldenEntry): boolean;
  run(entry: GoldenEntry, context: Context): Promise<readonly CaseResult[]> | AsyncIterable<CaseResult>;
}
