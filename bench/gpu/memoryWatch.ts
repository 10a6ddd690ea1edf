/** The child's side of deviceMemory.ts. */
import { freeBytes } from './cards';

/** Often enough for a picture of a few hundred milliseconds. */
const SAMPLE_MS = 20;

export interface Sample {
  /** Date.now() when it was asked for. */
  readonly at: number;
  readonly free: number;
}

const index = Number(process.argv[2]);
process.on('disconnect', () => process.exit());
process.on('SIGINT', () => {}); // a terminal sends it to all

setInterval(() => {
  const at = Date.now();
  const free = freeBytes(index);
  if (Number.isFinite(free)) process.send?.({ at, free } satisfies Sample);
}, SAMPLE_MS);
