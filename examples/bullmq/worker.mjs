// Restores the photographs of a BullMQ queue. Redis has their paths; the pictures stay in the folder PICTURES.
//   npm install diffbir bullmq ioredis
//   redis-server & REDIS_URL=redis://127.0.0.1:6379 PICTURES=./pictures node worker.mjs
// Start as many workers as you like, on as many machines as see the folder.
import path from 'node:path';
import { UnrecoverableError, WaitingError, Worker } from 'bullmq';
import { DiffBIRError, Restorer } from 'diffbir';
import { Redis } from 'ioredis';
import { CANCEL, connection, QUEUE } from './queue.mjs';

const PICTURES = path.resolve(process.env.PICTURES ?? 'pictures');
/** Jobs that do not fit stay in Redis, where other workers can take them. */
const CONCURRENCY = Number(process.env.CONCURRENCY ?? 1);
/** Seconds that pictures may still take after SIGTERM; Kubernetes kills after 30. */
const GRACE = Number(process.env.GRACE ?? 25);
/** Milliseconds without a sign of life after which another worker takes a job over. */
const LOCK = Number(process.env.LOCK ?? 30_000);

/** What may work later, on another machine, or when somebody has made room. Of a picture that is none, nothing will. */
const MAY_PASS = new Set(['DIFFBIR_OUT_OF_MEMORY', 'DIFFBIR_OUTPUT_FAILED', 'DIFFBIR_RUNTIME_FAILED']);

const restorer = await Restorer.create({ concurrency: CONCURRENCY, timeLimit: 3600 });
let isClosing = false;

/** The file of a key, which must not lead out of the folder. */
function fileOf(key) {
  const file = path.join(PICTURES, String(key));
  if (!file.startsWith(PICTURES + path.sep)) throw new UnrecoverableError(`${key} is not inside ${PICTURES}`);
  return file;
}

/** The data of a job: `{ input, output, options }`, keys of pictures and options of diffbir. */
async function restore(job, token, signal) {
  const { input, output, options } = job.data;
  try {
    const result = await restorer.restore(fileOf(input), { ...options, signal, onProgress: progressOf(job) });
    // A job that runs once more may find what it has written before.
    const { width, height } = await result.toFile(fileOf(output), { force: true });
    return { output, width, height, warnings: result.warnings };
  } catch (error) {
    if (isClosing && signal.aborted) {
      await job.moveToWait(token); // another worker takes it, and no attempt is lost
      throw new WaitingError();
    }
    if (error instanceof DiffBIRError && !MAY_PASS.has(error.code)) {
      throw new UnrecoverableError(`${error.code}: ${error.message}`);
    }
    throw error;
  }
}

/** Tells Redis of whole percents. */
function progressOf(job) {
  let told = -1;
  return ({ fraction }) => {
    const percent = Math.floor(fraction * 100);
    if (percent === told) return;
    told = percent;
    job.updateProgress(percent).catch((error) => console.error(job.id, error.message));
  };
}

const worker = new Worker(QUEUE, restore, {
  connection,
  concurrency: CONCURRENCY,
  lockDuration: LOCK,
  stalledInterval: LOCK,
});
worker.on('completed', (job, { output }) => console.log(job.id, 'restored', output));
worker.on('failed', (job, error) => console.error(job?.id, 'failed', error.message));
worker.on('error', (error) => console.error(error.message));
// Another worker will run these: what we make of them counts no more.
worker.on('lockRenewalFailed', (ids) => {
  for (const id of ids) worker.cancelJob(id, 'the job was lost');
});

const commands = new Redis(connection.url);
commands.on('message', (_channel, id) => worker.cancelJob(id, 'cancelled'));
await commands.subscribe(CANCEL);

// Takes no more jobs, finishes those that run, gives back what takes too long, then ends.
process.once('SIGTERM', async () => {
  isClosing = true;
  const late = setTimeout(() => worker.cancelAllJobs('the worker ends'), GRACE * 1000);
  await worker.close();
  clearTimeout(late);
  commands.disconnect();
  await restorer.dispose();
});
console.log(`waiting for jobs, pictures in ${PICTURES}`);
