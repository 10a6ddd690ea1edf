// The colour fix as a job runs it: each method on what the decoder gave, with the colours of the stage-1 picture.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { NativeModel, NativeTensor, RestoreJob } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import { goldenSpec, jobOf } from '../lifecycle/model';

const { primitives, createModel } = loadBinding();
let model: NativeModel;

beforeAll(async () => {
  model = await createModel(await goldenSpec({ stage: 2 }), () => {}).promise;
});
afterAll(() => model.dispose());

const METHODS: Record<RestoreJob['colorFix'], (content: NativeTensor, style: NativeTensor) => NativeTensor> = {
  wavelet: primitives.waveletReconstruction,
  adain: primitives.adaptiveInstanceNormalization,
  none: (content) => content,
};

test.each(Object.entries(METHODS))('%s', async (colorFix, fixed) => {
  const job = { ...jobOf({ stage: 2 }), colorFix: colorFix as RestoreJob['colorFix'], trace: true };
  const { trace } = await model.restore(job, () => {}).promise;
  const { decoded01, cond_img, color_fixed } = trace as Record<string, NativeTensor>;
  const want = fixed(decoded01 as NativeTensor, cond_img as NativeTensor).data;
  const got = (color_fixed as NativeTensor).data;
  expect(got.length).toBe(want.length);
  expect(got.filter((value, i) => value !== want[i]).length).toBe(0);
});
