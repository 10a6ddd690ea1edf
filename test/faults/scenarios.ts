// What is tried with faults: small restorations that take every way through native code.
import type { RestoreOptions } from '../../src/options/RestoreOptions';
import { Restorer } from '../../src/restorer';
import { FAULTS_ADDON } from './hook';

export interface Scenario {
  readonly name: string;
  /** Of the Restorer that is made before faults begin; without it each try makes one itself. */
  readonly restorer?: RestoreOptions;
  /** The work in which faults happen; it gives the same bytes each time. */
  run(restorer: Restorer | undefined): Promise<Uint8Array>;
  /** What a fault kept from being done, once there are none any more. */
  tidy?(): Promise<void>;
}

const LOADED: RestoreOptions = { nativeBinding: FAULTS_ADDON, threads: 1 };

function picture(side: number) {
  const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => (i * 37 + (i >> 4) * 11) % 256);
  return { data, width: side, height: side, channels: 3 } as const;
}

interface Given {
  readonly side?: number;
  readonly load?: RestoreOptions;
}

function restoring(name: string, options: RestoreOptions, { side = 16, load = {} }: Given = {}): Scenario {
  const input = picture(side);
  return {
    name,
    restorer: { ...LOADED, ...load },
    run: async (restorer) => (await (restorer as Restorer).restore(input, { steps: 2, ...options })).data,
  };
}

function loading(): Scenario {
  const undisposed = new Set<Restorer>();
  return {
    name: 'load and dispose',
    run: async () => {
      const restorer = await Restorer.create(LOADED);
      undisposed.add(restorer);
      await restorer.dispose();
      undisposed.delete(restorer);
      return new Uint8Array();
    },
    tidy: async () => {
      for (const restorer of undisposed) await restorer.dispose();
      undisposed.clear();
    },
  };
}

/** Cancelled in the sampler: that goes before whatever else happens afterwards. */
function cancelled(): Scenario {
  return {
    name: 'cancelled',
    restorer: LOADED,
    run: async (restorer) => {
      const controller = new AbortController();
      const { signal } = controller;
      const onProgress = ({ stage }: { stage: string }) => void (stage === 'sample' && controller.abort());
      const run = (restorer as Restorer).restore(picture(16), { steps: 1000, signal, onProgress });
      const error = await run.catch((caught) => caught);
      if (error.code !== 'DIFFBIR_ABORTED') throw error;
      return new Uint8Array();
    },
  };
}

export const SCENARIOS: readonly Scenario[] = [
  loading(),
  restoring('stage 1', { stage: 1 }),
  restoring('both stages', {}),
  restoring(
    'tiles at once',
    {
      tiling: { cleaner: 64, cleanerStride: 32, encoder: 64, decoder: 64, diffusion: 64, diffusionStride: 32 },
      steps: 1,
    },
    { side: 80 },
  ),
  // Networks are opened for their stage and closed behind it; what they lack is opened by the job.
  restoring('networks by stages', { steps: 1 }, { load: { memoryBudget: 8 } }),
  restoring('features used again', { reuse: 'deep', steps: 3 }),
  restoring('guidance through the decoder', { guidance: { scale: 1, space: 'rgb' } }),
  restoring('8 bits', {}, { load: { precision: 'int8' } }),
  cancelled(),
];
