/**
 * `npm run bench:rehearsal [-- --model DIR] [--precision P]`: memory of a GPU that is rehearsed (docs/decisions/0028), behind
 * pictures and at most: weights, arenas and tensors. Of a real one CUDA, its libraries and their workspaces have more, and pools
 * lose some to fragments. What a picture of a size has at most is that of the first of its size and the next.
 */
import { parseArgs } from 'node:util';
import type { RestoreOptions } from '../src/options/RestoreOptions';
import { Restorer } from '../src/restorer';
import { isBuilt, Rehearsal } from '../test/rehearsal/hook';
import { setup } from './setup';
import { row } from './table';
import { testPicture } from './testPicture';

const TILES: RestoreOptions = { tiling: { diffusion: 512 } };
const PICTURES = [[512], [768], [1024], [2048, TILES], [512]] as const;
const STEPS = 3;

const { values } = parseArgs({
  options: { model: { type: 'string' }, precision: { type: 'string', default: 'float16' } },
});
if (!isBuilt) throw new Error('No rehearsal is built: run npm run build:rehearsal first (Linux, nvcc 13)');
const rehearsal = new Rehearsal();
rehearsal.begin();
console.log(`${await setup()}, ${values.precision}`);
console.log(row('MiB', 'behind', 'at most'));
const options = { model: values.model, precision: values.precision, device: 'cuda' } as RestoreOptions;
const restorer = await Restorer.create(options);
print('loaded');
for (const [side, call] of PICTURES) {
  rehearsal.begin();
  for (let i = 0; i < 2; i++) await restorer.restore(testPicture(side), { steps: STEPS, ...call });
  print(`${side} x ${side}${call ? ', tiles' : ''}`);
}
await restorer.dispose();

function print(name: string): void {
  const { devices, refused } = rehearsal.report();
  if (refused.length > 0) throw new Error(`A GPU would have refused: ${refused.join(', ')}`);
  const [{ taken, peak } = { taken: 0, peak: 0 }] = devices;
  console.log(row(name, ...[taken, peak].map((bytes) => (bytes / 2 ** 20).toFixed(0))));
}
