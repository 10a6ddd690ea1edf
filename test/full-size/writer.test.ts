import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { CLEANERS, rrdbnetLayout, scunetLayout, swinirLayout } from '../../bench/full-size/cleaners';
import { Layout, type TensorPlan } from '../../bench/full-size/layout';
import { filesOf } from '../../bench/full-size/models';
import { controlnetLayout, SD21, textLayout, unetLayout, vaeLayout } from '../../bench/full-size/stableDiffusion';
import { type TorchFileOptions, writeTorchFile } from '../../bench/full-size/torchFile';
import { FileReader } from '../../src/checkpoint/fileReader';
import { readCheckpoint } from '../../src/checkpoint/readCheckpoint';
import { readTensors } from '../../src/checkpoint/readTensor';
import { dataOffset, readZipDirectory } from '../../src/checkpoint/zip';
import { elements, parametersOf } from '../../src/models/networks';
import { loadBinding } from '../../src/native/loadBinding';
import { temporaryFolder } from '../checkpoint/build';
import { sdKeys } from '../golden-runner/sdKeys';
import { planned } from './planned';

const folder = temporaryFolder();
let files = 0;

/** Writes a network to a new file. */
function written(fill: (layout: Layout) => void, options: Partial<TorchFileOptions> = {}): string {
  const layout = Layout.empty();
  fill(layout);
  const file = path.join(folder, `${files++}.ckpt`);
  writeTorchFile(file, layout.tensors, { dtype: 'float32', seed: 1, ...options });
  return file;
}

const SMALL = { ...SD21.unet, model_channels: 32, channel_mult: [1, 2], attention_resolutions: [2], context_dim: 48 };
const small = (layout: Layout) => unetLayout(layout, SMALL);

/** Every tensor of a file, as numbers. */
async function valuesOf(file: string): Promise<Map<string, ArrayLike<number | bigint>>> {
  const tensors = await readTensors(await readCheckpoint(file));
  return new Map([...tensors].map(([name, { data }]) => [name, data]));
}

/** Names and numbers in one word: comparing millions of numbers one by one takes long. */
function digest(values: ReadonlyMap<string, ArrayLike<number | bigint>>): string {
  const hash = createHash('sha256');
  for (const [name, data] of values) hash.update(name).update(data as Float32Array);
  return hash.digest('hex');
}

describe('the full-size models', () => {
  it.each([
    ['UNet', (layout: Layout) => unetLayout(layout, SD21.unet), 686, 865_910_724],
    ['ControlNet', (layout: Layout) => controlnetLayout(layout, SD21.unet), 324, 363_153_280],
    ['VAE', (layout: Layout) => vaeLayout(layout, SD21.vae), 248, 83_653_863],
    ['text encoder', (layout: Layout) => textLayout(layout, SD21.text), 294, 354_032_641],
    ['SwinIR', (layout: Layout) => swinirLayout(layout, CLEANERS.swinir), 732, 15_792_587],
    ['BSRNet', (layout: Layout) => rrdbnetLayout(layout, CLEANERS.rrdbnet), 702, 16_697_987],
    ['SCUNet', (layout: Layout) => scunetLayout(layout, CLEANERS.scunet), 540, 17_946_072],
  ])('%s: as many tensors and parameters as the official one (behaviour.md 5)', (_, fill, tensors, parameters) => {
    const network = planned('unet', fill);
    expect(network.weights.tensors.length).toBe(tensors);
    expect(parametersOf(network).reduce((sum, { shape }) => sum + elements(shape), 0)).toBe(parameters);
  });

  it('name the tensors of Stable Diffusion as the reference asks for them', () => {
    const manifest = readFileSync(path.resolve(import.meta.dirname, '../../models/v2.1/model.json'), 'utf8');
    const sd = filesOf(JSON.parse(manifest)).get('sd2.1-base-zsnr-laionaes5.ckpt');
    const config = { unet_cfg: SD21.unet, vae_cfg: { ddconfig: SD21.vae }, clip_cfg: { text_cfg: SD21.text } };
    expect(sd?.tensors.map(({ name }) => name).sort()).toEqual(sdKeys(config).sort());
    expect(sd?.wrapper).toBe('state_dict');
  });
});

describe('the writer', () => {
  it('lays storages at multiples of 64 bytes, with their checksums', async () => {
    const file = written(small);
    const bytes = readFileSync(file);
    await FileReader.with(file, async (reader) => {
      for (const entry of (await readZipDirectory(reader)).values()) {
        const at = await dataOffset(reader, entry);
        expect(at % 64).toBe(0);
        // The checksum stands behind the data: its signature, then the sum.
        expect(bytes.readUInt32LE(at + entry.size)).toBe(0x08074b50);
        expect(bytes.readUInt32LE(at + entry.size + 4)).toBe(crc32(bytes.subarray(at, at + entry.size)));
      }
    });
  });

  it('gives the same file for a seed, and the same numbers in zip64, in half precision and in a wrapper', async () => {
    const plain = written(small);
    expect(readFileSync(written(small)).equals(readFileSync(plain))).toBe(false); // the folder inside has another name
    const values = await valuesOf(plain);
    const expected = digest(values);
    expect(digest(await valuesOf(written(small)))).toBe(expected);
    expect(digest(await valuesOf(written(small, { seed: 2 })))).not.toBe(expected);
    expect(digest(await valuesOf(written(small, { limit: 1_000_000 })))).toBe(expected);
    expect(digest(await valuesOf(written(small, { wrapper: 'state_dict' })))).toBe(expected);
    const halves = await valuesOf(written(small, { dtype: 'float16' }));
    let worst = 0;
    for (const [name, floats] of values) {
      const half = halves.get(name) as ArrayLike<number>;
      for (let i = 0; i < floats.length; i++) {
        const float = Number(floats[i]);
        // Eleven bits, down to the smallest normal number.
        worst = Math.max(worst, Math.abs((half[i] as number) - float) / Math.max(2 ** -11 * Math.abs(float), 2 ** -14));
      }
    }
    expect(worst).toBeLessThanOrEqual(1);
  });

  it('draws numbers of the mean and deviation that it is asked for', async () => {
    const plan: TensorPlan = { name: 'x', shape: [300, 400], mean: 3, spread: 0.5, exact: new Map([[7, 100]]) };
    const values = await valuesOf(written((layout) => layout.add(plan.name, plan.shape, plan)));
    const [x] = [...values.values()].map((data) => Float64Array.from(data as ArrayLike<number>));
    expect(x?.[7]).toBe(100);
    const drawn = (x as Float64Array).filter((_, i) => i !== 7);
    const mean = drawn.reduce((sum, value) => sum + value, 0) / drawn.length;
    const variance = drawn.reduce((sum, value) => sum + (value - mean) ** 2, 0) / drawn.length;
    expect(mean).toBeCloseTo(3, 2);
    expect(Math.sqrt(variance)).toBeCloseTo(0.5, 2);
  });

  it('makes a UNet whose prediction resembles its input', async () => {
    const weights = await readCheckpoint(written(small));
    const spec = { type: 'unet', weights, prefix: '', config: { num_head_channels: 32 } } as const;
    const unet = loadBinding().primitives.createNetwork(spec, 1, []);
    const random = (shape: number[]) => ({ shape, data: Float32Array.from({ length: elements(shape) }, noise) });
    const channels = [32, 32, 32, 32, 64, 64, 64];
    const controls = channels.map((c, i) => [`control_${i}`, random([1, c, ...(i < 3 ? [8, 8] : [4, 4])])]);
    const x = random([1, 4, 8, 8]);
    const inputs = { x, t: { shape: [1], data: Float32Array.of(500) }, context: random([1, 3, 48]) };
    const strength = { shape: [1], data: Float32Array.of(0) };
    const { out } = unet.run({ ...inputs, ...Object.fromEntries(controls), strength });
    expect(correlation(x.data, out?.data as Float32Array)).toBeGreaterThan(0.8);
  });
});

/** A sequence with a mean near 0 that does not repeat. */
function noise(_: unknown, i: number): number {
  return Math.sin(12.9898 * i) + Math.sin(0.7 * i * i);
}

function correlation(a: Float32Array, b: Float32Array): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] as number, b[i] as number];
    [ab, aa, bb] = [ab + x * y, aa + x * x, bb + y * y];
  }
  return ab / Math.sqrt(aa * bb);
}
