/**
 * The row "Weights" of the bad inputs as a caller meets it: a typed error that names the file, and calls after it work, in
 * the same process, with other models and with the same one once its file is right. What is wrong with a file in detail
 * is tested where it is read (test/checkpoint/hostile.test.ts) and where networks are built (test/native/mismatch.test.ts).
 */
import { copyFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ModelSource, Restorer, restore } from '../../src/index';
import { call, dict, floats, global, safetensors, tensor, torchZip, zip } from '../checkpoint/build';
import { temporaryFolder } from './fakes';

const golden = path.resolve(import.meta.dirname, '..', 'golden', 'ckpt');
const CLEANER = path.join(golden, 'swinir_a.ckpt');
const width = 64;
const picture = {
  data: Uint8Array.from({ length: width * width * 3 }, (_, i) => 60 + ((i * 7) % 90)),
  ...{ width, height: width, channels: 3 as const },
};

/** A model in a folder of its own: stage 1, or all networks with the cleaner in the first file. */
function model(files: Readonly<Record<string, string>>, stage: 1 | 2): ModelSource {
  const root = temporaryFolder();
  for (const [name, from] of Object.entries(files)) copyFileSync(from, path.join(root, name));
  const cleaner = { type: 'swinir' as const, file: 'cleaner.ckpt', config: { num_heads: [4, 8], window_size: 8 } };
  const sd = { file: 'sd.ckpt', config: { num_head_channels: 32, heads: 2, layers: 3 } };
  const controlnet = { ...sd, file: 'controlnet.pt' };
  return {
    root,
    formatVersion: 1,
    name: 'golden',
    networks: stage === 1 ? { cleaner } : { cleaner, vae: sd, textEncoder: sd, unet: sd, controlnet },
    schedule: { parameterization: 'v', zeroSnr: true, linearStart: 0.00085, linearEnd: 0.012, timesteps: 1000 },
  };
}

const oneStage = () => model({ 'cleaner.ckpt': CLEANER }, 1);
const twoStages = () => {
  const at = (file: string) => path.join(golden, file);
  return model(
    { 'cleaner.ckpt': CLEANER, 'sd.ckpt': at('sd_b_zsnr_half.ckpt'), 'controlnet.pt': at('controlnet_b_half.pt') },
    2,
  );
};
const fileOf = ({ root }: ModelSource, name = 'cleaner.ckpt') => path.join(root as string, name);

let good: Restorer;
let want: Uint8Array;
beforeAll(async () => {
  good = await Restorer.create({ model: oneStage() });
  want = (await good.restore(picture)).data;
});
afterAll(() => good.dispose());

describe('weights that are refused', () => {
  const evidence = path.join(temporaryFolder(), 'called');

  it.each<[string, () => Buffer, string]>([
    ['nothing', () => Buffer.alloc(0), 'INVALID_CHECKPOINT'],
    ['LFS pointer', () => Buffer.from('version https://git-lfs.github.com/spec/v1\n'), 'INVALID_CHECKPOINT'],
    ['web page', () => Buffer.from('<!DOCTYPE html><html>Sign in</html>'), 'INVALID_CHECKPOINT'],
    ['truncated', () => readFileSync(CLEANER).subarray(0, 100_000), 'INVALID_CHECKPOINT'],
    ['safetensors with a header of 2^63', () => safetensors('{}', floats(), 2n ** 63n), 'INVALID_CHECKPOINT'],
    [
      'zip bomb',
      () => zip([{ name: 'm/data.pkl', data: floats(1), method: 8, size: 0xfffffffe }]),
      'INVALID_CHECKPOINT',
    ],
    ['os.system', () => torchZip(call(global('os', 'system'), [`touch ${evidence}`])), 'INVALID_CHECKPOINT'],
    ['other keys', () => torchZip(dict({ a: tensor() })), 'MODEL_MISMATCH'],
    ['other shapes', () => torchZip(dict({ 'conv_first.1.weight': tensor() })), 'MODEL_MISMATCH'],
    ['another network', () => readFileSync(path.join(golden, 'bsrnet_a.pth')), 'MODEL_MISMATCH'],
  ])('%s', async (_, bytes, code) => {
    const bad = oneStage();
    writeFileSync(fileOf(bad), bytes());
    await expect(restore(picture, { model: bad })).rejects.toMatchObject({
      code: `DIFFBIR_${code}`,
      message: expect.stringContaining(fileOf(bad)),
    });
    expect((await good.restore(picture)).data).toEqual(want);
    copyFileSync(CLEANER, fileOf(bad));
    expect((await restore(picture, { model: bad })).data).toEqual(want);
    expect(existsSync(evidence)).toBe(false);
  });

  it('a ControlNet that fits another UNet', async () => {
    const bad = twoStages();
    copyFileSync(path.join(golden, 'bsrnet_a.pth'), fileOf(bad, 'controlnet.pt'));
    await expect(Restorer.create({ model: bad })).rejects.toMatchObject({
      code: 'DIFFBIR_MODEL_MISMATCH',
      message: expect.stringContaining(fileOf(bad, 'controlnet.pt')),
    });
    expect((await good.restore(picture)).data).toEqual(want);
  });
});

// Windows lets nobody write to a file that is mapped.
describe.skipIf(process.platform === 'win32')('a file that is cut while a model has it mapped', () => {
  const refused = (file: string) => ({
    code: 'DIFFBIR_INVALID_CHECKPOINT',
    message: expect.stringMatching(new RegExp(`${file}.*shorter`)),
  });

  it.each(['cleaner.ckpt', 'sd.ckpt', 'controlnet.pt'])('is an error of the next picture: %s', async (name) => {
    const cut = twoStages();
    await using restorer = await Restorer.create({ model: cut });
    truncateSync(fileOf(cut, name), 1000);
    await expect(restorer.restore(picture, { steps: 1, cfgScale: 1 })).rejects.toMatchObject(
      refused(fileOf(cut, name)),
    );
    expect((await good.restore(picture)).data).toEqual(want);
  });

  it('is forgiven once it is whole again', async () => {
    const cut = oneStage();
    await using restorer = await Restorer.create({ model: cut });
    truncateSync(fileOf(cut), 1000);
    await expect(restorer.restore(picture)).rejects.toMatchObject(refused(fileOf(cut)));
    copyFileSync(CLEANER, fileOf(cut));
    expect((await restorer.restore(picture)).data).toEqual(want);
  });
});
