import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { RECIPES } from '../../../src/degradation/recipes';
import { resolveRecipe } from '../../../src/degradation/resolveRecipe';
import { cleanMetadata } from '../../../src/image/metadata';
import { type LoadedManifest, readManifest } from '../../../src/models/manifest';
import { modelSpec } from '../../../src/models/modelSpec';
import { forTask } from '../../../src/models/task';
import type { WeightTable } from '../../../src/native/binding';
import { TASKS } from '../../../src/options/choices';
import { resolveOptions } from '../../../src/options/resolve';
import { OPTION_NAMES } from '../../../src/options/table';
import { parseParameters, recordedOptions, runParameters, toJson } from '../../../src/parameters/runParameters';
import { parametersIn, withoutParameters, withParameters } from '../../../src/parameters/xmp';
import { demand, type Target } from '../target';

const WORDS = [
  ...[
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    '"',
    '""',
    '{"":',
    '[[[[[[[[',
    'null',
    'true',
    '-1',
    '0.5',
    '1e400',
    '1e-400',
    '-0',
  ],
  ...[
    '"\\u0000"',
    '"\\ud800"',
    '"__proto__":',
    '"constructor":',
    '"toString":',
    '9007199254740993',
    '"../x"',
    '"/etc"',
  ],
];

/** Whether anything but plain members of its own is in a value. */
export function demandPlain(value: unknown, what: string): void {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
  const prototype = Object.getPrototypeOf(value);
  const plain = prototype === null || prototype === Object.prototype || prototype === Array.prototype;
  demand(plain, `${what} has a prototype of its own`);
  for (const [key, member] of Object.entries(value)) demandPlain(member, `${what}.${key}`);
}

const network = { file: 'w.pth', config: { num_heads: [6, 6], window_size: 8, ddconfig: { ch: 64, double_z: true } } };
const stage1 = { formatVersion: 1, name: 'm', networks: { cleaner: { type: 'swinir', ...network } } };
const schedule = { parameterization: 'v', zeroSnr: true, linearStart: 0.00085, linearEnd: 0.012, timesteps: 1000 };
const full = {
  ...stage1,
  ...{ description: 'd', license: 'MIT', latentScaleFactor: 0.18, minShortEdge: 64, schedule },
  networks: {
    cleaner: network,
    vae: network,
    textEncoder: network,
    unet: { ...network, prefix: 'u.' },
    controlnet: network,
  },
  defaults: { steps: 5, cfgScale: 2, guidance: { scale: 1 } },
  tasks: {
    denoise: { cleaner: 'none' },
    face: {},
    unaligned_face: { face: { cleaner: network, detector: network, parser: network } },
  },
};

let folder: string | undefined;

/** One folder for all cases of a process: what is in it is what a stranger's model folder would have. */
function manifestFolder(): string {
  if (!folder) {
    folder = mkdtempSync(path.join(tmpdir(), 'diffbir-fuzz-model-'));
    writeFileSync(path.join(folder, 'w.pth'), '');
  }
  return folder;
}

const table = async (file: string): Promise<WeightTable> => ({
  file,
  fileSize: 0,
  tensors: [
    { name: 'm_head.0.weight', dtype: 'float32', shape: [1, 1, 1, 1], strides: [1, 1, 1, 1], offset: 0, end: 0 },
  ],
});

async function checkLoaded(loaded: LoadedManifest): Promise<void> {
  for (const task of TASKS.filter((name) => name === 'sr' || loaded.manifest.tasks?.[name])) {
    const own = forTask(loaded, task);
    resolveOptions(own.manifest.defaults ?? {});
    const spec = await modelSpec(own, { stage: 2, threads: 1 }, table);
    demandPlain(spec, 'spec');
    demand(spec.cleaner.weights.file.startsWith(manifestFolder()), 'a file lies outside of its folder');
  }
}

export const manifestTarget: Target = {
  name: 'manifest',
  share: 12,
  codes: ['DIFFBIR_INVALID_MANIFEST', 'DIFFBIR_MODEL_NOT_FOUND'],
  dictionary: [
    ...WORDS,
    '"networks":',
    '"config":',
    '"defaults":',
    '"tasks":',
    '"file":',
    '"prefix":',
    '"none"',
    '"steps":',
  ],
  corpus: async () => [stage1, full].map((manifest) => Buffer.from(JSON.stringify(manifest))),
  async run(data) {
    writeFileSync(path.join(manifestFolder(), 'model.json'), data);
    await checkLoaded(await readManifest(manifestFolder()));
    return true;
  },
};

const packet = (text: string) => withParameters(undefined, text);
const parameters = () =>
  toJson(runParameters({ name: 'model & <more>', task: 'sr' }, resolveOptions({ seed: 2n ** 63n }), 2) as never);

export const parametersTarget: Target = {
  name: 'parameters',
  share: 30,
  codes: ['DIFFBIR_INVALID_IMAGE'],
  dictionary: [
    ...WORDS,
    ...['<diffbir:parameters>', '</diffbir:parameters>', '</rdf:RDF>', '&amp;', '&#x', '&#1114112;', '&', ';'],
    ...['tiff:Orientation="8"', 'tiff:Orientation>', ' = ', '"seed":"18446744073709551616"', '"options":{'],
    ...OPTION_NAMES.map((name) => `"${name}":`),
  ],
  corpus: async () => [packet(parameters()), packet('{}'), Buffer.from('<x:xmpmeta tiff:Orientation="6"/>')],
  generate: (_, mutate) => packet(mutate(Buffer.from(parameters())).toString()),
  run(data) {
    const kept = cleanMetadata({ xmp: data }).metadata.xmp as Buffer;
    demand(data.length > 4 << 20 || parametersIn(kept) === undefined, 'parameters of the input are kept');
    const written = parametersIn(withParameters(withoutParameters(data), '{"a":"<&>"}'));
    demand(written === '{"a":"<&>"}', `the packet gives back ${written}`);
    const text = parametersIn(data);
    if (text === undefined) return false;
    const found = parseParameters(text, 'fuzz.png');
    demandPlain(found, 'parameters');
    const known: readonly string[] = recordedOptions(2);
    demand(
      Object.keys(found.options).every((name) => known.includes(name)),
      'an option that nobody records',
    );
    resolveOptions(found.options);
    return true;
  },
};

export const recipeTarget: Target = {
  name: 'recipe',
  share: 15,
  codes: ['DIFFBIR_INVALID_OPTION'],
  dictionary: [
    ...WORDS,
    '"base":"medium"',
    '"base":"realesrgan"',
    '"noise":',
    '"jpeg":',
    '"blur":',
    '"sigma":[',
    '"passes":',
  ],
  corpus: async () =>
    Object.entries(RECIPES).map(([base, recipe]) => {
      const { kind: _, ...members } = recipe;
      return Buffer.from(JSON.stringify({ base, ...members }));
    }),
  run(data) {
    let value: unknown;
    try {
      value = JSON.parse(data.toString());
    } catch {
      return false;
    }
    demandPlain(resolveRecipe(value as never), 'recipe');
    return true;
  },
};
