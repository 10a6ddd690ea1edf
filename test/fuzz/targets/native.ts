import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readCheckpoint } from '../../../src/checkpoint/readCheckpoint';
import { ITEM_SIZE } from '../../../src/checkpoint/tensorEntry';
import { CheckpointError, fromNative } from '../../../src/errors';
import type { DType, NetworkSpec, TensorEntry } from '../../../src/native/binding';
import { loadBinding } from '../../../src/native/loadBinding';
import { safetensors } from '../../checkpoint/containers';
import { Script } from '../hostileValues';
import { demand, type Target, Violation } from '../target';

const golden = (name: string) => path.resolve(import.meta.dirname, '../../golden/ckpt', name);

/** A safetensors file of float32 with these shapes, and values that are all different. */
function smallFile(name: string, shapes: Readonly<Record<string, readonly number[]>>): string {
  const header: Record<string, unknown> = {};
  let at = 0;
  for (const [key, shape] of Object.entries(shapes)) {
    const end = at + 4 * shape.reduce((product, size) => product * size, 1);
    header[key] = { dtype: 'F32', shape, data_offsets: [at, end] };
    at = end;
  }
  const values = Float32Array.from({ length: at / 4 }, (_, i) => Math.sin(i) / 10);
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'diffbir-fuzz-native-')), name);
  writeFileSync(file, safetensors(header, Buffer.from(values.buffer)));
  return file;
}

const SRVGG = {
  'body.0.weight': [4, 3, 3, 3],
  'body.1.weight': [4],
  'body.2.weight': [12, 4, 3, 3],
  'body.2.bias': [12],
};

type Base = Omit<NetworkSpec, 'weights'> & { readonly file: string };

/** Networks that are built in little time. */
const bases = (): readonly Base[] => [
  ...Array<Base>(6).fill({ type: 'srvgg', file: smallFile('srvgg.safetensors', SRVGG), prefix: '', config: {} }),
  { type: 'rrdbnet', file: golden('bsrnet_a.pth'), prefix: '', config: {} },
  { type: 'swinir', file: golden('swinir_a.ckpt'), prefix: '', config: { num_heads: [4, 8], window_size: 8 } },
  ...(['unet', 'vae_encoder', 'vae_decoder', 'clip_text'] as const).map((type) => ({
    ...{ type, file: golden('sd_b_zsnr_half.ckpt'), config: { num_head_channels: 32, heads: 2, layers: 3 } },
    prefix:
      { unet: 'model.diffusion_model.', clip_text: 'cond_stage_model.model.' }[type as 'unet'] ?? 'first_stage_model.',
  })),
];

let specs: Promise<readonly NetworkSpec[]> | undefined;

async function readSpecs(): Promise<readonly NetworkSpec[]> {
  const read = bases().map(async ({ file, ...spec }) => ({ ...spec, weights: await readCheckpoint(file) }));
  return Promise.all(read);
}

const NUMBERS = [0, 1, 2, 3, 4, 7, 8, 12, 64, 255, 4096, 65536, 2 ** 20, 2 ** 31, 2 ** 32, 2 ** 40, 2 ** 53 - 1];
/** What no reader gives, and the door must refuse. */
const NO_NUMBERS = [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, -(2 ** 53), 2 ** 53, 1e300];

function number(script: Script): number {
  return script.byte() > 230
    ? script.pick(NO_NUMBERS)
    : script.byte() > 127
      ? script.pick(NUMBERS)
      : script.byte() % 16;
}

/** An entry with one or two of its numbers changed, as a reader that is wrong would give it. */
function changedEntry(script: Script, entry: TensorEntry): TensorEntry {
  const list = (values: readonly number[]) => {
    const changed = [...values];
    const at = script.byte() % (changed.length + 1);
    if (script.byte() > 200) changed.splice(at, 1);
    else changed[at] = number(script);
    return changed;
  };
  const changes: readonly (() => Partial<TensorEntry>)[] = [
    () => ({ offset: script.byte() > 127 ? number(script) : entry.offset + number(script) }),
    () => ({ end: script.byte() > 127 ? number(script) : entry.end + number(script) }),
    () => ({ shape: list(entry.shape) }),
    () => ({ strides: list(entry.strides) }),
    () => ({ shape: [...entry.shape].reverse() }),
    () => ({ shape: entry.shape.map(() => 0) }),
    () => ({ shape: [1, ...entry.shape], strides: [1, ...entry.strides] }),
    () => ({ dtype: script.pick(Object.keys(ITEM_SIZE)) as DType }),
    () => ({ name: `${entry.name}${script.pick(['', '\0', '.', '\ud800', 'x'.repeat(9999)])}` }),
  ];
  return { ...entry, ...script.pick(changes)() };
}

function changedSpec(script: Script, spec: NetworkSpec): NetworkSpec {
  const tensors = [...spec.weights.tensors];
  for (let left = script.byte() % 3; left > 0; left--) {
    const at = script.pick(tensors.map((_, i) => i));
    tensors[at] = changedEntry(script, tensors[at] as TensorEntry);
    if (script.byte() > 240) tensors.splice(at, 1);
  }
  const config: Record<string, number | readonly number[]> = { ...spec.config };
  for (let left = script.byte() % 3; left > 0; left--) {
    const name = script.pick([...Object.keys(config), 'norm_num_groups']);
    config[name] = script.byte() > 200 ? [number(script), number(script)] : number(script);
  }
  const prefix = script.byte() > 245 ? script.pick(['', 'x', '\0']) : spec.prefix;
  return { ...spec, prefix, config, weights: { ...spec.weights, tensors } };
}

let runs = 0;

/** Networks of earlier cases go with the garbage, which V8 takes for small, and in a turn of the event loop. */
async function freeNetworks(): Promise<void> {
  if (runs++ % 16 !== 0) return;
  globalThis.gc?.();
  await new Promise(setImmediate);
}

/** What no reader gives is an internal error, at the door, by its name. */
function typed(error: unknown): Error {
  const { message } = error as Error;
  return /^Expected .* for spec\b/s.test(message) ? new CheckpointError('', message) : fromNative(error);
}

/** Tables of tensors and configurations whose numbers are wrong, as native code gets them. */
export const nativeTarget: Target = {
  name: 'native',
  share: 0.5,
  // Layers that do not fit each other come in ONNX Runtime's own words.
  codes: ['DIFFBIR_INVALID_CHECKPOINT', 'DIFFBIR_MODEL_MISMATCH', 'DIFFBIR_RUNTIME_FAILED'],
  dictionary: [],
  corpus: async () => Array.from({ length: 12 }, (_, i) => Buffer.from([0, i])),
  generate: (random) => random.bytes(64),
  async run(data) {
    await freeNetworks();
    const { primitives } = loadBinding();
    specs ??= readSpecs();
    const script = new Script(data);
    const spec = changedSpec(script, script.pick(await specs));
    try {
      const network = primitives.createNetwork(spec, 1, []);
      if (spec.type !== 'srvgg') return true;
      const { out } = network.run({ x: { shape: [1, 3, 8, 8], data: new Float32Array(3 * 64).fill(0.5) } });
      demand(
        out?.data.length === out?.shape.reduce((product, size) => product * size, 1),
        'an output of another shape',
      );
      return true;
    } catch (error) {
      throw error instanceof Violation ? error : typed(error);
    }
  },
};
