/** The task `unaligned_face` on a native binding of JavaScript: what runs, in which order, and what comes out. */
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspect } from '../../src/index';
import { readManifest } from '../../src/models/manifest';
import { modelSpec } from '../../src/models/modelSpec';
import { forTask } from '../../src/models/task';
import type { RestoreOptions } from '../../src/options/RestoreOptions';
import type { RestoreProgress } from '../../src/options/values';
import { runFake } from '../cli/runFake';
import { image } from '../image/pictures';
import {
  BOTH_STAGES,
  FACES,
  fakeFace,
  fakeNative,
  fakeRestorer,
  modelFolder,
  nativeError,
  temporaryFolder,
} from './fakes';

const raw = { data: new Uint8Array(40 * 30 * 3).fill(9), width: 40, height: 30, channels: 3 as const };

async function setUp(levels: readonly number[], options: RestoreOptions = {}) {
  const fake = fakeNative();
  fake.faces = levels.map((level) => fakeFace(level));
  const restorer = await fakeRestorer(fake, {
    model: modelFolder(FACES),
    task: 'unaligned_face',
    steps: 2,
    ...options,
  });
  return { fake, restorer };
}

describe('the task unaligned_face', () => {
  it('restores each face, then the picture, and pastes the faces', async () => {
    const { fake, restorer } = await setUp([100, 200]);
    const result = await restorer.restore(raw, { upscale: 2 });
    expect(fake.finds).toMatchObject([{ upscale: 2, mostFaces: 20, parity: false }]);
    expect(fake.jobs.map(({ isFace, upscale, image: { width, data } }) => [isFace, upscale, width, data[0]])).toEqual([
      [true, 1, 512, 100],
      [true, 1, 512, 200],
      [false, 2, 40, 9],
    ]);
    expect(fake.pastes).toMatchObject([{ size: { width: 80, height: 60 }, background: { width: 80 } }]);
    expect(fake.pastes[0]?.faces.map(({ aligned }) => aligned.data[0])).toEqual([100, 200]);
    expect(result.faces).toMatchObject([
      { box: { left: 1, top: 2, right: 3, bottom: 4 }, score: 0.9, landmarks: { nose: { x: 4, y: 5 } } },
      {},
    ]);
    expect(result.faces.map(({ cropped, restored }) => [cropped.data[0], restored.data[0]])).toEqual([
      [100, 100],
      [200, 200],
    ]);
    expect((await result.faces[0]?.restored.toBuffer('png'))?.subarray(1, 4).toString()).toBe('PNG');
    expect(result.background).toMatchObject({ width: 80, height: 60 });
    expect(result.times.map(({ stage }) => stage)).toEqual(['read', 'detect', 'stage1', 'stage1', 'stage1', 'paste']);
    expect(result.warnings).toEqual([]);
  });

  it('without a face gives the picture restored as a whole, with a warning', async () => {
    const { fake, restorer } = await setUp([]);
    const result = await restorer.restore(raw);
    expect(result.warnings).toEqual(['no face was found: the picture was restored as a whole']);
    expect([result.faces, fake.pastes, fake.jobs.length]).toEqual([[], [], 1]);
    expect(result.background?.data).toEqual(result.data);
  });

  it('restores no more than maxFaces, and says so', async () => {
    const { fake, restorer } = await setUp([1, 2, 3]);
    const result = await restorer.restore(raw, { maxFaces: 2 });
    expect(fake.jobs.map(({ isFace }) => isFace)).toEqual([true, true, false]);
    expect(result.warnings).toEqual(['3 faces were found: the 2 surest were restored by themselves (maxFaces is 2)']);
    expect(result.parameters?.options).toMatchObject({ maxFaces: 2 });
    await expect(restorer.restore(raw, { maxFaces: 101 })).rejects.toMatchObject({ option: 'maxFaces' });
  });

  it('other tasks find no faces and do not record maxFaces', async () => {
    const fake = fakeNative();
    const result = await (await fakeRestorer(fake)).restore(raw, { steps: 1 });
    expect([fake.finds, result.faces, result.background]).toEqual([[], [], undefined]);
    expect(result.parameters?.options).not.toHaveProperty('maxFaces');
  });

  it('makes samples of faces and background alike, of faces that were found once', async () => {
    const { fake, restorer } = await setUp([50]);
    const { samples } = await restorer.restore(raw, { samples: 3, seed: 7 });
    expect(fake.finds).toHaveLength(1);
    expect(fake.jobs.map(({ seed }) => Number(seed))).toEqual([8, 8, 9, 9, 7, 7]);
    expect(samples.map(({ seed, faces }) => [Number(seed), faces.length])).toEqual([
      [7, 1],
      [8, 1],
      [9, 1],
    ]);
  });

  it('asks the captioner about each face, and about the picture', async () => {
    const { fake, restorer } = await setUp([11, 22]);
    const seen: number[] = [];
    const captioner = ({ data, width }: { data: ArrayLike<number>; width: number }) => {
      seen.push(width);
      return 'x'.repeat(data[0] as number);
    };
    await restorer.restore(raw, { captioner, prompt: '', samples: 2 });
    expect(seen).toEqual([512, 512, 40]);
    // The fake's tokens are the length of the prompt.
    expect(fake.jobs.map(({ positiveTokens }) => positiveTokens[0])).toEqual([11, 22, 9, 11, 22, 9]);
  });

  it('reports a fraction that rises through all runs to 1', async () => {
    const { restorer } = await setUp([1, 2]);
    const progress: RestoreProgress[] = [];
    await restorer.restore(raw, { samples: 2, onProgress: (message) => progress.push(message) });
    const fractions = progress.map(({ fraction }) => fraction);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
    expect(new Set(progress.map(({ stage }) => stage))).toEqual(
      new Set(['detect', 'stage1', 'encode', 'sample', 'decode', 'finish', 'paste']),
    );
    expect(fractions.at(-1)).toBe(1);
    expect(fractions.filter((fraction) => fraction === 1)).toHaveLength(1);
  });

  it.each(['detect', 'sample', 'decode', 'paste'])('stops in %s when the signal fires', async (at) => {
    const { fake, restorer } = await setUp([1, 2]);
    const controller = new AbortController();
    const onProgress = ({ stage }: RestoreProgress) => {
      if (stage === at) controller.abort();
    };
    const runs = { detect: 0, sample: 1, decode: 1, paste: 3 }[at];
    await expect(restorer.restore(raw, { signal: controller.signal, onProgress })).rejects.toMatchObject({
      code: 'DIFFBIR_ABORTED',
    });
    expect(fake.jobs).toHaveLength(runs as number);
    expect((await restorer.restore(raw)).faces).toHaveLength(2);
  });

  it('passes on what native code throws, and works again', async () => {
    const { fake, restorer } = await setUp([1]);
    fake.failure = nativeError('DIFFBIR_NUMERIC', 'not finite');
    await expect(restorer.restore(raw)).rejects.toMatchObject({ code: 'DIFFBIR_NUMERIC' });
    expect((await restorer.restore(raw)).faces).toHaveLength(1);
  });

  it('takes no recorded noise', async () => {
    const { restorer } = await setUp([1]);
    const noise = [{ shape: [1], data: new Float32Array(1) }];
    await expect(restorer.restore(raw, { noise })).rejects.toMatchObject({ option: 'noise' });
  });

  it('bounds the pixels of the detector by memoryBudget, and leaves them alone for parity', async () => {
    const { fake, restorer } = await setUp([1], { stage: 1 });
    await restorer.restore(raw, { memoryBudget: 4096 });
    await restorer.restore(raw, { memoryBudget: 8192 });
    await restorer.restore(raw, { parity: true });
    const [small, large, all] = fake.finds.map(({ mostPixels }) => mostPixels) as [number, number, number];
    expect(small).toBeGreaterThan(640 * 640);
    expect(large / small).toBeCloseTo(2, 1);
    expect(all).toBe(Number.MAX_SAFE_INTEGER);
    fake.searched = { width: 20, height: 15 };
    expect((await restorer.restore(raw)).warnings).toEqual([
      'faces were looked for at 20 x 15 pixels, as memoryBudget allows: small ones may be missed',
    ]);
    await expect(restorer.restore(raw, { memoryBudget: 64 })).rejects.toMatchObject({ option: 'memoryBudget' });
  });
});

it('refuses a picture that parity would enlarge beyond limitWorkPixels for the detector', async () => {
  const { restorer } = await setUp([], { stage: 1 });
  const thin = { data: new Uint8Array(3 * 65_000), width: 1, height: 65_000, channels: 3 as const };
  const limits = { limitWorkPixels: 20_000_000, memoryBudget: 2 ** 20 };
  await expect(restorer.restore(thin, { ...limits, parity: true })).rejects.toMatchObject({
    code: 'DIFFBIR_IMAGE_TOO_LARGE',
  });
  await restorer.restore(thin, limits);
});

describe('the manifest', () => {
  it.each(['v2', 'v2.1'])('of the official %s names the face networks', async (version) => {
    const file = path.join('models', version);
    const { face } = forTask(await readManifest(file), 'unaligned_face');
    expect(face).toMatchObject({
      cleaner: { type: 'swinir', file: 'face_swinir_v1.ckpt' },
      detector: { file: 'detection_Resnet50_Final.pth' },
      parser: { file: 'parsing_parsenet.pth' },
    });
  });

  it.each([path.join('models', 'v1'), path.join('models', 'tiny')])('of %s has none', async (model) => {
    const refused = (async () => forTask(await readManifest(model), 'unaligned_face'))();
    await expect(refused).rejects.toMatchObject({
      option: 'task',
      message: expect.stringContaining('lacks tasks.unaligned_face.face with cleaner, detector and parser'),
    });
  });

  it.each([
    [{}, 'expected an object for tasks.unaligned_face.face but it is missing'],
    [{ face: {} }, 'expected an object for tasks.unaligned_face.face.cleaner but it is missing'],
    [{ face: { ...face(), cleaner: 'none' } }, 'expected an object for tasks.unaligned_face.face.cleaner but received'],
    [
      { face: { ...face(), parser: undefined } },
      'expected an object for tasks.unaligned_face.face.parser but it is missing',
    ],
    [{ face: { ...face(), detector: { file: '../a.pth' } } }, 'tasks.unaligned_face.face.detector.file'],
    [{ face: { ...face(), detectr: {} } }, 'Did you mean tasks.unaligned_face.face.detector?'],
    [{ face: face(), upscaler: {} }, 'unknown key tasks.unaligned_face.upscaler'],
  ])('refuses %j', async (entry, message) => {
    const manifest = { ...BOTH_STAGES, tasks: { unaligned_face: entry } };
    await expect(readManifest(modelFolder(manifest))).rejects.toMatchObject({
      code: 'DIFFBIR_INVALID_MANIFEST',
      message: expect.stringContaining(message),
    });
  });

  it('of another task takes no face networks', async () => {
    const manifest = { ...BOTH_STAGES, tasks: { face: { face: face() } } };
    await expect(readManifest(modelFolder(manifest))).rejects.toThrow('unknown key tasks.face.face');
  });

  it('becomes networks beside those of the two stages, which are there once', async () => {
    const loaded = forTask(await readManifest(modelFolder(FACES)), 'unaligned_face');
    const read = async (file: string) => ({ file, fileSize: 0, tensors: [] });
    const spec = await modelSpec(loaded, { stage: 2, threads: 1 }, read);
    expect([spec.faces?.cleaner.type, spec.faces?.detector.type, spec.faces?.parser.type]).toEqual([
      'swinir',
      'retinaface',
      'parsenet',
    ]);
    expect((await modelSpec(await readManifest(modelFolder(FACES)), { stage: 2, threads: 1 }, read)).faces).toBeNull();
  });
});

describe('the command line', () => {
  async function run(...words: string[]) {
    const fake = fakeNative();
    fake.faces = [fakeFace(1), fakeFace(2)];
    const folder = temporaryFolder();
    const at = (name: string) => path.join(folder, name);
    writeFileSync(at('a.png'), await image().png().toBuffer());
    const model = modelFolder(FACES);
    const done = await runFake(fake, 'restore', at('a.png'), '-o', at('out'), '--model', model, ...words);
    return { ...done, at, list: (name: string) => readdirSync(at(name)).sort() };
  }

  it('--save-faces writes faces and background beside the picture, as the reference does', async () => {
    const { code, at, list } = await run('--task', 'unaligned_face', '--save-faces');
    expect(code).toBe(0);
    expect(list('out')).toEqual(['a.png', 'cropped_faces', 'restored_backgrounds', 'restored_faces']);
    expect(list('out/cropped_faces')).toEqual(['a_face_0.png', 'a_face_1.png']);
    expect(list('out/restored_faces')).toEqual(['a_face_0.png', 'a_face_1.png']);
    expect(list('out/restored_backgrounds')).toEqual(['a.png']);
    expect((await inspect(at('out/a.png'))).parameters).toMatchObject({ task: 'unaligned_face' });
  });

  it('names those of samples by their number too', async () => {
    const { code, list } = await run('--task', 'unaligned_face', '--save-faces', '--samples', '2');
    expect(code).toBe(0);
    expect(list('out/cropped_faces')).toEqual(['a_face_0.png', 'a_face_1.png']);
    expect(list('out/restored_faces')).toEqual([
      'a_face_0_0.png',
      'a_face_0_1.png',
      'a_face_1_0.png',
      'a_face_1_1.png',
    ]);
    expect(list('out/restored_backgrounds')).toEqual(['a_0.png', 'a_1.png']);
  });

  it('writes the picture alone without it, and refuses it for other tasks', async () => {
    expect((await run('--task', 'unaligned_face')).list('out')).toEqual(['a.png']);
    const { code, stderr } = await run('--save-faces');
    expect([code, stderr]).toEqual([2, expect.stringContaining('--task unaligned_face')]);
  });

  it('--json tells where the faces are', async () => {
    const { stdout } = await run('--task', 'unaligned_face', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, faces: [{ score: 0.9, box: { left: 1 } }, {}] });
  });
});

function face() {
  const network = { file: 'weights.safetensors' };
  return { cleaner: network, detector: network, parser: network };
}
