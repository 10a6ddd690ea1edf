import { CheckpointError } from '../../../src/errors';
import type { Target } from '../target';

const kept: Buffer[] = [];

const FAULTS: Readonly<Record<string, () => unknown>> = {
  fine: () => true,
  refused: () => {
    throw new CheckpointError('a', 'is refused');
  },
  untyped: () => {
    throw new TypeError('of nobody');
  },
  crash: () => process.abort(),
  hang: () => {
    for (;;);
  },
  memory: () => {
    for (;;) kept.push(Buffer.alloc(1 << 24, 1));
  },
};

/** Does what a target must not: shows that it is seen. Not one of those that are run unasked. */
export const faultyTarget: Target = {
  name: 'faulty',
  share: 1,
  codes: ['DIFFBIR_INVALID_CHECKPOINT'],
  dictionary: [],
  corpus: async () => Object.keys(FAULTS).map((name) => Buffer.from(name)),
  run: (data) => FAULTS[data.toString()]?.() === true,
};
