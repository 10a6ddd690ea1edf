/** A measurement in a process of its own: gets a task as a message, answers with its result (inChild.ts). */
import { loadBinding } from '../../src/native/loadBinding';
import { measurePicture } from '../picture';
import type { Message, Task } from './inChild';
import { measureLayers } from './layers';
import { measureNetworks, profileNetwork } from './networks';

process.once('message', async (task: Task) => {
  await send({ result: await perform(task) });
  process.disconnect();
});

async function perform(task: Task): Promise<unknown> {
  const { primitives } = loadBinding();
  switch (task.kind) {
    case 'layers':
      return measureLayers(primitives, task.threads);
    case 'network':
      return measureNetworks(primitives, task.network, task, () => send({ isLoaded: true }));
    case 'profile':
      return profileNetwork(primitives, task.network, task);
    case 'picture':
      return measurePicture(task.options, task.size, 1);
  }
}

function send(message: Message): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, undefined, undefined, (error: Error | null) => (error ? reject(error) : resolve()));
  });
}
