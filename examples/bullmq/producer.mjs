// Sends a photograph to the workers and waits for the result; Ctrl-C cancels it.
//   REDIS_URL=redis://127.0.0.1:6379 node producer.mjs in/old.jpg out/old.png '{ "upscale": 2 }'
// Both paths are inside the folder PICTURES of the workers.
import { QueueEvents } from 'bullmq';
import { cancel, connection, openQueue, QUEUE } from './queue.mjs';

const [input, output, options = '{}'] = process.argv.slice(2);
const queue = openQueue();
const events = new QueueEvents(QUEUE, { connection });
await events.waitUntilReady();

const job = await queue.add('restore', { input, output, options: JSON.parse(options) });
console.log(`job ${job.id}`);
process.once('SIGINT', () => cancel(queue, job.id));
events.on('progress', ({ jobId, data }) => {
  if (jobId === job.id) console.log(`${data} %`);
});
const removed = new Promise((_resolve, reject) => {
  events.on('removed', ({ jobId }) => jobId === job.id && reject(new Error('removed before it began')));
});

try {
  console.log(await Promise.race([job.waitUntilFinished(events), removed]));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
await Promise.all([events.close(), queue.close()]);
