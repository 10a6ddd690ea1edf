// Native code trusts no table of offsets: every entry is checked against its storage and the file before it is mapped.
import { copyFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readCheckpoint } from '../../src/checkpoint/readCheckpoint';
import type { TensorEntry, WeightTable } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import { sd21Widths } from './graphs';

const { primitives } = loadBinding();
const folder = mkdtempSync(path.join(tmpdir(), 'diffbir-weights-'));
const file = path.join(folder, 'weights.bin');
writeFileSync(file, new Uint8Array(64));
afterAll(() => rmSync(folder, { recursive: true }));

const entry: TensorEntry = { name: 'w', dtype: 'float32', shape: [2, 2], strides: [2, 1], offset: 16, end: 32 };

function refusal(tensor: Partial<TensorEntry>, table: Partial<WeightTable> = {}) {
  const weights = { file, fileSize: 64, tensors: [{ ...entry, ...tensor }], ...table };
  return () => primitives.createNetwork({ type: 'swinir', weights, prefix: '', config: {} }, 1, ['out']);
}

const invalid = (message: string) =>
  expect.objectContaining({ code: 'DIFFBIR_INVALID_CHECKPOINT', message: expect.stringContaining(message) });

test.each([
  ['starts behind its storage', { offset: 36 }],
  ['is larger than its storage', { shape: [2, 3] }],
  ['strides out of its storage', { strides: [4, 1] }],
  ['overflows when its extent is computed', { shape: [2 ** 40, 2 ** 40], strides: [2 ** 40, 1] }],
  ['overflows in bytes', { shape: [2], strides: [Number.MAX_SAFE_INTEGER] }],
  ['lies in a storage behind the file', { end: 65 }],
  ['has fewer strides than sizes', { strides: [1] }],
])('refuses a tensor that %s', (_, tensor) => {
  expect(refusal(tensor)).toThrow(invalid(`tensor 'w' of '${file}'`));
});

test('refuses a name that appears twice', () => {
  expect(refusal({}, { tensors: [entry, entry] })).toThrow(invalid('twice'));
});

test('refuses a file that has changed its size', () => {
  expect(refusal({}, { fileSize: 63 })).toThrow(invalid(`'${file}' has changed`));
});

test('names a file that cannot be mapped, and why', () => {
  const missing = path.join(folder, 'missing');
  expect(refusal({}, { file: missing })).toThrow(invalid(`'${missing}': No such file`));
  expect(refusal({}, { file: folder })).toThrow(invalid(`'${folder}'`));
});

// Windows lets nobody write to a file that is mapped.
test.skipIf(process.platform === 'win32')(
  'refuses to convert weights of a file that was cut in the meantime',
  async () => {
    const cut = path.join(folder, 'sd.ckpt');
    copyFileSync(path.join(import.meta.dirname, '..', 'golden', 'ckpt', 'sd_b_zsnr_half.ckpt'), cut);
    const vae = { weights: await readCheckpoint(cut), prefix: 'first_stage_model.', config: {} };
    const autoencoder = primitives.createAutoencoder(
      { ...vae, type: 'vae_encoder' },
      { ...vae, type: 'vae_decoder' },
      1,
    );
    truncateSync(cut, 1000);
    const tensor = (...shape: number[]) => ({ shape, data: new Float32Array(shape.reduce((a, b) => a * b)) });
    // Its network is built at the first call.
    expect(() => autoencoder.gradient(tensor(1, 4, 8, 8), tensor(1, 3, 64, 64), tensor(1, 1, 1, 1))).toThrow(
      invalid(`'${cut}' has become shorter`),
    );
  },
);

test.each([
  ['packed into 8 bits', { precision: 'int8' }],
  [
    'converted to float16, turned for a GPU',
    { precision: 'float16', optimizations: [...primitives.optimizationsFor('cuda'), 'definitions'] },
  ],
] as const)('weights %s on many threads are those of one', async (_, changes) => {
  // Wide enough for several threads. Networks that share a file share what was packed.
  const run = async (threads: number) => {
    const { spec, inputs } = await sd21Widths();
    return primitives.createNetwork({ ...spec, ...changes }, threads, []).run(inputs);
  };
  expect(await run(5)).toEqual(await run(1));
});
