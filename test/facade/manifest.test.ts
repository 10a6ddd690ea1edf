import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ManifestError } from '../../src/errors';
import { type CleanerEntry, type ModelSource, readManifest } from '../../src/models/manifest';
import { modelSpec } from '../../src/models/modelSpec';
import type { TensorEntry } from '../../src/native/binding';
import { BOTH_STAGES, modelFolder, STAGE1, temporaryFolder } from './fakes';

const cleaner = STAGE1.networks.cleaner as CleanerEntry;

async function refusal(manifest: unknown): Promise<ManifestError> {
  const folder = modelFolder(manifest);
  const error = await readManifest(folder).catch((reason) => reason);
  expect(error).toBeInstanceOf(ManifestError);
  expect(error.file).toBe(path.join(folder, 'model.json'));
  expect(error.message).toContain(error.file);
  return error;
}

describe('readManifest', () => {
  it('reads a folder, and the same manifest as an object', async () => {
    const folder = modelFolder({ ...BOTH_STAGES, defaults: { steps: 7 } });
    const fromFolder = await readManifest(folder);
    const fromObject = await readManifest({ root: folder, ...BOTH_STAGES, defaults: { steps: 7 } });
    expect(fromFolder.manifest.defaults).toEqual({ steps: 7 });
    expect(fromObject.manifest).toEqual(fromFolder.manifest);
    expect(fromObject.root).toBe(fromFolder.root);
  });

  it('says that a folder is no model', async () => {
    const folder = temporaryFolder();
    await expect(readManifest(folder)).rejects.toMatchObject({
      code: 'DIFFBIR_MODEL_NOT_FOUND',
      message: expect.stringContaining(folder),
    });
    await expect(readManifest(path.join(folder, 'none'))).rejects.toMatchObject({ code: 'DIFFBIR_MODEL_NOT_FOUND' });
  });

  it.each([
    ['no JSON', '{', /not valid JSON/],
    ['an HTML page', '<html>', /not valid JSON/],
    ['a key twice', '{"formatVersion":1,"formatVersion":1}', /not valid JSON/],
    ['a depth bomb', '['.repeat(100_000), /not valid JSON/],
    ['too many bytes', `"${'x'.repeat(2 << 20)}"`, /too large/],
    ['a list', [], /expected an object for the manifest but received \[\]/],
    ['no version', { ...STAGE1, formatVersion: undefined }, /expected 1 for formatVersion but it is missing/],
    ['a newer version', { ...STAGE1, formatVersion: 2 }, /expected 1 for formatVersion but received 2/],
    ['no name', { ...STAGE1, name: '' }, /for name/],
    ['no networks', { ...STAGE1, networks: {} }, /an object or "none" for networks\.cleaner but it is missing/],
    [
      'a cleaner that is a word',
      { ...STAGE1, networks: { cleaner: 'swinir' } },
      /"none" for networks\.cleaner but rec/,
    ],
    ['no network at all', { ...STAGE1, networks: { cleaner: 'none' } }, /none, and there is no stage 2 either/],
    ['an unknown task', { ...STAGE1, tasks: { video: {} } }, /unknown key tasks\.video/],
    ['a task that is none', { ...STAGE1, tasks: { face: 1 } }, /an object for tasks\.face/],
    ['a network that tasks do not change', { ...BOTH_STAGES, tasks: { face: { unet: cleaner } } }, /tasks\.face\.unet/],
    [
      'a bad network of a task',
      { ...STAGE1, tasks: { face: { cleaner: { file: '../x' } } } },
      /tasks\.face\.cleaner\.file/,
    ],
    [
      'a task without stage 2 but its network',
      { ...STAGE1, tasks: { face: { controlnet: { file: 'x' } } } },
      /a part of stage 2/,
    ],
    [
      'a wrong default of a task',
      { ...STAGE1, tasks: { face: { defaults: { steps: 0 } } } },
      /tasks\.face\.defaults\.steps/,
    ],
    [
      'an unknown cleaner',
      { ...STAGE1, networks: { cleaner: { ...cleaner, type: 'gan' } } },
      /"swinir" or "rrdbnet" or "srvgg" or "scunet" for networks\.cleaner\.type/,
    ],
    [
      'an unknown key',
      { ...STAGE1, networks: { cleaner: { ...cleaner, flie: 1 } } },
      /unknown key networks\.cleaner\.flie\. Did you mean networks\.cleaner\.file/,
    ],
    [
      'a part of stage 2',
      { ...BOTH_STAGES, networks: { cleaner, vae: { file: 'x' } } },
      /: networks\.unet, networks\.controlnet missing/,
    ],
    ['no schedule', { ...BOTH_STAGES, schedule: undefined }, /for schedule but it is missing/],
    [
      'a wrong schedule',
      { ...BOTH_STAGES, schedule: { ...BOTH_STAGES.schedule, timesteps: 0 } },
      /for schedule\.timesteps but received 0/,
    ],
    ['a wrong size', { ...BOTH_STAGES, minShortEdge: 513 }, /from 1 to 512 for minShortEdge but received 513/],
    ['a wrong default', { ...STAGE1, defaults: { steps: 0 } }, /for defaults\.steps but received 0/],
    ['a default that is none', { ...STAGE1, defaults: { logger: {} } }, /Unknown option defaults\.logger/],
    [
      'a configuration list',
      { ...STAGE1, networks: { cleaner: { ...cleaner, config: [] } } },
      /for networks\.cleaner\.config/,
    ],
  ])('refuses %s', async (_, manifest, reason) => {
    expect((await refusal(manifest)).message).toMatch(reason);
  });

  it.each(['/etc/passwd', '../weights', 'a/../../b', 'C:\\weights', 'a\\b', '', './a', 'a//b', 'a\0b'])(
    'refuses the path %j',
    async (file) => {
      const error = await refusal({ ...STAGE1, networks: { cleaner: { ...cleaner, file } } });
      expect(error.message).toMatch(/a relative path inside the model folder for networks\.cleaner\.file/);
    },
  );

  it('refuses objects that are no data', async () => {
    const cyclic: Record<string, unknown> = { root: '.', ...STAGE1 };
    cyclic.self = cyclic;
    await expect(readManifest(cyclic as unknown as ModelSource)).rejects.toBeInstanceOf(ManifestError);
    await expect(readManifest({ ...STAGE1 } as ModelSource)).rejects.toThrow(/root/);
  });
});

describe('modelSpec', () => {
  const entry = ([name, axes]: readonly [string, number]): TensorEntry => {
    const shape = new Array(axes).fill(1);
    return { name, dtype: 'float32', shape, strides: shape, offset: 0, end: 4 };
  };
  const reader = (names: readonly string[], axes: Record<string, number> = {}) => {
    const opened: string[] = [];
    const read = async (file: string) => {
      opened.push(path.basename(file));
      const keys = [...names.map((name) => [name, 0] as const), ...Object.entries(axes)];
      return { file, fileSize: 1, tensors: keys.map(entry) };
    };
    return { opened, read };
  };

  it('finds the keys of official files, opens each file once, and shares it between encoder and decoder', async () => {
    const { opened, read } = reader([
      'model.diffusion_model.out.0.weight',
      'first_stage_model.quant_conv.weight',
      'cond_stage_model.model.token_embedding.weight',
    ]);
    const spec = await modelSpec(await readManifest(modelFolder()), { stage: 2, threads: 3 }, read);
    expect(opened).toEqual(['weights.safetensors']);
    expect(spec.threads).toBe(3);
    const { vaeEncoder, vaeDecoder, textEncoder, unet, controlnet, latentScaleFactor } = spec.stage2 ?? expect.fail();
    expect(
      [vaeEncoder, vaeDecoder, textEncoder, unet, controlnet].map((network) => [network?.type, network?.prefix]),
    ).toEqual([
      ['vae_encoder', 'first_stage_model.'],
      ['vae_decoder', 'first_stage_model.'],
      ['clip_text', 'cond_stage_model.model.'],
      ['unet', 'model.diffusion_model.'],
      ['controlnet', ''],
    ]);
    expect(latentScaleFactor).toBe(0.18215);
  });

  it('takes bare keys and explicit prefixes as they are', async () => {
    const manifest = {
      ...BOTH_STAGES,
      networks: { ...BOTH_STAGES.networks, vae: { file: 'weights.safetensors', prefix: 'vae.' } },
    };
    const { stage2 } = await modelSpec(
      await readManifest(modelFolder(manifest)),
      { stage: 2, threads: 1 },
      reader(['out.0.weight']).read,
    );
    expect([stage2?.unet.prefix, stage2?.vaeEncoder.prefix]).toEqual(['', 'vae.']);
  });

  it('opens no file of stage 2 for stage 1', async () => {
    const { opened, read } = reader([]);
    const manifest = { ...BOTH_STAGES, networks: { ...BOTH_STAGES.networks, unet: { file: 'missing.ckpt' } } };
    const spec = await modelSpec(await readManifest(modelFolder(manifest)), { stage: 1, threads: 1 }, read);
    expect(spec.stage2).toBeNull();
    expect(opened.length).toBe(1);
  });

  it("flattens the reference's configuration to its numbers", async () => {
    const config = {
      num_heads: [4, 8],
      upsampler: 'nearest+conv',
      unshuffle: true,
      text_cfg: { heads: 4 },
      vision_cfg: { heads: 9 },
      attn: [],
    };
    const manifest = { ...STAGE1, networks: { cleaner: { ...cleaner, config } } };
    const spec = await modelSpec(await readManifest(modelFolder(manifest)), { stage: 1, threads: 1 }, reader([]).read);
    expect(spec.cleaner.config).toEqual({ num_heads: [4, 8], unshuffle: 1, heads: 4, attn: [] });
  });

  it('takes __proto__ in a configuration for a name', async () => {
    const config = JSON.parse('{"window_size": 8, "__proto__": [1, 2]}');
    const manifest = { ...STAGE1, networks: { cleaner: { ...cleaner, config } } };
    const spec = await modelSpec(await readManifest(modelFolder(manifest)), { stage: 1, threads: 1 }, reader([]).read);
    expect(Object.getPrototypeOf(spec.cleaner.config)).toBeNull();
    expect(Object.keys(spec.cleaner.config)).toEqual(['window_size', '__proto__']);
  });

  const untyped = { ...STAGE1, networks: { cleaner: { file: 'weights.safetensors' } } };
  const cleanerOf = async (manifest: unknown, axes: Record<string, number>) =>
    (await modelSpec(await readManifest(modelFolder(manifest)), { stage: 1, threads: 1 }, reader([], axes).read))
      .cleaner;

  it.each([
    ['swinir', { 'conv_first.1.weight': 4, 'layers.0.residual_group.blocks.0.attn.relative_position_bias_table': 2 }],
    ['rrdbnet', { 'conv_first.weight': 4, 'RRDB_trunk.0.RDB1.conv1.weight': 4, 'RRDB_trunk.0.RDB1.conv1.bias': 1 }],
    ['rrdbnet', { 'conv_first.weight': 4, 'body.0.rdb1.conv1.weight': 4 }],
    ['srvgg', { 'body.0.weight': 4, 'body.0.bias': 1, 'body.1.weight': 1, 'body.2.weight': 4 }],
    ['scunet', { 'm_head.0.weight': 4, 'm_body.0.conv1_1.weight': 4, 'm_tail.0.weight': 4 }],
  ])('finds by keys and shapes that a cleaner without type is %s', async (type, axes) => {
    expect((await cleanerOf(untyped, axes)).type).toBe(type);
    const behind = Object.fromEntries(Object.entries(axes).map(([key, count]) => [`net.${key}`, count]));
    const prefixed = { ...STAGE1, networks: { cleaner: { file: 'weights.safetensors', prefix: 'net.' } } };
    expect(await cleanerOf(prefixed, behind)).toMatchObject({ type, prefix: 'net.' });
  });

  it.each([
    ['other keys', { 'encoder.0.weight': 4 }, /it begins with encoder\.0\.weight\)/],
    ['a sequence without PReLU', { 'body.0.weight': 4, 'body.1.weight': 4 }, /body\.0\.weight, body\.1\.weight/],
    ['the keys behind a prefix that is not named', { 'net.m_head.0.weight': 4, 'net.m_tail.0.weight': 4 }, /prefix/],
    ['no tensors', {}, /begins with none/],
  ])('a cleaner without type and with %s is refused by file', async (_, axes, reason) => {
    const error = await cleanerOf(untyped, axes).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(ManifestError);
    expect(error.message).toMatch(/model\.json: networks\.cleaner has no type, and weights\.safetensors does not have/);
    expect(error.message).toMatch(/swinir, rrdbnet, srvgg, scunet/);
    expect(error.message).toMatch(reason);
  });

  it('believes the manifest where it gives a type', async () => {
    const manifest = { ...STAGE1, networks: { cleaner: { ...cleaner, type: 'scunet' } } };
    expect((await cleanerOf(manifest, { 'body.0.weight': 4, 'body.1.weight': 1 })).type).toBe('scunet');
  });

  it('has no tensors of stage 1 where its cleaner is none', async () => {
    const manifest = { ...BOTH_STAGES, networks: { ...BOTH_STAGES.networks, cleaner: 'none' } };
    const { opened, read } = reader(['first_stage_model.quant_conv.weight']);
    const spec = await modelSpec(await readManifest(modelFolder(manifest)), { stage: 2, threads: 1 }, read);
    expect(spec.cleaner).toMatchObject({ type: 'none', weights: { tensors: [] } });
    expect(spec.stage2?.vaeEncoder.weights.tensors.length).toBe(1);
    expect(opened).toEqual(['weights.safetensors']);
  });

  it('names a file that is not there', async () => {
    const manifest = { ...STAGE1, networks: { cleaner: { ...cleaner, file: 'sub/none.ckpt' } } };
    const loaded = await readManifest(modelFolder(manifest));
    await expect(modelSpec(loaded, { stage: 1, threads: 1 }, reader([]).read)).rejects.toMatchObject({
      code: 'DIFFBIR_MODEL_NOT_FOUND',
      message: expect.stringContaining('sub/none.ckpt'),
    });
  });

  it('does not follow symbolic links out of the folder', async () => {
    const manifest = { ...STAGE1, networks: { cleaner: { ...cleaner, file: 'link/weights' } } };
    const folder = modelFolder(manifest);
    const outside = path.join(folder, '..', 'outside');
    mkdirSync(outside);
    writeFileSync(path.join(outside, 'weights'), '');
    symlinkSync(outside, path.join(folder, 'link'));
    await expect(modelSpec(await readManifest(folder), { stage: 1, threads: 1 }, reader([]).read)).rejects.toThrow(
      /link\/weights leads out of the model folder/,
    );
  });
});
