// What is tried with faults: small restorations that take every way through native code.
import { Restorer } from '../../src/restorer';
import type { RestoreOptions } from '../../src/options/RestoreOptions';
import { FAULTS_ADDON } from './hook';

export interface Scenario {
  readonly name: string;
  /** What is made before faults begin; without it each try loads a model itself. */
  readonly restorer?: RestoreOptions;
  /** The work in which faults happen; the same bytes each time. `restorer` is the one that was made, if any. */
  run(restorer: Restorer | undefined): Promise<Uint8Array>;
  /** Codes that errors can have whatever failed. */
  readonly codes?: readonly string[];
}

const LOADED: RestoreOptions = { nativeBinding: FAULTS_ADDON, threads: 2 };

/** A picture of a few colours. */
function picture(side: number) {
  const data = Uint8Array.from({ length: side * side * 3 }, (_, i) => (i * 37 + (i >> 4) * 11) % 256);
  return { data, width: side, height: side, channels: 3 } as const;
}

function restoring(name: string, options: RestoreOptions, { side = 16, load = {} as RestoreOptions } = {}): Scenario {
  const input = picture(side);
  return {
    name,
    restorer: { ...LOADED, ...load },
    run: async (restorer) => (await (restorer as Restorer).restore(input, { steps: 2, ...options })).data,
  };
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'load',
    run: async () => {
      const restorer = await Restorer.create(LOADED);
      await restorer.dispose();
      return new Uint8Array();
    },
  },
  restoring('stage 1', { stage: 1 }),
  restoring('both stages', { stage: 2 }),
  restoring(
    'tiles',
    {
      stage: 2,
      tiling: { cleaner: 48, cleanerStride: 32, encoder: 48, decoder: 48, diffusion: 64, diffusionStride: 32 },
    },
    { side: 80 },
  ),
];
