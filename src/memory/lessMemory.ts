import { isDeepStrictEqual } from 'node:util';
import { DiffBIRError, InvalidOptionError } from '../errors';

/** Of one budget in the one before: smaller steps than halves, of which one may be too large and the next too small. */
const SHARE = 0.75;

/** What can be planned for a budget, run, and planned anew. */
export interface Attempt<Plan, Result> {
  /** Throws InvalidOptionError of `memoryBudget` where the budget is too small. */
  plan(memoryBudget: number): Plan;
  /** What makes one plan another one: a smaller budget that changes nothing is passed over. */
  difference(plan: Plan): unknown;
  run(plan: Plan): Promise<Result>;
  /** Called before the next attempt. */
  retreat(memoryBudget: number): Promise<void>;
}

/**
 * Runs what was planned for `memoryBudget`; where the device has less memory than that plan needs, one for less is taken,
 * until there is no plan for it. Then it rejects with the error of the last attempt.
 */
export async function withLessMemory<Plan, Result>(
  memoryBudget: number,
  attempt: Attempt<Plan, Result>,
): Promise<Result> {
  let budget = memoryBudget;
  let plan = attempt.plan(budget);
  for (;;) {
    try {
      return await attempt.run(plan);
    } catch (error) {
      if (!(error instanceof DiffBIRError && error.code === 'DIFFBIR_OUT_OF_MEMORY')) throw error;
      const before = attempt.difference(plan);
      do {
        budget = Math.floor(budget * SHARE);
        plan = planOr(error, budget, attempt);
      } while (isDeepStrictEqual(attempt.difference(plan), before));
      await attempt.retreat(budget);
    }
  }
}

function planOr<Plan>(error: Error, budget: number, { plan }: Attempt<Plan, unknown>): Plan {
  if (budget < 1) throw error;
  try {
    return plan(budget);
  } catch (reason) {
    if (reason instanceof InvalidOptionError) throw error;
    throw reason;
  }
}
