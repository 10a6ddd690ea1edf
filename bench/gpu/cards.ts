import type { Device } from '../../src/device/parse';
import { resolveDevice } from '../../src/device/resolve';
import { DiffBIRError } from '../../src/errors';
import type { NativeDevice } from '../../src/native/devices';
import { loadBinding } from '../../src/native/loadBinding';

/** Exit code of a command that needs a GPU where there is none. */
export const NO_DEVICE = 77;

/** Why a device cannot be used; undefined where it can. */
export async function whyNot(device: Device): Promise<string | undefined> {
  try {
    await resolveDevice(device);
    return undefined;
  } catch (error) {
    if (error instanceof DiffBIRError && error.code === 'DIFFBIR_NO_DEVICE') return error.message;
    throw error;
  }
}

/** The GPUs, as they are now. */
export function cards(): readonly NativeDevice[] {
  return loadBinding().devices?.().devices ?? [];
}

/** Of a GPU's memory; NaN where there is none. */
export function freeBytes(index: number): number {
  return cards().find((card) => card.index === index)?.freeBytes ?? Number.NaN;
}
