import type { NativeDevice } from '../../src/native/devices';
import { loadBinding } from '../../src/native/loadBinding';

/** The GPUs, as they are now. */
export function cards(): readonly NativeDevice[] {
  return loadBinding().devices?.().devices ?? [];
}

/** Of a GPU's memory; NaN where there is none. */
export function freeBytes(index: number): number {
  return cards().find((card) => card.index === index)?.freeBytes ?? Number.NaN;
}
