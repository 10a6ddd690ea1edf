/**
 * Whole pictures with everything between the networks in the memory of a device: guarded host memory, which crashes
 * whoever touches it outside a kernel. The same functions as on a GPU, and the same bits as without a device.
 */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ModelSpec, NativeModel, NetworkSpec, RestoreJob } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import { temporaryFolder } from '../checkpoint/build';
import { goldenSpec, jobOf } from '../lifecycle/model';
import { embedded, type Stage2 } from './graphCases';
import { modelBeyond8Bits } from './modelBeyond8Bits';

const binding = loadBinding();
const WIDTH = 80;
const HEIGHT = 72;
const image = {
  data: Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, (_, i) => (i * 7 + (i >> 5) * 31) % 256),
  width: WIDTH,
  height: HEIGHT,
};
const usual: RestoreJob = { ...jobOf({ stage: 2, steps: 2 }), image, trace: true };
const weighted = { ...usual.guidance, loss: 'w_mse', scale: 0.5 } as const;
const halves = { tile: 64, stride: 32 };

let models: { host: NativeModel; device: NativeModel };
let withSmallWeights: { host: NativeModel; device: NativeModel };

const inBytes = (network: NetworkSpec): NetworkSpec => ({ ...network, precision: 'int8' });

async function pair(spec: ModelSpec) {
  const guarded = { ...spec.execution, guarded: true };
  return {
    host: await binding.createModel(spec, () => {}).promise,
    device: await binding.createModel({ ...spec, execution: guarded }, () => {}).promise,
  };
}

beforeAll(async () => {
  const spec = await goldenSpec({ stage: 2 });
  if (!spec.stage2) throw new Error('no stage 2');
  const stage2 = { ...spec.stage2, minShortEdge: 64 };
  models = await pair({ ...spec, stage2 });
  const { unet, controlnet } = stage2;
  withSmallWeights = await pair({
    ...spec,
    stage2: { ...stage2, unet: inBytes(unet), controlnet: inBytes(controlnet) },
  });
});
afterAll(async () => {
  for (const { host, device } of [models, withSmallWeights]) await Promise.all([host.dispose(), device.dispose()]);
});

const cases: [string, Partial<RestoreJob>][] = [
  ['as they come', {}],
  ['enlarged', { upscale: 1.3 }],
  ['with two prompts', { cfgScale: 3, rescaleCfg: true }],
  ['from the condition with noise on it', { startPoint: 'cond', noiseAug: 20 }],
  ['guided where there are no edges', { guidance: weighted }],
  ['guided through the decoder', { guidance: { ...weighted, space: 'rgb' } }],
  ['near to the condition', { fidelity: 0.5 }],
  ['with means and deviations of colours', { colorFix: 'adain', padding: 'zero' }],
  [
    'in tiles of the cleaner and of the diffusion model',
    { tiling: { ...usual.tiling, cleaner: halves, diffusion: halves, batch: 5 }, upscale: 2 },
  ],
  ['in tiles of the autoencoder, all at once', { tiling: { ...usual.tiling, encoder: 64, decoder: 64 }, upscale: 3.2 }],
  [
    'in tiles of the autoencoder, one by one',
    { tiling: { ...usual.tiling, encoder: 64, decoder: 64, encoderAtOnce: false, decoderAtOnce: false }, upscale: 3.2 },
  ],
  ['with features of earlier steps', { reuse: 'deep', reuseInterval: 2, steps: 5 }],
  ['by another sampler', { sampler: 'edm_dpm++_3m_sde', steps: 3 }],
  ["with the noise of torch's CUDA generator", { rng: 'cuda' }],
  ['with the rounding of the reference', { parity: true }],
  ['of stage 1 alone', { stage: 1, upscale: 2 }],
];

test.skipIf(process.platform === 'win32').each(cases)('%s', async (_, changes) => {
  const job = { ...usual, ...changes };
  expect(summary(await models.device.restore(job, () => {}).promise)).toEqual(
    summary(await models.host.restore(job, () => {}).promise),
  );
});

test.skipIf(process.platform === 'win32')('in eight bits', async () => {
  const job = { ...usual, cfgScale: 3 };
  const expected = await withSmallWeights.host.restore(job, () => {}).promise;
  expect(summary(await withSmallWeights.device.restore(job, () => {}).promise)).toEqual(summary(expected));
});

// There it is known at the next step: what was traced until then is forgotten.
test.skipIf(process.platform === 'win32')('again in float32 where eight bits make NaN of it', async () => {
  const spec = await embedded(modelBeyond8Bits(temporaryFolder()));
  const { unet, controlnet, ...stage2 } = spec.stage2 as Stage2;
  const { host, device } = await pair({
    ...spec,
    stage2: { ...stage2, unet: inBytes(unet), controlnet: inBytes(controlnet) },
  });
  const job = { ...usual, steps: 3 };
  const restored = await device.restore(job, () => {}).promise;
  expect(restored.trace.x_steps?.shape[0]).toBe(3);
  expect(summary(restored)).toEqual(summary(await host.restore(job, () => {}).promise));
  await Promise.all([host.dispose(), device.dispose()]);
});

/** All but the times, with digests of arrays: what compares them writes out all their numbers, for minutes. */
function summary({ times: _, ...result }: Awaited<ReturnType<NativeModel['restore']>['promise']>): unknown {
  const digest = (value: unknown) =>
    ArrayBuffer.isView(value)
      ? createHash('sha256')
          .update(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
          .digest('hex')
      : value;
  return JSON.parse(JSON.stringify(result, (_, value) => digest(value)));
}

test('pictures of all models on a device take turns, and whoever waits can be cancelled', async () => {
  const waiting = { messages: 0, task: undefined as ReturnType<NativeModel['restore']> | undefined };
  const long = models.device.restore({ ...usual, trace: false, steps: 500 }, ({ stage, step }) => {
    if (stage !== 'sample') return;
    if (step === 1) waiting.task = withSmallWeights.device.restore(usual, () => waiting.messages++);
    // Time enough for all that it would do.
    if (step === 60) waiting.task?.cancel();
  });
  await expect.poll(() => waiting.task, { timeout: 20_000 }).toBeDefined();
  await expect(waiting.task?.promise).rejects.toMatchObject({ code: 'DIFFBIR_ABORTED' });
  expect(waiting.messages).toBe(0);
  long.cancel();
  await expect(long.promise).rejects.toMatchObject({ code: 'DIFFBIR_ABORTED' });
  const { image: after } = await withSmallWeights.device.restore(usual, () => {}).promise;
  expect(after.data).toEqual((await withSmallWeights.host.restore(usual, () => {}).promise).image.data);
});
