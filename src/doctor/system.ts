import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import sharp from 'sharp';
import { defaultThreads } from '../cpuQuota';
import { nearestFolder } from '../hub/freeSpace';
import { hubFrom } from '../hub/hub';
import { defaultMemoryBudget } from '../memory/budget';
import { PLATFORM } from '../native/platforms';
import { packageVersion } from '../packageVersion';

/** What is known of a machine without native code. Memory and space in bytes. */
export interface SystemReport {
  readonly versions: { readonly diffbir: string; readonly node: string; readonly sharp: string; readonly vips: string };
  readonly platform: string;
  /** Undefined where it is none. */
  readonly glibc: string | undefined;
  readonly cpu: {
    readonly model: string;
    /** Processors that this process may use, and the default of the option `threads`. */
    readonly processors: number;
    readonly threads: number;
    /** Those that make a difference here; undefined where the system does not list them. */
    readonly features: readonly string[] | undefined;
  };
  /** `budget`: the default of the option `memoryBudget`. */
  readonly memory: { readonly total: number; readonly free: number; readonly budget: number };
  readonly caches: readonly CacheReport[];
  /** Variables that are set and change what happens. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface CacheReport {
  /** Of models from the hub, or of everything else. */
  readonly name: 'hub' | 'own';
  readonly folder: string;
  readonly exists: boolean;
  /** On its disk. */
  readonly freeBytes: number;
}

const FEATURES = ['avx2', 'avx512f', 'avx512_vnni', 'avx512_bf16', 'amx_int8', 'amx_bf16', 'asimd', 'asimddp', 'i8mm'];
const VARIABLES = [
  ...['DIFFBIR_BINDING_PATH', 'DIFFBIR_ORT_PATH', 'DIFFBIR_CACHE', 'HF_HOME', 'HF_HUB_CACHE', 'HF_HUB_OFFLINE'],
  ...['CUDA_VISIBLE_DEVICES', 'LD_LIBRARY_PATH', 'LD_PRELOAD'],
];

export async function systemReport(env = process.env): Promise<SystemReport> {
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return {
    versions: {
      diffbir: packageVersion(),
      node: process.version,
      sharp: sharp.versions.sharp ?? '',
      vips: sharp.versions.vips,
    },
    platform: PLATFORM,
    glibc: header?.glibcVersionRuntime,
    cpu: {
      model: cpus()[0]?.model.trim() ?? '',
      processors: availableParallelism(),
      threads: defaultThreads(),
      features: cpuFeatures(),
    },
    memory: { total: totalmem(), free: freemem(), budget: defaultMemoryBudget() * 2 ** 20 },
    caches: await caches(env),
    environment: Object.fromEntries(VARIABLES.flatMap((name) => (env[name] ? [[name, env[name]]] : []))),
  };
}

/** Linux: the flags of the first processor. */
function cpuFeatures(): readonly string[] | undefined {
  if (process.platform !== 'linux') return undefined;
  const [, flags = ''] = /^(?:flags|Features)\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8')) ?? [];
  const words = flags.trim().split(' ');
  return FEATURES.filter((feature) => words.includes(feature));
}

async function caches(env: typeof process.env): Promise<CacheReport[]> {
  const hub = hubFrom(env);
  const folders = [
    { name: 'hub', folder: hub.cache },
    { name: 'own', folder: hub.ownCache },
  ] as const;
  return Promise.all(
    folders.map(async ({ name, folder }) => ({
      name,
      folder,
      exists: (await stat(folder).catch(() => undefined))?.isDirectory() ?? false,
      freeBytes: await hub.freeBytes((await nearestFolder(folder)).folder),
    })),
  );
}
