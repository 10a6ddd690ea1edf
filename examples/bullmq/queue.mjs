// What the worker and those who send it pictures share.
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';

export const QUEUE = 'restore';
/** On this channel of Redis the workers hear which job to stop. */
export const CANCEL = 'restore:cancel';

/** BullMQ waits for Redis as long as it takes, so that a restart of Redis ends nothing. */
export const connection = { url: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379', maxRetriesPerRequest: null };

export function openQueue() {
  return new Queue(QUEUE, {
    connection,
    defaultJobOptions: {
      attempts: 3, // for errors that may pass; the worker gives up at once on the others
      backoff: { type: 'exponential', delay: Number(process.env.BACKOFF ?? 5000) },
      removeOnComplete: { age: 24 * 3600, count: 1000 },
      removeOnFail: { age: 7 * 24 * 3600 },
    },
  });
}

/** Takes a job out of the queue, or stops it where it runs. */
export async function cancel(queue, id) {
  const wasWaiting = await queue.remove(id);
  if (wasWaiting) return;
  const redis = new Redis(connection.url);
  await redis.publish(CANCEL, id);
  await redis.quit();
}
