import type { Handler } from '../types';
import { handlers as checkpoints } from './checkpoints';
import { handlers as color } from './color';
import { handlers as commandLine } from './commandLine';
import { handlers as degradation } from './degradation';
import { handlers as guidance } from './guidance';
import { handlers as networks } from './networks';
import { handlers as pipeline } from './pipeline';
import { handlers as resize } from './resize';
import { handlers as rng } from './rng';
import { handlers as samplers } from './samplers';
import { handlers as samplersMock } from './samplersMock';
import { handlers as schedule } from './schedule';
import { handlers as tiled } from './tiled';
import { handlers as tokenizer } from './tokenizer';

/** Every handler; the first that matches an entry gets it. */
export const handlers: readonly Handler[] = [
  ...checkpoints,
  ...tiled,
  ...tokenizer,
  ...networks,
  ...color,
  ...commandLine,
  ...degradation,
  ...guidance,
  ...pipeline,
  ...resize,
  ...rng,
  ...samplers,
  ...samplersMock,
  ...schedule,
];
