// What jobs, models and threads can do to each other, for the sanitizers to look at: run by `npm run sanitize`, on small
// networks. Plain JavaScript on the addon alone, so that nothing else is in the process. Prints the scenarios as they
// pass, and ends with an error when a result is not what it should be.
import { deepEqual, equal } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const { addon, runtime, specs, job } = JSON.parse(readFileSync(process.env.DIFFBIR_STRESS, 'utf8'));
const opened = { exports: {} };
process.dlopen(opened, addon);
const binding = opened.exports;
binding.openRuntime(runtime);

const ignore = () => {};
const open = () => binding.primitives.openNetworks();
const load = (spec, changes = {}) => binding.createModel({ ...spec, ...changes }, ignore).promise;
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Numbers that look random and are the same in every run. */
function picture(width, height) {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 7919 + ((i * i) % 101)) % 256);
  return { width, height, data };
}

const jobOf = (changes = {}) => ({
  ...job,
  image: picture(64, 64),
  positiveTokens: new Int32Array(77),
  negativeTokens: new Int32Array(77),
  seed: 231n,
  ...changes,
});
const tiled = {
  cleaner: { tile: 32, stride: 16 },
  encoder: 64,
  decoder: 64,
  diffusion: { tile: 64, stride: 32 },
  batch: 2,
  encoderAtOnce: true,
  decoderAtOnce: true,
};

async function restored(model, changes) {
  return (await model.restore(jobOf(changes), ignore).promise).image.data;
}

/** Waits until the garbage collector has found the models that were dropped: nothing may stay open then. */
async function closed() {
  for (let turn = 0; turn < 1000 && open() > 0; turn++) {
    globalThis.gc();
    await sleep(10);
  }
  equal(open(), 0);
}

/** Resolves to the code with which a promise rejects. */
const codeOf = (promise) =>
  promise.then(
    () => 'resolved',
    ({ code }) => code,
  );

const scenarios = {
  async 'models of the same files, on one thread and on two, run side by side'(spec) {
    const models = await Promise.all([load(spec), load(spec), load(spec, { threads: 2 })]);
    const variants = [
      { steps: 2 },
      { steps: 2, cfgScale: 3, reuse: 'deep' },
      { image: picture(96, 80), tiling: tiled },
      { image: picture(96, 80), tiling: { ...tiled, encoderAtOnce: false, decoderAtOnce: false } },
      { guidance: { ...job.guidance, scale: 1, space: 'rgb', loss: 'w_mse' } },
      { stage: 1, image: picture(70, 50), upscale: 2 },
    ];
    for (const changes of variants) {
      const [first, second] = await Promise.all(models.map((model) => restored(model, changes)));
      deepEqual(first, second);
    }
    await Promise.all(models.map((model) => model.dispose()));
  },

  async 'cancelled at every stage, beside a model of the same files that goes on'(spec) {
    const [model, other] = await Promise.all([load(spec), load(spec)]);
    const expected = await restored(other);
    for (const stage of ['stage1', 'encode', 'sample', 'decode', 'finish']) {
      const kept = restored(other);
      const task = model.restore(jobOf({ tiling: tiled, image: picture(96, 80) }), (progress) => {
        if (progress.stage === stage) task.cancel();
      });
      equal(await codeOf(task.promise), 'DIFFBIR_ABORTED');
      deepEqual(await kept, expected);
    }
    for (let step = 1; step <= 6; step++) {
      const loading = binding.createModel({ ...spec, threads: 3 }, (progress) => {
        if (progress.step === step) loading.cancel();
      });
      const code = await loading.promise.then(
        (late) => late.dispose(),
        (error) => error.code,
      );
      if (code !== undefined) equal(code, 'DIFFBIR_ABORTED');
    }
    await Promise.all([model.dispose(), other.dispose()]);
  },

  async 'cancelled at any moment, waiting or running'(spec) {
    const model = await load(spec);
    for (let i = 0; i < 12; i++) {
      const tasks = [0, 1, 2].map(() => model.restore(jobOf({ steps: 500 }), ignore));
      const codes = tasks.map(({ promise }) => codeOf(promise));
      await sleep(i * 15);
      for (const task of tasks.reverse()) task.cancel();
      deepEqual(await Promise.all(codes), Array(3).fill('DIFFBIR_ABORTED'));
    }
    await model.dispose();
  },

  async 'disposed or dropped in the middle, while others of the same files run'(spec) {
    const kept = await load(spec);
    const expected = await restored(kept);
    for (let i = 0; i < 4; i++) {
      const running = restored(kept);
      const [ended, dropped] = await Promise.all([load(spec), load(spec)]);
      const codes = [1, 2].map(() => codeOf(ended.restore(jobOf({ steps: 500 }), ignore).promise));
      dropped.restore(jobOf(), ignore).promise.catch(ignore);
      await sleep(i * 30);
      await Promise.all([ended.dispose(), ended.dispose()]);
      deepEqual(await Promise.all(codes), ['DIFFBIR_ABORTED', 'DIFFBIR_DISPOSED']);
      globalThis.gc();
      deepEqual(await running, expected);
    }
    await kept.dispose();
  },

  async 'networks are opened and closed at once'(spec) {
    const models = await Promise.all([1, 2, 3].map(() => load(spec, { keepNetworks: false })));
    for (let i = 0; i < 2; i++) {
      const pictures = models.map((model, at) => restored(model, { keepNetworks: at > 0 }));
      await Promise.all(models.map((model) => model.closeNetworks()));
      for (const data of await Promise.all(pictures)) deepEqual(data, await pictures[0]);
    }
    await Promise.all(models.map((model) => model.dispose()));
  },

  async 'workers are terminated in the middle, and leave their models'(spec) {
    const kept = await load(spec);
    const expected = await restored(kept);
    const workers = [0, 40, 80].map((wait) => new Worker(new URL(import.meta.url), { workerData: { spec, wait } }));
    const ends = workers.map((worker) => new Promise((resolve) => worker.once('exit', resolve)));
    for (const worker of workers) {
      worker.once('message', (wait) => setTimeout(() => worker.terminate(), wait));
    }
    deepEqual(await restored(kept), expected);
    deepEqual(await Promise.all(ends), [1, 1, 1]);
    await kept.dispose();
  },
};

if (isMainThread) {
  for (const [precision, spec] of Object.entries(specs)) {
    for (const [name, run] of Object.entries(scenarios)) {
      const begin = performance.now();
      await run(spec);
      await closed();
      console.log(`${precision}: ${name} (${((performance.now() - begin) / 1000).toFixed(1)} s)`);
    }
  }
  const speed = binding.measureSpeed(2);
  speed.cancel();
  equal(await codeOf(speed.promise), 'DIFFBIR_ABORTED');
} else {
  const model = await load(workerData.spec);
  for (const steps of [500, 1]) model.restore(jobOf({ steps }), ignore);
  parentPort.postMessage(workerData.wait);
}
