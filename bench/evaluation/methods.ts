import { existsSync } from 'node:fs';
import path from 'node:path';
import type { ModelSource } from '../../src/models/manifest';
import type { RestoreOptions } from '../../src/options/RestoreOptions';
import type { PictureResult } from '../../src/pictureResult';
import { Restorer } from '../../src/restorer';

/** Pixels without alpha, as the library takes and gives them. */
export interface Pixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly channels: 3;
}

/** One column of the evaluation. */
export interface Method {
  readonly name: string;
  run(degraded: Pixels): Promise<Pixels>;
  dispose(): Promise<void>;
}

export const DEGRADED = 'degraded';
export const STAGE1 = 'stage 1';
export const BOTH = 'both stages';
export const BASELINE = 'Real-ESRGAN';

/** Everything that can be evaluated here: both stages where the model has them, the baseline where its weights are. */
export async function openMethods(model: string | undefined, baseline: string): Promise<Method[]> {
  const methods: Method[] = [
    { name: DEGRADED, run: async (degraded) => degraded, dispose: async () => {} },
    await open(STAGE1, { model, stage: 1 }),
  ];
  const both = await open(BOTH, { model, stage: 2 }).catch((error) => {
    console.error(`${BOTH}: left out: ${error.message}`);
    return undefined;
  });
  if (both) methods.push(both);
  if (existsSync(baseline)) methods.push(await open(BASELINE, { model: compact(baseline), stage: 1 }));
  else console.error(`${BASELINE}: left out: there is no ${baseline}`);
  return methods;
}

/** The network enlarges by 4; at `upscale` 1 its result is reduced to the size of the input again. */
function compact(file: string): ModelSource {
  return {
    formatVersion: 1,
    name: 'realesr-general-x4v3',
    root: path.dirname(file),
    networks: { cleaner: { type: 'srvgg', file: path.basename(file) } },
  };
}

async function open(name: string, options: RestoreOptions): Promise<Method> {
  const restorer = await Restorer.create(options);
  return {
    name,
    run: async (degraded) => pixelsOf(await restorer.restore(degraded, { upscale: 1 })),
    dispose: () => restorer.dispose(),
  };
}

export function pixelsOf({ data, width, height }: PictureResult): Pixels {
  return { data, width, height, channels: 3 };
}
