/** Pictures that two prompts steer, with the recorded networks: the embedded model reads no prompts. */
import type { Item } from '../../bench/gpu/serve';
import type { NativeBinding, NativeImage } from '../../src/native/binding';
import type { ExecutionSpec } from '../../src/native/devices';
import { loadBinding } from '../../src/native/loadBinding';
import { goldenSpec, jobOf } from '../lifecycle/model';
import { onDevice } from './onDevice';
import type { Outcome } from './outcome';
import { compared, testPicture } from './pictures';

const SIZE = 128;
const SAME = 50;
/** Their weights are random: less than the embedded model has. */
const FLOAT16 = 35;

export function promptItems(execution: ExecutionSpec): Item<Outcome>[] {
  const binding = loadBinding();
  const float32 = onDevice(binding, execution);
  const recorded = onDevice(binding, { ...execution, cudaGraphs: true });
  const float16 = onDevice(binding, execution, 'float16');
  const item = (name: string, got: NativeBinding, want: NativeBinding, least: number): Item<Outcome> => ({
    name: `two prompts${name}`,
    run: async () => compared(await restored(got), await restored(want), least),
  });
  return [
    item('', float32, binding, SAME),
    item(', CUDA graphs', recorded, float32, SAME),
    item(', float16', float16, float32, FLOAT16),
  ];
}

async function restored(binding: NativeBinding): Promise<NativeImage> {
  const spec = await goldenSpec({ stage: 2 });
  const stage2 = spec.stage2 && { ...spec.stage2, minShortEdge: 1 };
  const model = await binding.createModel({ ...spec, stage2 }, () => {}).promise;
  const tokens = (first: number, step: number) => Int32Array.from({ length: 77 }, (_, i) => first + step * i);
  const job = {
    ...jobOf({ stage: 2, steps: 4 }),
    image: testPicture(SIZE, SIZE),
    ...{ cfgScale: 3, positiveTokens: tokens(1, 1), negativeTokens: tokens(200, -1) },
  };
  const { image } = await model.restore(job, () => {}).promise;
  await model.dispose();
  return image;
}
