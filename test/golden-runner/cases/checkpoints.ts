import path from 'node:path';
import { readTensors, type TensorData } from '../../../src/checkpoint/readTensor';
import { compareJson, failed, maxAbs } from '../compare';
import { sdKeys } from '../sdKeys';
import type { CaseResult, Context, GoldenEntry, Handler } from '../types';

const isCheckpoint = (entry: GoldenEntry) => entry.function.startsWith('torch.save');

/** Every checkpoint can be read to its last value; one that holds the same weights as another (same seed) equals it. */
const containers: Handler = {
  match: isCheckpoint,
  async run(entry, context) {
    const tensors = await readTensors(await context.weights(entry.file));
    const twin = context.manifest.files.find((other) => isCheckpoint(other) && sameWeights(other, entry));
    if (twin && twin !== entry) {
      return [
        compareTensors(`= ${path.basename(twin.file)}`, tensors, await readTensors(await context.weights(twin.file))),
      ];
    }
    const broken = [...tensors].find(
      ([, { data }]) => data.length > 0 && ![...data].every((x) => Number.isFinite(Number(x))),
    );
    if (broken) return [failed('', `tensor "${broken[0]}" has values that are not finite`)];
    return [{ name: '', status: 'pass', note: `${tensors.size} tensors` }];
  },
};

/** `X_expected.safetensors` says what the checkpoints whose names start with X hold. */
const expectations: Handler = {
  match: (entry) => entry.file.endsWith('_expected.safetensors'),
  async run(entry, context) {
    const base = entry.file.slice(0, -'_expected.safetensors'.length);
    const want = await readTensors(await context.weights(entry.file));
    const results: CaseResult[] = [];
    for (const { file } of context.manifest.files.filter(
      (other) => isCheckpoint(other) && other.file.startsWith(base),
    )) {
      const got = await readTensors(await context.weights(file));
      for (const name of new Set([...want.keys(), ...got.keys()])) {
        results.push(compareTensors(`${path.basename(file)} ${name}`, pick(got, name), pick(want, name)));
      }
    }
    return results;
  },
};

/** Which keys of an SD file the reference's loader left unused, and which it missed. */
const loaderReport: Handler = {
  match: (entry) => entry.function === 'ControlLDM.load_pretrained_sd',
  async run(entry, context) {
    const report = await context.json<Record<string, { unused: string[]; missing: string[] }>>(entry.file);
    const results: CaseResult[] = [];
    for (const [file, want] of Object.entries(report)) {
      const relative = path.posix.join(path.posix.dirname(entry.file), file);
      // A folder with fewer checkpoints than its report names is a valid one.
      if (!context.manifest.files.some((other) => other.file === relative)) continue;
      const { unused, missing } = await looseEnds(relative, context);
      results.push(compareJson(`${file} unused`, unused, [...want.unused].sort()));
      results.push(compareJson(`${file} missing`, missing, [...want.missing].sort()));
    }
    return results;
  },
};

async function looseEnds(file: string, context: Context): Promise<{ unused: string[]; missing: string[] }> {
  const config = await context.config(context.entry(file).configs?.[0] as string);
  const asked = new Set(sdKeys(config));
  const present = new Set((await context.weights(file)).tensors.map(({ name }) => name));
  return {
    unused: [...present].filter((key) => !asked.has(key)).sort(),
    missing: [...asked].filter((key) => !present.has(key)).sort(),
  };
}

function sameWeights(a: GoldenEntry, b: GoldenEntry): boolean {
  const identity = ({ params }: GoldenEntry) => JSON.stringify([params?.config, params?.seed, params?.dtype]);
  return a.params?.seed !== undefined && identity(a) === identity(b);
}

type Tensors = ReadonlyMap<string, TensorData>;

function pick(tensors: Tensors, name: string): Tensors {
  const found = tensors.get(name);
  return new Map(found ? [[name, found]] : []);
}

/** Same names in the same order, same types and shapes, same values to the bit. */
function compareTensors(name: string, got: Tensors, want: Tensors): CaseResult {
  const describe = (tensors: Tensors) => [...tensors].map(([key, { dtype, shape }]) => [key, dtype, shape]);
  const layout = compareJson(name, describe(got), describe(want));
  if (layout.status === 'fail') return layout;
  const error = Math.max(0, ...[...want].map(([key, { data }]) => maxAbs((got.get(key) as TensorData).data, data)));
  return { name, status: error === 0 ? 'pass' : 'fail', error, tolerance: 0, measure: 'exact' };
}

export const handlers: readonly Handler[] = [containers, expectations, loaderReport];
