import type { Device } from '../../src/device/parse';
import { internals } from '../../src/internals';
import { embeddedModel, openModel } from '../../src/loadModel';
import type { Precision } from '../../src/native/binding';
import type { ExecutionSpec } from '../../src/native/devices';
import type { RestoreOptions } from '../../src/options/RestoreOptions';
import type { Restorer } from '../../src/restorer';
import { type Measured, measureNetwork, measurePicture, type Patience, profileNetwork } from './measure';
import { networkPlans, type PictureSize, picturePlan } from './plan';
import { createRestorer, executionOn } from './restorers';
import { type Item, serve } from './serve';

const NETWORK: Patience = { runs: 20, seconds: 2 };
const PICTURE: Patience = { runs: 5, seconds: 8 };
const QUICK: Patience = { runs: 2, seconds: 1 };

serve<Measured>(async (group, settings) => {
  const { model = embeddedModel(), isQuick = false } = settings;
  const [kind = '', precision = 'float16', way = 'CUDA'] = group.split(', ');
  const device = way === 'TensorRT' ? settings.device.replace('cuda', 'tensorrt') : settings.device;
  const changes = { cudaGraphs: way === 'CUDA graphs' };
  if (kind === 'profile' || kind === 'networks') {
    const opened = await openModel({ model }, internals);
    const execution = await executionOn(device as Device, changes);
    return networkItems(opened, kind, precision as Precision, execution, isQuick ? QUICK : NETWORK);
  }
  const opened = await openModel({ model }, internals);
  const create = loadedOnce({ model, device, precision } as RestoreOptions, changes);
  return pictures(kind, isQuick).map((size): Item<Measured> => {
    const plan = picturePlan(opened, size);
    return {
      name: plan.name,
      run: async () => {
        const { restorer, load } = await create();
        return measurePicture(plan, restorer, load, isQuick ? QUICK : PICTURE);
      },
    };
  });
});

function networkItems(
  opened: Awaited<ReturnType<typeof openModel>>,
  kind: 'profile' | 'networks',
  precision: Precision,
  execution: ExecutionSpec,
  patience: Patience,
): Item<Measured>[] {
  return networkPlans(opened).map(
    (plan): Item<Measured> => ({
      name: plan.name,
      run: () =>
        kind === 'profile'
          ? profileNetwork(plan, precision, execution)
          : measureNetwork(plan, precision, execution, patience),
    }),
  );
}

/** Sizes and steps of a group of pictures. */
function pictures(kind: string, isQuick: boolean): PictureSize[] {
  const steps = isQuick ? [10] : [50, 10];
  if (kind === 'tiled pictures') return [{ side: isQuick ? 1024 : 2048, steps: 10, isTiled: true }];
  const side = kind === 'small pictures' ? 512 : 1024;
  return steps.map((count) => ({ side, steps: count }));
}

function loadedOnce(options: RestoreOptions, changes: { cudaGraphs: boolean }) {
  let loaded: Promise<{ restorer: Restorer; load: number }> | undefined;
  const load = async () => {
    const begin = performance.now();
    const restorer = await createRestorer(options, changes);
    return { restorer, load: (performance.now() - begin) / 1000 };
  };
  return () => {
    loaded ??= load();
    return loaded;
  };
}
