/** Options, numbers and pictures at their limits, through the embedded model and, for stage 2, the recorded small one. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RestoreOptions, type RestoreResult, Restorer, restore } from '../../src/index';
import { validateOptions } from '../../src/options/validate';
import { promptTokens } from '../../src/prompts';
import { temporaryFolder } from './fakes';

const root = path.resolve(import.meta.dirname, '..', '..');
const golden = [path.join(root, '..', 'shared', 'golden'), path.join(root, 'test', 'golden')].find((folder) =>
  existsSync(path.join(folder, 'ckpt', 'sd_b_zsnr_half.ckpt')),
);

/** A picture with a gradient: tiles and padding would show. */
function gradient(width: number, height: number) {
  const data = Uint8Array.from(
    { length: width * height * 3 },
    (_, i) => 40 + ((Math.floor(i / 3) % width) * 150) / width,
  );
  return { data, width, height, channels: 3 as const };
}

const worst = (a: RestoreResult, b: RestoreResult) =>
  a.data.reduce((largest, value, i) => Math.max(largest, Math.abs(value - (b.data[i] as number))), 0);

describe('options', () => {
  it.each(
    ['cleaner', 'cleanerStride', 'encoder', 'decoder', 'diffusion', 'diffusionStride'].flatMap((name) =>
      [Number.NaN, -8, 1e9, 7.5, '64', null].map((value) => [name, value] as const),
    ),
  )('tiling.%s of %s', (name, value) => {
    expect(() => validateOptions({ tiling: { [name]: value } })).toThrow(
      new RegExp(`for tiling\\.${name} but received`),
    );
  });

  it.each(
    ['scale', 'start', 'stop', 'repeat'].flatMap((name) =>
      [Number.NaN, -2, 1e9, '1'].map((value) => [name, value] as const),
    ),
  )('guidance.%s of %s', (name, value) => {
    expect(() => validateOptions({ guidance: { [name]: value } })).toThrow(
      new RegExp(`for guidance\\.${name} but received`),
    );
  });

  it.each([
    ['guidance', null],
    ['guidance', []],
    ['tiling', 512],
    ['samples', 0],
    ['samples', 1e9],
    ['task', 'unaligned'],
    ['saveParameters', 1],
    ['keepMetadata', 'no'],
    ['trace', 0],
    ['parity', null],
    ['padding', 'mirror'],
    ['limitWorkPixels', 1],
  ])('%s of %s', (name, value) => {
    expect(() => validateOptions({ [name]: value })).toThrow(`for ${name} but received`);
  });

  it('getters of a group that throw, and a group that is a prototype alone', () => {
    const cause = new Error('no');
    const guidance = {
      get scale(): number {
        throw cause;
      },
    };
    expect(() => validateOptions({ guidance })).toThrow('Reading guidance.scale threw an error');
    expect(validateOptions({ guidance: Object.create({ scale: -1 }) }).guidance).toEqual({});
    expect(() => validateOptions(JSON.parse('{"guidance":{"__proto__":{"scale":1}}}'))).toThrow('guidance.__proto__');
  });

  it('a prompt of more than 75 words is cut, and says so; emoji and right-to-left text are prompts', () => {
    expect(promptTokens('cat '.repeat(75)).isCut).toBe(false);
    expect(promptTokens('cat '.repeat(76)).isCut).toBe(true);
    for (const prompt of ['🐈‍⬛ 👩‍🚀', 'שלום עולם', '\u202e\ufeff', '\ud800', ' ']) {
      const { ids, isCut } = promptTokens(prompt);
      expect([ids.length, ids[0], ids.includes(49407), isCut]).toEqual([77, 49406, true, false]);
    }
  });
});

describe('the embedded model', () => {
  let restorer: Restorer;
  beforeAll(async () => {
    restorer = await Restorer.create();
  });
  afterAll(() => restorer.dispose());

  it('a tile larger than the picture is the picture whole', async () => {
    const picture = gradient(70, 66);
    const whole = await restorer.restore(picture);
    expect(worst(await restorer.restore(picture, { tiling: { cleaner: 16384 } }), whole)).toBe(0);
    expect(worst(await restorer.restore(picture, { tiling: { cleaner: 70 } }), whole)).toBe(0);
  });

  it('tiles that leave one row and column over', async () => {
    const picture = gradient(129, 65);
    const whole = await restorer.restore(picture);
    const tiled = await restorer.restore(picture, { tiling: { cleaner: 64, cleanerStride: 64 } });
    expect(worst(tiled, whole)).toBeLessThan(24);
  });

  it('denormal numbers are black', async () => {
    const black = { data: new Float32Array(64 * 64 * 3), width: 64, height: 64, channels: 3 as const };
    const denormal = { ...black, data: black.data.slice().fill(1e-42) };
    expect(worst(await restorer.restore(denormal), await restorer.restore(black))).toBe(0);
  });

  it('one thread and two give the same picture but for single levels, and two always the same', async () => {
    const picture = gradient(128, 128);
    const run = async (threads: number) => {
      await using own = await Restorer.create({ threads });
      return await own.restore(picture);
    };
    const two = await run(2);
    expect(worst(await run(1), two)).toBeLessThanOrEqual(1);
    expect(worst(await run(2), two)).toBe(0);
  });

  it('weights that are not numbers are an error, not a black picture', async () => {
    const folder = temporaryFolder();
    copyFileSync(path.join(root, 'models', 'tiny', 'model.json'), path.join(folder, 'model.json'));
    const bytes = readFileSync(path.join(root, 'models', 'tiny', 'scunet.safetensors'));
    // The data follows its header; two bytes of ones are NaN in half, and part of a NaN in single precision.
    bytes.fill(0xff, 8 + Number(bytes.readBigUInt64LE(0)));
    writeFileSync(path.join(folder, 'scunet.safetensors'), bytes);
    await expect(restore(gradient(64, 64), { model: folder, stage: 1 })).rejects.toMatchObject({
      code: 'DIFFBIR_NUMERIC',
      message: expect.stringContaining('stage 1'),
    });
    expect((await restore(gradient(64, 64), { stage: 1 })).width).toBe(64);
  });

  it.each(['tiff', 'gif', 'avif'] as const)(
    'a truncated %s is refused, and the next picture restored',
    async (format) => {
      const noisy = sharp({
        create: {
          width: 200,
          height: 200,
          channels: 3,
          background: 'red',
          noise: { type: 'gaussian', mean: 128, sigma: 30 },
        },
      });
      const bytes = await noisy.toFormat(format).toBuffer();
      await expect(restorer.restore(bytes.subarray(0, bytes.length / 2))).rejects.toMatchObject({
        code: 'DIFFBIR_INVALID_IMAGE',
      });
      expect((await restorer.restore(gradient(8, 8))).width).toBe(8);
    },
  );
});

describe.skipIf(!golden)('stage 2', () => {
  let restorer: Restorer;
  beforeAll(async () => {
    const folder = temporaryFolder();
    mkdirSync(path.join(folder, 'ckpt'));
    const json = (name: string) => JSON.parse(readFileSync(path.join(golden as string, 'configs', name), 'utf8'));
    for (const file of ['swinir_a.ckpt', 'sd_b_zsnr_half.ckpt', 'controlnet_b_half.pt']) {
      copyFileSync(path.join(golden as string, 'ckpt', file), path.join(folder, file));
    }
    const [cldm, sd] = [json('cldm_b.json'), 'sd_b_zsnr_half.ckpt'];
    restorer = await Restorer.create({
      model: {
        root: folder,
        formatVersion: 1,
        name: 'small',
        networks: {
          cleaner: { file: 'swinir_a.ckpt', config: json('swinir_a.json') },
          vae: { file: sd, config: cldm.vae_cfg },
          textEncoder: { file: sd, config: cldm.clip_cfg },
          unet: { file: sd, config: cldm.unet_cfg },
          controlnet: { file: 'controlnet_b_half.pt', config: cldm.controlnet_cfg },
        },
        schedule: { parameterization: 'v', zeroSnr: true, linearStart: 0.00085, linearEnd: 0.012, timesteps: 1000 },
        latentScaleFactor: cldm.latent_scale_factor,
      },
      steps: 1,
    });
  });
  afterAll(() => restorer.dispose());

  const flat = (value: number) => ({ ...gradient(24, 16), data: new Uint8Array(24 * 16 * 3).fill(value) });

  // Every scale and spread of a flat picture is 0: nothing may divide by it.
  it.each([0, 255])('a picture of nothing but %i, with guidance and colour fix', async (value) => {
    for (const loss of ['mse', 'w_mse'] as const) {
      const { trace } = await restorer.restore(flat(value), { guidance: { loss, scale: 1 }, trace: true });
      expect(trace.color_fixed?.data.every(Number.isFinite)).toBe(true);
    }
  });

  it.each<[string, RestoreOptions]>([
    ['one step of the sampler that the reference fails at', { sampler: 'edm_dpm++_3m_sde' }],
    ['a step count at which ddim of the reference fails', { sampler: 'ddim', steps: 3 }],
    ['everything at its highest', { cfgScale: 100, strength: 2, noiseAug: 999, guidance: { scale: 1 } }],
    ['everything at its lowest', { cfgScale: 0, strength: 0, sampler: 'edm_euler', sNoise: 0, eta: 0, sChurn: 0 }],
    ['noise levels that leave no room for churn', { sampler: 'edm_heun', steps: 2, sChurn: 1000, sTmin: 5, sTmax: 1 }],
    ['an empty prompt', { prompt: '', negativePrompt: '' }],
  ])('%s gives a picture', async (_, options) => {
    const { width, height, trace } = await restorer.restore(gradient(24, 16), { ...options, trace: true });
    expect([width, height]).toEqual([24, 16]);
    expect(trace.color_fixed?.data.every(Number.isFinite)).toBe(true);
  });

  it('recorded noise of the wrong shape is refused', async () => {
    const noise = [{ shape: [1, 4, 2, 2], data: new Float32Array(16) }];
    await expect(restorer.restore(gradient(24, 16), { noise })).rejects.toMatchObject({
      code: 'DIFFBIR_INVALID_OPTION',
      message: expect.stringContaining('noise'),
    });
  });
});
