// Restoration guidance and fidelity as a job runs them, with the small golden networks.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ModelSpec, NativeModel, NativeTensor, RestoreJob } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import { goldenSpec, jobOf } from '../lifecycle/model';

const { createModel } = loadBinding();
const SIZE = 512;
let model: NativeModel;

beforeAll(async () => {
  const spec = await goldenSpec({ stage: 2 });
  // Without stage 1, whose small network makes a texture of everything.
  const cleaner = { ...spec.cleaner, type: 'none' } as unknown as ModelSpec['cleaner'];
  model = await createModel({ ...spec, cleaner, threads: 2 }, () => {}).promise;
});
afterAll(() => model.dispose());

type Changes = Partial<Omit<RestoreJob, 'guidance'>> & { readonly guidance?: Partial<RestoreJob['guidance']> };

async function run({ guidance, ...changes }: Changes) {
  const job = { ...jobOf({ stage: 2, steps: 2 }), image: halves(), trace: true, ...changes };
  const { trace } = await model.restore({ ...job, guidance: { ...job.guidance, ...guidance } }, () => {}).promise;
  const named = (name: string) => trace[name] as NativeTensor;
  return {
    latent: named('final_latent'),
    target: named('c_img'),
    picture: named('decoded01'),
    cond: named('cond_img'),
  };
}

/** The left half flat, the right half full of edges. */
function halves(): RestoreJob['image'] {
  const data = Uint8Array.from({ length: SIZE * SIZE * 3 }, (_, i) => {
    const x = Math.floor(i / 3) % SIZE;
    return x < SIZE / 2 ? 120 : x % 4 < 2 ? 40 : 210;
  });
  return { width: SIZE, height: SIZE, data };
}

const TILES = {
  cleaner: { tile: 0, stride: 1 },
  encoder: 0,
  decoder: 0,
  diffusion: { tile: 320, stride: 192 },
  batch: 1,
  encoderAtOnce: true,
  decoderAtOnce: true,
};

describe.each([
  ['untiled', {}],
  ['diffusion tiles', { tiling: TILES }],
] as const)('%s', (_, tiling) => {
  let free: Awaited<ReturnType<typeof run>>;
  beforeAll(async () => {
    free = await run(tiling);
  });

  test('latent guidance ends nearer to the stage-1 latent, weighted guidance where the picture is flat', async () => {
    // By a fifth of the way, times what the sampler multiplies the gradient by.
    const guidance = { scale: (0.2 * 4 * (SIZE / 8) ** 2) / 6000 };
    const all = await run({ ...tiling, guidance });
    const flat = await run({ ...tiling, guidance: { ...guidance, loss: 'w_mse' } });
    const left = (result: typeof free, half: Half) =>
      rms(result.latent, result.target, half) / rms(free.latent, free.target, half);
    expect(left(all, 'left')).toBeLessThan(0.9);
    expect(left(all, 'right')).toBeLessThan(0.9);
    expect(left(flat, 'left')).toBeLessThan(0.9);
    expect(left(flat, 'right')).toBeGreaterThan(0.95);
  });

  test('rgb guidance ends nearer to the stage-1 picture, weighted guidance where it is flat', async () => {
    // At the last step alone, where gradient steps are not multiplied: each goes downhill.
    const guidance = { space: 'rgb', scale: 60, start: 500, repeat: 2 } as const;
    const all = await run({ ...tiling, guidance });
    const flat = await run({ ...tiling, guidance: { ...guidance, loss: 'w_mse' } });
    const left = (result: typeof free, half?: Half) =>
      rms(result.picture, result.cond, half) / rms(free.picture, free.cond, half);
    expect(left(all)).toBeLessThan(0.98);
    expect(left(flat, 'left')).toBeLessThan(0.85);
    expect(left(flat, 'right')).toBeGreaterThan(0.95);
  }, 180_000);

  test('fidelity: the nearer to 1, the nearer to the stage-1 latent', async () => {
    const distances = [rms(free.latent, free.target)];
    for (const fidelity of [0.4, 0.8, 1]) {
      const { latent, target } = await run({ ...tiling, fidelity });
      distances.push(rms(latent, target));
    }
    for (const i of [1, 2, 3]) expect(distances[i]).toBeLessThan(0.95 * (distances[i - 1] as number));
    expect(distances[3]).toBe(0);
  });
});

test('a job in rgb guidance can be stopped', async () => {
  const job = jobOf({ stage: 2, steps: 100 });
  const guidance = { ...job.guidance, space: 'rgb', scale: 1, repeat: 100 } as const;
  const begin = performance.now();
  const task = model.restore({ ...job, guidance }, ({ stage }) => {
    if (stage === 'encode') setTimeout(() => task.cancel(), 1500);
  });
  await expect(task.promise).rejects.toMatchObject({ code: 'DIFFBIR_ABORTED' });
  expect(performance.now() - begin).toBeLessThan(30_000);
});

type Half = 'left' | 'right';

/** Over the picture, or a half of it. */
function rms(a: NativeTensor, b: NativeTensor, half?: Half): number {
  const width = a.shape[3] as number;
  let [sum, count] = [0, 0];
  a.data.forEach((value, i) => {
    if (half && (i % width < width / 2 ? 'left' : 'right') !== half) return;
    sum += (value - (b.data[i] as number)) ** 2;
    count++;
  });
  return Math.sqrt(sum / count);
}
