import { totalmem } from 'node:os';

const MIB = 2 ** 20;

/**
 * Half of the memory that this process may use, in MiB: of the machine's, or of the container's where its cgroup allows
 * less. Not of what happens to be free: tile sizes follow from it, and the same call should give the same picture
 * whatever else runs.
 */
export function defaultMemoryBudget(total = totalmem(), constrained = process.constrainedMemory?.()): number {
  // Node answers 0, or more than the machine has, where there is no limit.
  const allowed = constrained ? Math.min(total, constrained) : total;
  return Math.max(1, Math.floor(allowed / 2 / MIB));
}
