import { readFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { type CleanerType, detectCleanerType } from '../../../src/models/cleanerType';
import type { ModelSource } from '../../../src/models/manifest';
import type { NativeImage, NativeTensor, ScheduleSpec, WeightTable } from '../../../src/native/binding';
import { resolveOptions } from '../../../src/options/resolve';
import { Restorer } from '../../../src/restorer';
import { compareJson, failed, skipped } from '../compare';
import { SD_PREFIX } from '../networks';
import { type ReferenceArgs, referenceArgs } from '../referenceArgs';
import { drawNoise, drawsPerPicture } from '../referenceNoise';
import { scheduleConfig, scheduleOf } from '../schedules';
import { clipDraws, layerDraws, rrdbnetDraws, scunetDraws, swinirDraws } from '../torchInit';
import type { CaseResult, Context, Handler } from '../types';

/** "At most 1-2 levels from an exact port that reproduces torch's CPU random numbers." */
const LEVELS = 2;

/** Whole command lines of the reference, through the facade: its flags as options, its networks as a manifest. */
const commandLine: Handler = {
  match: ({ function: from }) => from.startsWith('inference.py'),
  async *run(entry, ctx) {
    const { note, runs } = await ctx.json<{ note: string; runs: readonly Recorded[] }>(entry.file);
    const folder = path.posix.dirname(entry.file);
    const networks = await findNetworks(note, ctx);
    const results = new Set(runs.flatMap(({ files }) => files));
    const inputs = ctx.manifest.files
      .filter(({ file }) => path.posix.dirname(file) === folder && file.endsWith('.png'))
      .map(({ file }) => path.posix.basename(file))
      .filter((file) => !results.has(file))
      .sort();
    for (const run of runs) yield* compareRun(run, { folder, inputs, networks, ctx });
  },
};

export const handlers: readonly Handler[] = [commandLine];

interface Recorded {
  readonly run: string;
  readonly argv: readonly string[];
  readonly ok: boolean;
  readonly files: readonly string[];
}

interface Place {
  readonly folder: string;
  readonly inputs: readonly string[];
  readonly networks: Networks;
  readonly ctx: Context;
}

async function* compareRun(recorded: Recorded, place: Place): AsyncGenerator<CaseResult> {
  const { folder, inputs, networks, ctx } = place;
  const args = referenceArgs(recorded.argv);
  const reason = whatIsMissing(recorded, args, inputs);
  if (reason) {
    yield skipped(recorded.run, reason);
    return;
  }
  const cleaner = cleanerOf(args);
  const schedule = await scheduleOf(ctx, scheduleConfig(args.version === 'v2.1' ? 'v2.1' : 'v1_v2'));
  const model = await modelOf(networks, cleaner, schedule, ctx);
  const input = await picture(ctx.path(`${folder}/${inputs[0]}`));
  const { primitives } = await ctx.binding();
  const noise = drawNoise(args, {
    primitives,
    schedule,
    shape: latentShape(input, args, cleaner),
    skipped: await initDraws(networks, cleaner, ctx),
  });
  const stem = path.posix.parse(inputs[0] as string).name;
  await using restorer = await Restorer.create({ model });
  for (let k = 0; k < args.samples; k++) {
    const name = `${recorded.run}.${stem}${args.samples > 1 ? `_${k}` : ''}.png`;
    if (!recorded.files.includes(name)) yield failed(name, 'the reference wrote no such file');
    else {
      const result = await restorer.restore(
        { ...input, channels: 3 },
        { ...args.options, noise: noise[k] as NativeTensor[] },
      );
      yield comparePictures(name, result, await picture(ctx.path(`${folder}/${name}`)));
    }
  }
  yield* comparePrompts(recorded, stem, args, ctx.path(folder));
}

function whatIsMissing({ ok }: Recorded, args: ReferenceArgs, inputs: readonly string[]): string | undefined {
  const { sampler = '', tiling = {} } = args.options;
  if (!ok) return 'the reference failed: nothing to compare with';
  if (inputs.length !== 1) return 'the noise of later pictures follows that of earlier ones';
  if (args.version === 'custom' || args.task === 'unaligned_face')
    return `${args.version} ${args.task} is not replayed`;
  if (args.others.includes('guidance')) return 'guidance crashes the reference';
  if (Object.values(tiling).some((size) => size !== 0)) return 'tiles: their latents have other sizes';
  if (/_sde/.test(sampler) && args.batchSize > 1) return 'several Brownian motions at once';
  return drawsPerPicture(sampler, args.options.steps as number) === undefined ? `draws of ${sampler}` : undefined;
}

/** The network of stage 1 by version and task (behaviour.md 1.3). */
function cleanerOf({ version, task }: ReferenceArgs): CleanerType {
  if (version !== 'v2' || task === 'face') return 'swinir';
  return task === 'sr' ? 'rrdbnet' : 'scunet';
}

/** The checkpoints that the note names, by what is in them, and the letter of their configurations. */
interface Networks {
  readonly sd: WeightTable & { readonly relative: string };
  readonly controlnet: WeightTable & { readonly relative: string };
  readonly cleaners: ReadonlyMap<CleanerType, WeightTable & { readonly relative: string }>;
  readonly letter: string;
}

async function findNetworks(note: string, ctx: Context): Promise<Networks> {
  const names = new Set([...note.matchAll(/([\w.-]+\.(?:ckpt|pth|pt))\b/g)].map(([, name]) => `ckpt/${name}`));
  const tables = await Promise.all(
    [...names].map(async (relative) => ({ ...(await ctx.weights(relative)), relative })),
  );
  const withKey = (key: string) => tables.find(({ tensors }) => tensors.some(({ name }) => name.startsWith(key)));
  const [sd, controlnet] = [withKey(SD_PREFIX.unet), withKey('zero_convs.')];
  const letter = /reduced configurations (\w+)/.exec(note)?.[1];
  if (!sd || !controlnet || !letter) throw new Error('the note of the command lines names no networks');
  const cleaners = tables.flatMap((table) => {
    const type = detectCleanerType(table.tensors);
    return type ? [[type, table] as const] : [];
  });
  return { sd, controlnet, cleaners: new Map(cleaners), letter };
}

function tableOf({ cleaners }: Networks, type: CleanerType) {
  const table = cleaners.get(type);
  if (!table) throw new Error(`the note of the command lines names no ${type}`);
  return table;
}

/** What a user would write into `model.json`. */
async function modelOf(
  networks: Networks,
  cleaner: CleanerType,
  schedule: ScheduleSpec,
  ctx: Context,
): Promise<ModelSource> {
  const { sd, controlnet, letter } = networks;
  const cldm = await ctx.config(`configs/cldm_${letter}.json`);
  return {
    root: ctx.path('.'),
    formatVersion: 1,
    name: 'golden',
    networks: {
      cleaner: {
        file: tableOf(networks, cleaner).relative,
        config: cleaner === 'swinir' ? await ctx.config(`configs/swinir_${letter}.json`) : {},
      },
      vae: { file: sd.relative, config: cldm.vae_cfg },
      textEncoder: { file: sd.relative, config: cldm.clip_cfg },
      unet: { file: sd.relative, config: cldm.unet_cfg },
      controlnet: { file: controlnet.relative, config: cldm.controlnet_cfg },
    },
    schedule,
    latentScaleFactor: cldm.latent_scale_factor,
  };
}

/** Numbers that the generator gives away between the seed and the first noise: the cleaner's, then those of ControlLDM. */
async function initDraws(
  { sd, controlnet, cleaners, letter }: Networks,
  cleaner: CleanerType,
  ctx: Context,
): Promise<number> {
  const { vision_cfg, embed_dim } = (await ctx.config(`configs/cldm_${letter}.json`)).clip_cfg;
  const part = (prefix: string) => sd.tensors.filter(({ name }) => name.startsWith(prefix));
  const ofCleaner = { swinir: swinirDraws, rrdbnet: rrdbnetDraws, scunet: scunetDraws, srvgg: layerDraws }[cleaner];
  return (
    ofCleaner(cleaners.get(cleaner)?.tensors ?? []) +
    layerDraws(part(SD_PREFIX.unet)) +
    layerDraws(part(SD_PREFIX.vae)) +
    clipDraws(part(SD_PREFIX.text), vision_cfg, embed_dim) +
    layerDraws(controlnet.tensors)
  );
}

/** Latents of one picture: at least 512 pixels a side, and whole multiples of 64 (behaviour.md 2.3, 2.4). */
function latentShape(
  { width, height }: NativeImage,
  { options: { upscale = 1 } }: ReferenceArgs,
  cleaner: CleanerType,
): number[] {
  const output = [height, width].map((side) => Math.trunc(side * upscale));
  const short = Math.min(...output);
  // A cleaner that enlarges fourfold is brought to 512 from its own size.
  const from = cleaner === 'rrdbnet' ? [4 * height, 4 * width] : output;
  const work = short < 512 ? from.map((side) => Math.trunc(side * (512 / Math.min(...from)))) : output;
  return [4, ...work.map((side) => Math.ceil(side / 64) * 8)];
}

function comparePictures(name: string, got: NativeImage, want: NativeImage): CaseResult {
  if (got.width !== want.width || got.height !== want.height) {
    return failed(name, `${got.width}x${got.height} instead of ${want.width}x${want.height}`);
  }
  const levels = want.data.map((value, i) => Math.abs((got.data[i] as number) - value));
  const error = levels.reduce((largest, value) => Math.max(largest, value), 0);
  const note = `${levels.filter((value) => value > 0).length} of ${levels.length} values differ`;
  return { name, status: error <= LEVELS ? 'pass' : 'fail', error, tolerance: LEVELS, note };
}

/** prompt.csv: the picture's name and its prompts, defaults included. */
async function* comparePrompts(
  { run, files }: Recorded,
  stem: string,
  { options }: ReferenceArgs,
  folder: string,
): AsyncGenerator<CaseResult> {
  const file = `${run}.prompt.csv`;
  if (!files.includes(file)) return;
  const { prompt, negativePrompt } = resolveOptions(options);
  const cell = (text: string) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const rows = ['file_name,pos_prompt,neg_prompt', [stem, prompt, negativePrompt].map(cell).join(',')];
  const want = (await readFile(path.join(folder, file), 'utf8')).trim().split(/\r?\n/);
  yield compareJson(file, rows, want);
}

async function picture(file: string): Promise<NativeImage> {
  const { data, info } = await sharp(file).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: new Uint8Array(data) };
}
