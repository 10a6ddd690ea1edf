import type { Handler } from '../types';

export const handlers: readonly Handler[] = [];
