import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { Layout } from '../../bench/full-size/layout';
import { SD21, unetLayout } from '../../bench/full-size/stableDiffusion';
import { writeTorchFile } from '../../bench/full-size/torchFile';
import { readCheckpoint } from '../../src/checkpoint/readCheckpoint';
import { type ModelSource, Restorer } from '../../src/index';
import { OPTIMIZATIONS, type Optimization } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import type { NativeNetwork } from '../../src/native/primitives';
import { temporaryFolder } from '../checkpoint/build';

const root = path.resolve(import.meta.dirname, '..', 'golden', 'ckpt');
const folder = temporaryFolder();
/** Bytes that the process has to itself. */
const anonymous = () => Number(/RssAnon:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** How many descriptors the process has of files of this name. */
function descriptors(name: string): number {
  const entries = readdirSync('/proc/self/fd').map((entry) => {
    try {
      return readlinkSync(`/proc/self/fd/${entry}`);
    } catch {
      return ''; // that of the listing itself
    }
  });
  return entries.filter((target) => target.endsWith(name)).length;
}

describe.skipIf(process.platform !== 'linux')('weights', () => {
  /** Networks stay until the end: one that is collected in the middle would count as memory gained. */
  const kept: NativeNetwork[] = [];
  /** What a UNet of 200 MB adds to the process, as a share of its file, when it is built with all optimizations but one. */
  const added = async (without?: Optimization) => {
    const layout = Layout.empty();
    unetLayout(layout, { ...SD21.unet, model_channels: 96 });
    const file = path.join(folder, 'unet.ckpt');
    writeTorchFile(file, layout.tensors, { dtype: 'float32', seed: 1 });
    const weights = await readCheckpoint(file);
    const { primitives } = loadBinding();
    collectGarbage(); // what writing the file has left would else count as memory gained
    const before = anonymous();
    const optimizations = OPTIMIZATIONS.filter((name) => name !== without);
    const spec = { type: 'unet', weights, prefix: '', config: { num_head_channels: 32 }, optimizations } as const;
    kept.push(primitives.createNetwork(spec, 1, []));
    expect(weights.fileSize).toBeGreaterThan(200e6);
    return (anonymous() - before) / weights.fileSize;
  };

  it('of a UNet are not copied when it is built', async () => {
    expect(await added()).toBeLessThan(0.2);
  });

  it('are copied where they are packed, and matrices where they are transposed', async () => {
    expect(await added('mappedWeights')).toBeGreaterThan(0.6);
    expect(await added('linear')).toBeGreaterThan(0.1);
  });

  it('are mapped once for all networks of a file, which is open as long as the model', async () => {
    const sd = { file: 'sd_b_zsnr_half.ckpt', config: { num_head_channels: 32, heads: 2, layers: 3 } };
    const model: ModelSource = {
      root,
      formatVersion: 1,
      name: 'golden',
      networks: {
        cleaner: { file: 'swinir_a.ckpt', config: { num_heads: [4, 8] } },
        ...{ vae: sd, textEncoder: sd, unet: sd },
        controlnet: { file: 'controlnet_b_half.pt', config: sd.config },
      },
      schedule: { parameterization: 'v', zeroSnr: true, linearStart: 0.00085, linearEnd: 0.012, timesteps: 1000 },
    };
    const restorer = await Restorer.create({ model, threads: 1 });
    const maps = readFileSync('/proc/self/maps', 'utf8').split('\n');
    const open = descriptors(sd.file);
    await restorer.dispose();
    expect(maps.filter((line) => line.endsWith(sd.file)).length).toBe(1);
    expect([open, descriptors(sd.file)]).toEqual([1, 0]);
  });
});
