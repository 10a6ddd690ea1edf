/** A native binding of JavaScript: restores nothing, but keeps the contract of `src/native/binding.ts`. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chooseCpu } from '../../src/device/choose';
import { resolved } from '../../src/device/resolve';
import type { Internals } from '../../src/internals';
import { loadModel } from '../../src/loadModel';
import type { ModelManifest } from '../../src/models/manifest';
import type {
  ModelSpec,
  NativeBinding,
  NativeModel,
  NativeProgress,
  NativeResult,
  NativeTask,
  RestoreJob,
  Stage,
} from '../../src/native/binding';
import type { FindFacesJob, FoundFaces, NativeFace, PasteFacesJob } from '../../src/native/faces';
import type { RestoreOptions } from '../../src/options/RestoreOptions';
import { validateOptions } from '../../src/options/validate';
import { Restorer } from '../../src/restorer';

export interface FakeNative {
  readonly internals: Internals;
  /** What came through the door. */
  readonly specs: ModelSpec[];
  readonly jobs: RestoreJob[];
  /** Of the devices on which these ran. */
  readonly ranOn: number[];
  readonly finds: FindFacesJob[];
  readonly pastes: PasteFacesJob[];
  /** What `findFaces` finds. */
  faces: NativeFace[];
  /** The size at which it looks for them, if not that of the result. */
  searched: FoundFaces['searched'] | undefined;
  cancelled: number;
  disposed: number;
  readonly running: Set<RestoreJob>;
  /** How many jobs ran at once, at most, and how often networks were closed. */
  atOnce: number;
  closed: number;
  /** Milliseconds between two steps of a job. */
  pace: number;
  /** Thrown by the next job, as native code does. */
  failure: Error | undefined;
}

/** An error as native code throws it. */
export function nativeError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

export function fakeNative(): FakeNative {
  const fake: FakeNative = {
    internals: {
      loadBinding: () =>
        ({
          createModel: (spec: ModelSpec, onProgress: (progress: NativeProgress) => void) => {
            fake.specs.push(spec);
            return task(fake, [['load', 2]], onProgress, () => model(fake, spec));
          },
        }) as unknown as NativeBinding,
      resolveDevices: async () => [resolved(chooseCpu('a fake has no GPU'))],
      readCheckpoint: async (file) => ({ file, fileSize: 0, tensors: [] }),
      promptTokens: (prompt) => ({ ids: new Int32Array(77).fill(prompt.length), isCut: prompt.length > 400 }),
    },
    specs: [],
    jobs: [],
    ranOn: [],
    finds: [],
    pastes: [],
    faces: [],
    searched: undefined,
    cancelled: 0,
    disposed: 0,
    running: new Set(),
    atOnce: 0,
    closed: 0,
    pace: 1,
    failure: undefined,
  };
  return fake;
}

function model(fake: FakeNative, { execution }: ModelSpec): NativeModel {
  let running: NativeTask<unknown> | undefined;
  return {
    findFaces(job, onProgress) {
      fake.finds.push(job);
      const found = task(fake, [['detect', 1]], onProgress, () => foundFaces(fake, job));
      running = found;
      return found;
    },
    pasteFaces(job, onProgress) {
      fake.pastes.push(job);
      const pasted = task(fake, [['paste', job.faces.length]], onProgress, () => job.background);
      running = pasted;
      return pasted;
    },
    restore(job, onProgress) {
      fake.jobs.push(job);
      fake.ranOn.push(execution.device);
      const stages: [Stage, number][] =
        job.stage === 1
          ? [
              ['stage1', 3],
              ['finish', 1],
            ]
          : [
              ['stage1', 1],
              ['encode', 1],
              ['sample', job.steps],
              ['decode', 1],
              ['finish', 1],
            ];
      const restored = task(fake, stages, onProgress, () => enlarge(job));
      running = restored;
      fake.running.add(job);
      fake.atOnce = Math.max(fake.atOnce, fake.running.size);
      const gone = () => fake.running.delete(job);
      restored.promise.then(gone, gone);
      return restored;
    },
    async closeNetworks() {
      fake.closed++;
    },
    async dispose() {
      fake.disposed++;
      running?.cancel();
      await running?.promise.catch(() => {});
    },
  };
}

function foundFaces({ faces, searched }: FakeNative, { image, upscale, mostFaces }: FindFacesJob): FoundFaces {
  const size = { width: Math.trunc(image.width * upscale), height: Math.trunc(image.height * upscale) };
  return { size, searched: searched ?? size, found: faces.length, faces: faces.slice(0, mostFaces) };
}

/** A face of one colour. */
export function fakeFace(level: number, score = 0.9): NativeFace {
  return {
    box: Float64Array.of(1, 2, 3, 4),
    score,
    landmarks: Float64Array.from({ length: 10 }, (_, i) => i),
    toAligned: Float64Array.of(1, 0, 0, 0, 1, 0),
    aligned: { width: 512, height: 512, data: new Uint8Array(512 * 512 * 3).fill(level) },
  };
}

/** Goes through the stages, one step a pace, unless it is cancelled. */
function task<T>(
  fake: FakeNative,
  stages: readonly [Stage, number][],
  onProgress: (progress: NativeProgress) => void,
  finish: () => T,
): NativeTask<T> {
  let isCancelled = false;
  let isDone = false;
  const run = async () => {
    for (const [stage, steps] of stages) {
      for (let step = 1; step <= steps; step++) {
        await new Promise((resolve) => setTimeout(resolve, fake.pace));
        if (isCancelled) throw nativeError('DIFFBIR_ABORTED', 'cancelled');
        const { failure } = fake;
        if (failure) {
          fake.failure = undefined;
          throw failure;
        }
        onProgress({ stage, step, steps });
      }
    }
    return finish();
  };
  return {
    promise: run().finally(() => {
      isDone = true;
    }),
    cancel() {
      if (!isDone && !isCancelled) fake.cancelled++;
      isCancelled = true;
    },
  };
}

/** Repeats the nearest pixel, so that a test can follow one through. */
function enlarge({ image, upscale }: RestoreJob): NativeResult {
  const [width, height] = [Math.trunc(image.width * upscale), Math.trunc(image.height * upscale)];
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (Math.trunc(y / upscale) * image.width + Math.trunc(x / upscale)) * 3;
      data.set(image.data.subarray(from, from + 3), (y * width + x) * 3);
    }
  }
  return { image: { width, height, data }, times: [{ stage: 'stage1', milliseconds: 1 }], trace: {} };
}

const network = { file: 'weights.safetensors', config: {} };

export const STAGE1: ModelManifest = {
  formatVersion: 1,
  name: 'fake',
  networks: { cleaner: { type: 'swinir', ...network } },
};

export const BOTH_STAGES: ModelManifest = {
  ...STAGE1,
  networks: { ...STAGE1.networks, vae: network, textEncoder: network, unet: network, controlnet: network },
  schedule: { parameterization: 'v', zeroSnr: true, linearStart: 0.00085, linearEnd: 0.012, timesteps: 1000 },
};

export const FACES: ModelManifest = {
  ...BOTH_STAGES,
  tasks: { unaligned_face: { face: { cleaner: { type: 'swinir', ...network }, detector: network, parser: network } } },
};

export function temporaryFolder(): string {
  return mkdtempSync(path.join(tmpdir(), 'diffbir-test-'));
}

/** A folder with a manifest and the (empty) file that it names. */
export function modelFolder(manifest: unknown = BOTH_STAGES): string {
  const folder = path.join(temporaryFolder(), 'model');
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'model.json'), typeof manifest === 'string' ? manifest : JSON.stringify(manifest));
  writeFileSync(path.join(folder, 'weights.safetensors'), '');
  return folder;
}

/** `Restorer.create` on the fake binding. */
export async function fakeRestorer(fake: FakeNative, options: RestoreOptions = {}): Promise<Restorer> {
  return new Restorer(await loadModel(validateOptions({ model: modelFolder(), ...options }), fake.internals));
}
