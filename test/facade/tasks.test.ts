/** Tasks and versions, as in the matrix of the reference (behaviour.md 1.3), with the manifests in models. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspect } from '../../src/index';
import { readManifest } from '../../src/models/manifest';
import { modelSpec } from '../../src/models/modelSpec';
import { forTask } from '../../src/models/task';
import type { Task } from '../../src/options/choices';
import { runFake } from '../cli/runFake';
import { image } from '../image/pictures';
import { BOTH_STAGES, fakeNative, fakeRestorer, modelFolder, temporaryFolder } from './fakes';

const file = 'weights.safetensors';
const tasked = {
  ...BOTH_STAGES,
  defaults: { steps: 7, cfgScale: 2 },
  tasks: { face: { cleaner: { type: 'scunet', file }, defaults: { steps: 9 } }, denoise: {} },
};

/** The manifest of a version beside empty files of the names that it needs. */
function official(version: string): string {
  const text = readFileSync(path.join('models', version, 'model.json'), 'utf8');
  const folder = path.join(temporaryFolder(), version);
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'model.json'), text);
  for (const [, name] of text.matchAll(/"file": "([^"]+)"/g)) writeFileSync(path.join(folder, name as string), '');
  return folder;
}

describe('the official models', () => {
  it.each([
    ['v1', 'sr', 'swinir', 'general_swinir_v1.ckpt', 'v1_general.pth', 'eps'],
    ['v1', 'denoise', 'swinir', 'general_swinir_v1.ckpt', 'v1_general.pth', 'eps'],
    ['v1', 'face', 'swinir', 'face_swinir_v1.ckpt', 'v1_face.pth', 'eps'],
    ['v2', 'sr', 'rrdbnet', 'BSRNet.pth', 'v2.pth', 'eps'],
    ['v2', 'denoise', 'scunet', 'scunet_color_real_psnr.pth', 'v2.pth', 'eps'],
    ['v2', 'face', 'swinir', 'face_swinir_v1.ckpt', 'v2.pth', 'eps'],
    ['v2.1', 'sr', 'swinir', 'realesrgan_s4_swinir_100k.pth', 'DiffBIR_v2.1.pt', 'v'],
    ['v2.1', 'denoise', 'swinir', 'realesrgan_s4_swinir_100k.pth', 'DiffBIR_v2.1.pt', 'v'],
    ['v2.1', 'face', 'swinir', 'face_swinir_v1.ckpt', 'DiffBIR_v2.1.pt', 'v'],
  ])('%s %s: %s', async (version, task, type, cleaner, controlnet, parameterization) => {
    const loaded = forTask(await readManifest(official(version)), task as Task);
    const read = async (name: string) => ({ file: path.basename(name), fileSize: 0, tensors: [] });
    const spec = await modelSpec(loaded, { stage: 2, threads: 1 }, read);
    expect([spec.cleaner.type, spec.cleaner.weights.file]).toEqual([type, cleaner]);
    expect(spec.cleaner.config.num_heads).toEqual(type === 'swinir' ? new Array(8).fill(6) : undefined);
    expect(spec.stage2?.controlnet.weights.file).toBe(controlnet);
    const sd = version === 'v2.1' ? 'sd2.1-base-zsnr-laionaes5.ckpt' : 'v2-1_512-ema-pruned.ckpt';
    for (const network of ['vaeEncoder', 'vaeDecoder', 'textEncoder', 'unet'] as const) {
      expect(spec.stage2?.[network]?.weights.file).toBe(sd);
    }
    expect(spec.stage2?.schedule).toMatchObject({ parameterization, zeroSnr: parameterization === 'v' });
  });
});

describe('the option task', () => {
  const raw = { data: new Uint8Array(12), width: 2, height: 2, channels: 3 as const };

  it("takes the task's networks and defaults before the model's", async () => {
    const fake = fakeNative();
    const model = modelFolder(tasked);
    for (const task of ['sr', 'denoise', 'face'] as const)
      await (await fakeRestorer(fake, { model, task })).restore(raw);
    expect(fake.specs.map(({ cleaner }) => cleaner.type)).toEqual(['swinir', 'swinir', 'scunet']);
    expect(fake.jobs.map(({ steps, cfgScale }) => [steps, cfgScale])).toEqual([
      [7, 2],
      [7, 2],
      [9, 2],
    ]);
  });

  it('is refused where the model has no networks for it', async () => {
    const model = modelFolder({ ...tasked, tasks: { denoise: {} } });
    await expect(fakeRestorer(fakeNative(), { model, task: 'face' })).rejects.toMatchObject({
      option: 'task',
      message: "Expected 'sr' or 'denoise' for task but received 'face': the model fake has no networks for that",
    });
    await expect(fakeRestorer(fakeNative(), { task: 'face' })).rejects.toMatchObject({ option: 'task' });
    const restorer = await fakeRestorer(fakeNative());
    await expect(restorer.restore(raw, { task: 'sr' })).rejects.toThrow('fixed when the Restorer is created');
  });

  it('is written into the output, and repeated by --like', async () => {
    const fake = fakeNative();
    const [folder, model] = [temporaryFolder(), modelFolder(tasked)];
    const at = (name: string) => path.join(folder, name);
    writeFileSync(at('a.png'), await image().png().toBuffer());
    await runFake(fake, 'restore', at('a.png'), '-o', at('b.png'), '--model', model, '--task', 'face');
    expect((await inspect(at('b.png'))).parameters).toMatchObject({ task: 'face', options: { steps: 9 } });
    await runFake(fake, 'restore', at('a.png'), '-o', at('c.png'), '--model', model, '--like', at('b.png'));
    expect(fake.specs.map(({ cleaner }) => cleaner.type)).toEqual(['scunet', 'scunet']);
    expect(fake.jobs[1]).toEqual(fake.jobs[0]);
  });
});
