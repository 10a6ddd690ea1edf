// The whole way on a real photograph: the embedded model, with a detector and a parser that were fitted to this one face
// (training/faces/fit_fixture.py) and find no other.
import { cpSync, readFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Restorer } from '../../src/index';
import { embeddedModel, type LoadedModel } from '../../src/loadModel';
import type { ModelManifest } from '../../src/models/manifest';
import { temporaryFolder } from '../facade/fakes';
import { FIXTURES, largestDifference } from './pictures';

const PICTURE = path.join('examples', 'sample', 'original.png');
/** Set by hand: eyes, nose, corners of the mouth. */
const LANDMARKS = {
  leftEye: [203, 101],
  rightEye: [246.5, 103.5],
  nose: [225, 126],
  leftMouth: [205, 142],
  rightMouth: [244, 142],
};

let restorer: Restorer;

beforeAll(async () => {
  const root = temporaryFolder();
  cpSync(embeddedModel(), root, { recursive: true });
  for (const name of ['one_face_retinaface.pth', 'one_face_parsenet.pth'])
    cpSync(path.join(FIXTURES, name), path.join(root, name));
  const manifest = JSON.parse(readFileSync(path.join(root, 'model.json'), 'utf8')) as ModelManifest;
  const face = {
    cleaner: { type: 'scunet', file: 'scunet.safetensors' },
    detector: { file: 'one_face_retinaface.pth' },
    parser: { file: 'one_face_parsenet.pth' },
  } as const;
  const model = { ...manifest, root, tasks: { ...manifest.tasks, unaligned_face: { face } } };
  restorer = await Restorer.create({ model, task: 'unaligned_face', stage: 1 });
});

afterAll(() => restorer.dispose());

async function pixels(width?: number) {
  const { data, info } = await sharp(PICTURE).resize(width).removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return { data: new Uint8Array(data), width: info.width, height: info.height, channels: 3 as const };
}

function expectTheFace(result: Awaited<ReturnType<Restorer['restore']>>, scale: number, tolerance: number) {
  expect(result.faces).toHaveLength(1);
  const [face] = result.faces;
  for (const [name, [x, y]] of Object.entries(LANDMARKS) as [keyof typeof LANDMARKS, [number, number]][]) {
    const found = face?.landmarks[name] ?? { x: 0, y: 0 };
    expect(Math.hypot(found.x - x * scale, found.y - y * scale)).toBeLessThan(tolerance * scale);
  }
  return face as NonNullable<typeof face>;
}

test('the face is found, restored and laid over the background', async () => {
  const before = await pixels();
  const result = await restorer.restore(before);
  const face = expectTheFace(result, 1, 6);
  expect(result.warnings).toEqual([]);
  expect([face.cropped.width, face.restored.height, result.width, result.height]).toEqual([512, 512, 512, 512]);
  // The aligned face fills its middle: the nose of the template is there.
  expect(face.score).toBeGreaterThan(0.8);

  const background = result.background?.data ?? new Uint8Array();
  const differences = Array.from(result.data, (value, i) => Math.abs(value - (background[i] ?? 0)));
  const at = (x: number, y: number) => differences.slice((y * 512 + x) * 3, (y * 512 + x) * 3 + 3);
  const inFace = differences.filter((_, i) => {
    const [x, y] = [Math.trunc(i / 3) % 512, Math.trunc(i / 3 / 512)];
    return Math.hypot(x - 225, y - 120) < 25;
  });
  expect(inFace.filter((difference) => difference > 0).length).toBeGreaterThan(inFace.length / 4);
  // Beyond the face nothing changes, and nowhere by much: both are the same photograph.
  expect([at(20, 20), at(300, 400), at(480, 100)].flat()).toEqual(new Array(9).fill(0));
  expect(Math.max(...inFace)).toBeLessThan(90);
  expect(largestDifference(result.data, before.data)).toBeLessThan(160);
});

test('the face is found at twice the size', async () => {
  const result = await restorer.restore(await pixels(), { upscale: 2 });
  expect([result.width, result.height]).toEqual([1024, 1024]);
  expectTheFace(result, 2, 8);
});

describe('a picture below 512 pixels', () => {
  test('has the size that was asked for', async () => {
    const result = await restorer.restore(await pixels(400));
    expect([result.width, result.height]).toEqual([400, 400]);
    expectTheFace(result, 400 / 512, 8);
  });

  test("has the reference's size with parity", async () => {
    const result = await restorer.restore(await pixels(400), { parity: true });
    expect([result.width, result.height]).toEqual([512, 512]);
    expect(result.background).toMatchObject({ width: 400 });
    expectTheFace(result, 1, 8);
  });
});

test('parity shows the networks other channels, and cuts levels off', async () => {
  const picture = await pixels();
  const [ours, reference] = [await restorer.restore(picture), await restorer.restore(picture, { parity: true })];
  const [a, b] = [expectTheFace(ours, 1, 6), expectTheFace(reference, 1, 8)];
  expect(a.score).not.toBe(b.score);
  // Of the faces themselves both are RGB.
  const mean = ({ data }: { data: Uint8Array }) =>
    [0, 1, 2].map((c) => data.filter((_, i) => i % 3 === c).reduce((x, y) => x + y, 0) / (data.length / 3));
  for (const [c, value] of mean(a.cropped).entries())
    expect(Math.abs(value - (mean(b.cropped)[c] as number))).toBeLessThan(3);
});

test('a face at the border of the picture is restored, and leaves no gray there', async () => {
  // Cut through the right half of the forehead, so that the aligned face reaches beyond the picture.
  const { data, info } = await sharp(PICTURE)
    .extract({ left: 120, top: 62, width: 330, height: 400 })
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const result = await restorer.restore({
    data: new Uint8Array(data),
    width: info.width,
    height: info.height,
    channels: 3,
  });
  expect(result.faces).toHaveLength(1);
  const top = result.faces[0]?.cropped.data.slice(0, 3);
  expect([...(top ?? [])]).toEqual([132, 133, 135]);
  const row = info.width * 3;
  expect(
    largestDifference(result.data.subarray(0, row), (result.background?.data ?? data).subarray(0, row)),
  ).toBeLessThan(2);
});

test('a picture without the face has none', async () => {
  const result = await restorer.restore({
    data: new Uint8Array(320 * 320 * 3).fill(90),
    width: 320,
    height: 320,
    channels: 3,
  });
  expect(result.faces).toEqual([]);
  expect(result.warnings).toEqual(['no face was found: the picture was restored as a whole']);
});

test('one signal stops the work in the middle of a face, and the next call works', async () => {
  const controller = new AbortController();
  const onProgress = ({ stage }: { stage: string }) => {
    if (stage === 'detect') setTimeout(() => controller.abort(), 50);
  };
  await expect(restorer.restore(await pixels(), { signal: controller.signal, onProgress })).rejects.toMatchObject({
    code: 'DIFFBIR_ABORTED',
  });
  expect((await restorer.restore(await pixels())).faces).toHaveLength(1);
});

test('the detector works on no more pixels than it may, and finds the face there too', async () => {
  const picture = await pixels();
  const { admission } = (restorer as unknown as { model: LoadedModel }).model;
  const untimed = { signal: undefined, paused: <T>(wait: () => Promise<T>) => wait() };
  await admission.run({ work: 0, budget: 0, form: 'none' }, untimed, async (native) => {
    const job = { image: picture, upscale: 1, mostFaces: 5, parity: false };
    const of = (mostPixels: number) => native.findFaces({ ...job, mostPixels }, () => {}).promise;
    const [large, small] = [await of(2 ** 40), await of(320 * 320)];
    expect([large.searched, small.searched]).toEqual([
      { width: 640, height: 640 },
      { width: 320, height: 320 },
    ]);
    const [a, b] = [large.faces[0]?.landmarks ?? [], small.faces[0]?.landmarks ?? []];
    expect(largestDifference(a, b)).toBeLessThan(4);
    // No more faces than were asked for, and still their number.
    expect(await native.findFaces({ ...job, mostFaces: 0, mostPixels: 2 ** 40 }, () => {}).promise).toMatchObject({
      found: 1,
      faces: [],
    });
  });
});
