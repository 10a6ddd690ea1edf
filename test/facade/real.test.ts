/** The same facade on the real native code: the embedded model, and the reference's recordings through `model.json`. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCheckpoint } from '../../src/checkpoint/readCheckpoint';
import { withChunks } from '../../src/image/png';
import { compare, degrade, Restorer, restore, versions } from '../../src/index';
import { detectCleanerType } from '../../src/models/cleanerType';
import { exifWithOrientation } from '../image/pictures';
import { temporaryFolder } from './fakes';

const root = path.resolve(import.meta.dirname, '..', '..');
const sample = (name: string) => path.join(root, 'examples', 'sample', name);
const hasAddon = existsSync(path.join(root, 'prebuilds', `${process.platform}-${process.arch}`, 'diffbir.node'));
const hasModel = existsSync(path.join(root, 'models', 'tiny', 'model.json'));

/** Peak signal to noise ratio in dB of two pictures of one size. */
async function psnr(a: Uint8Array, file: string): Promise<number> {
  const b = await sharp(file).removeAlpha().raw().toBuffer();
  expect(a.length).toBe(b.length);
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += ((a[i] as number) - (b[i] as number)) ** 2;
  return 10 * Math.log10(255 ** 2 / (sum / a.length));
}

function meanDifference(data: Uint8Array, value: number): number {
  return data.reduce((sum, each) => sum + Math.abs(each - value), 0) / data.length;
}

describe.skipIf(!hasAddon || !hasModel)('the embedded model', () => {
  let restorer: Restorer;
  beforeAll(async () => {
    restorer = await Restorer.create();
  });
  afterAll(() => restorer.dispose());

  it('brings a degraded photograph nearer to the original, by each of the stages', async () => {
    const original = sample('original.png');
    const stage1 = await restorer.restore(sample('degraded.jpg'), { stage: 1 });
    const both = await restorer.restore(sample('degraded.jpg'));
    const before = await psnr(await sharp(sample('degraded.jpg')).raw().toBuffer(), original);
    expect(await psnr(stage1.data, original)).toBeGreaterThan(before + 0.5);
    expect(await psnr(both.data, original)).toBeGreaterThan(before);
    expect([stage1.stage, both.stage]).toEqual([1, 2]);
  });

  it('gives back more detail with both stages where much is lost', async () => {
    const original = sample('original.png');
    const heavy = await degrade(original, 'heavy', { seed: 1 });
    const input = { ...heavy, channels: 3 as const };
    const stage1 = await compare(original, await restorer.restore(input, { stage: 1 }));
    const both = await compare(original, await restorer.restore(input));
    expect(both.picture.highFrequency).toBeGreaterThan(1.5 * stage1.picture.highFrequency);
    expect(both.picture.niqe as number).toBeLessThan(stage1.picture.niqe as number);
  });

  it('denoise: a noisy photograph', async () => {
    const original = await sharp(sample('original.png')).removeAlpha().raw().toBuffer({ resolveWithObject: true });
    const { width, height } = original.info;
    // Of a deviation of 20 levels, and the same every time.
    const noisy = original.data.map((v, i) => Math.max(0, Math.min(255, v + 28 * Math.sin(12.9898 * i * i))));
    const result = await restore({ data: noisy, width, height, channels: 3 }, { task: 'denoise' });
    const before = await psnr(noisy, sample('original.png'));
    expect(await psnr(result.data, sample('original.png'))).toBeGreaterThan(before + 2);
  });

  it('face: an aligned face, 512 x 512, and sr: half of it, enlarged', async () => {
    const original = sample('original.png');
    const worse = await degrade(original, 'medium', { seed: 3 });
    const face = await restore({ ...worse, channels: 3 }, { task: 'face' });
    const measured = await compare(original, face);
    expect(measured.psnr as number).toBeGreaterThan(
      (await compare(original, { ...worse, channels: 3 })).psnr as number,
    );

    const half = await sharp(original).resize(256).jpeg({ quality: 70 }).toBuffer();
    const enlarged = await sharp(half).resize(512, 512, { kernel: 'cubic' }).png().toBuffer();
    const sr = await restore(half, { task: 'sr', upscale: 2 });
    expect([sr.width, sr.height]).toEqual([512, 512]);
    const [ours, cubic] = [await compare(original, sr), await compare(original, enlarged)];
    expect(ours.picture.niqe as number).toBeLessThan(cubic.picture.niqe as number);
  });

  it('gives the same picture from restore(), and again', async () => {
    const small = await sharp(sample('degraded.jpg'))
      .extract({ left: 150, top: 20, width: 90, height: 64 })
      .png()
      .toBuffer();
    const [once, again] = [await restorer.restore(small), await restorer.restore(small)];
    expect(Buffer.compare(once.data, again.data)).toBe(0);
    expect(Buffer.compare((await restore(small)).data, once.data)).toBe(0);
  });

  it.each([
    ['1 x 1', 1, 1],
    ['odd sizes', 37, 61],
    ['1 x 2000', 1, 2000],
    ['2000 x 1', 2000, 1],
    ['neither a multiple of 8 nor of 64', 130, 71],
  ])('%s', async (_, width, height) => {
    const result = await restorer.restore({
      data: new Uint8Array(width * height * 3).fill(90),
      width,
      height,
      channels: 3,
    });
    expect([result.width, result.height]).toEqual([width, height]);
    expect(meanDifference(result.data, 90)).toBeLessThan(8);
  });

  it.each([0, 255])('a picture of nothing but %i stays so', async (value) => {
    const data = new Uint8Array(64 * 64 * 3).fill(value);
    const result = await restorer.restore({ data, width: 64, height: 64, channels: 3 });
    expect(meanDifference(result.data, value)).toBeLessThan(8);
  });

  it('keeps alpha, profile and EXIF at another size', async () => {
    const icc = (await sharp(await sharp(sample('degraded.jpg')).withIccProfile('p3').png().toBuffer()).metadata()).icc;
    const png = await sharp(sample('degraded.jpg')).resize(80, 60).ensureAlpha(0.5).png().toBuffer();
    const result = await restorer.restore(withChunks(png, { icc, exif: exifWithOrientation(6) }), { upscale: 1.5 });
    expect([result.width, result.height, result.channels]).toEqual([90, 120, 4]);
    const written = await sharp(await result.toBuffer()).metadata();
    expect([written.icc?.equals(icc as Buffer), written.orientation, written.hasAlpha]).toEqual([true, 1, true]);
    expect(new Set(result.data.filter((_, i) => i % 4 === 3))).toEqual(new Set([127]));
  });

  it('can be stopped in the middle, and goes on', async () => {
    const controller = new AbortController();
    // Sixteen times the pixels: seconds of work.
    const running = restorer.restore(sample('degraded.jpg'), { upscale: 4, signal: controller.signal });
    setTimeout(() => controller.abort(), 150);
    await expect(running).rejects.toMatchObject({ code: 'DIFFBIR_ABORTED' });
    expect((await restorer.restore({ data: new Uint8Array(3), width: 1, height: 1, channels: 3 })).width).toBe(1);
  });

  it('leaves the event loop free', async () => {
    let longest = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 5);
    await restorer.restore(sample('degraded.jpg'));
    clearInterval(timer);
    expect(longest).toBeLessThan(200);
  });

  it('stage 2 is refused by name', async () => {
    const cleaner = { type: 'scunet', file: 'scunet.safetensors' } as const;
    const model = {
      formatVersion: 1,
      name: 'half',
      root: path.join(root, 'models', 'tiny'),
      networks: { cleaner },
    } as const;
    await expect(Restorer.create({ model, stage: 2 })).rejects.toMatchObject({
      code: 'DIFFBIR_INVALID_OPTION',
      option: 'stage',
    });
  });

  it('versions', async () => {
    expect(await versions()).toMatchObject({
      diffbir: expect.stringMatching(/^\d/),
      onnxruntime: expect.stringMatching(/^1\./),
    });
  });
});

const golden = [path.join(root, '..', 'shared', 'golden'), path.join(root, 'test', 'golden')].find((folder) =>
  existsSync(path.join(folder, 'manifest.json')),
);

/** The recorded checkpoints as a model folder, with the reference's own configuration files. */
function goldenModel(letter: 'a' | 'b', schedule: object): string {
  const folder = temporaryFolder();
  const sd = letter === 'a' ? 'sd_a.ckpt' : 'sd_b_zsnr_half.ckpt';
  const controlnet = letter === 'a' ? 'controlnet_a.pth' : 'controlnet_b_half.pt';
  const json = (name: string) => JSON.parse(readFileSync(path.join(golden as string, 'configs', name), 'utf8'));
  const cldm = json(`cldm_${letter}.json`);
  mkdirSync(path.join(folder, 'ckpt'));
  for (const file of ['swinir_a.ckpt', sd, controlnet])
    copyFileSync(path.join(golden as string, 'ckpt', file), path.join(folder, 'ckpt', file));
  const manifest = {
    formatVersion: 1,
    name: `golden-${letter}`,
    networks: {
      cleaner: { type: 'swinir', file: 'ckpt/swinir_a.ckpt', config: json('swinir_a.json') },
      vae: { file: `ckpt/${sd}`, config: cldm.vae_cfg },
      textEncoder: { file: `ckpt/${sd}`, config: cldm.clip_cfg },
      unet: { file: `ckpt/${sd}`, config: cldm.unet_cfg },
      controlnet: { file: `ckpt/${controlnet}`, config: cldm.controlnet_cfg },
    },
    schedule: { linearStart: 0.00085, linearEnd: 0.012, timesteps: 1000, ...schedule },
    latentScaleFactor: cldm.latent_scale_factor,
    defaults: { steps: 2 },
  };
  writeFileSync(path.join(folder, 'model.json'), JSON.stringify(manifest));
  return folder;
}

describe.skipIf(!hasAddon || !golden)('both stages, through model.json', () => {
  const has = (file: string) => existsSync(path.join(golden ?? '', file));

  it.skipIf(!has('ckpt/sd_a.ckpt') || !has('pipeline/swinir_v1_128.lq.png'))(
    "the reference's picture from its seed alone",
    async () => {
      const model = goldenModel('a', { parameterization: 'eps', zeroSnr: false });
      const result = await restore(path.join(golden as string, 'pipeline', 'swinir_v1_128.lq.png'), {
        model,
        steps: 4,
        cfgScale: 4,
        prompt: 'a photo of a cat, highly detailed',
        negativePrompt: 'blurry, low quality',
        seed: 231,
        padding: 'zero',
        parity: true,
      });
      const expected = await sharp(path.join(golden as string, 'pipeline', 'swinir_v1_128.out.png'))
        .raw()
        .toBuffer();
      const differences = [...result.data].map((value, i) => Math.abs(value - (expected[i] as number)));
      expect(Math.max(...differences)).toBeLessThanOrEqual(1);
      expect(differences.filter((difference) => difference > 0).length / differences.length).toBeLessThan(0.001);
    },
  );

  it('a v model with zero terminal SNR, in half precision: progress, trace, seeds', async () => {
    const stages = new Set<string>();
    await using restorer = await Restorer.create({ model: goldenModel('b', { parameterization: 'v', zeroSnr: true }) });
    const run = (seed: number) =>
      restorer.restore(sample('degraded.jpg'), {
        seed,
        trace: true,
        onProgress: ({ stage }) => void stages.add(stage),
      });
    const [first, other, again] = [await run(1), await run(2), await run(1)];
    expect([...stages]).toEqual(['stage1', 'encode', 'sample', 'decode', 'finish']);
    expect(Object.keys(first.trace)).toContain('final_latent');
    expect(Buffer.compare(first.data, again.data)).toBe(0);
    expect(Buffer.compare(first.data, other.data)).not.toBe(0);
  });

  it('without a cleaner stage 2 sees the picture as it is', async () => {
    const model = goldenModel('b', { parameterization: 'v', zeroSnr: true });
    const manifest = JSON.parse(readFileSync(path.join(model, 'model.json'), 'utf8'));
    manifest.networks.cleaner = 'none';
    writeFileSync(path.join(model, 'model.json'), JSON.stringify(manifest));
    const data = Uint8Array.from({ length: 512 * 512 * 3 }, (_, i) => (i * 7) % 251);
    const picture = { data, width: 512, height: 512, channels: 3 as const };
    const { stage, trace } = await restore(picture, { model, steps: 1, trace: true });
    expect(stage).toBe(2);
    const seen = trace.cond_img?.data ?? new Float32Array();
    expect(seen.length).toBe(data.length);
    // Planes of floats against interleaved levels.
    expect(
      seen.findIndex((value, i) => Math.round(value * 255) !== data[(i % 512 ** 2) * 3 + Math.floor(i / 512 ** 2)]),
    ).toBe(-1);
  });

  it.each(['swinir_a.ckpt', 'bsrnet_a.pth', 'scunet_a_half.pth'].filter((file) => has(`ckpt/${file}`)))(
    'finds what the recorded %s is',
    async (file) => {
      const { tensors } = await readCheckpoint(path.join(golden as string, 'ckpt', file));
      expect(detectCleanerType(tensors)).toBe({ sw: 'swinir', bs: 'rrdbnet', sc: 'scunet' }[file.slice(0, 2)]);
    },
  );

  it('names file and key where weights do not fit the manifest', async () => {
    const model = goldenModel('b', { parameterization: 'v', zeroSnr: true });
    const manifest = JSON.parse(readFileSync(path.join(model, 'model.json'), 'utf8'));
    manifest.networks.controlnet.file = 'ckpt/swinir_a.ckpt';
    writeFileSync(path.join(model, 'model.json'), JSON.stringify(manifest));
    await expect(Restorer.create({ model })).rejects.toMatchObject({
      code: 'DIFFBIR_MODEL_MISMATCH',
      message: expect.stringContaining('swinir_a.ckpt'),
    });
  });

  it('a checkpoint that is none', async () => {
    const model = goldenModel('b', { parameterization: 'v', zeroSnr: true });
    writeFileSync(
      path.join(model, 'ckpt', 'swinir_a.ckpt'),
      'version https://git-lfs.github.com/spec/v1\noid sha256:0\n',
    );
    await expect(Restorer.create({ model })).rejects.toMatchObject({
      code: 'DIFFBIR_INVALID_CHECKPOINT',
      message: expect.stringMatching(/swinir_a\.ckpt/),
    });
  });
});
