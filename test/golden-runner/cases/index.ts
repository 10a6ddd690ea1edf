import type { Handler } from '../types';
import { handlers as checkpoints } from './checkpoints';
import { handlers as tokenizer } from './tokenizer';

/** Every handler; the first that matches an entry gets it. */
export const handlers: readonly Handler[] = [...checkpoints, ...tokenizer];
