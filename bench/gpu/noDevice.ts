import type { Device } from '../../src/device/parse';
import { resolveDevices } from '../../src/device/resolve';
import { DiffBIRError } from '../../src/errors';

/** Exit code of a command that needs a GPU where there is none. */
export const NO_DEVICE = 77;

/** Why a device cannot be used; undefined where it can. */
export async function whyNot(device: Device): Promise<string | undefined> {
  try {
    await resolveDevices(device);
    return undefined;
  } catch (error) {
    if (error instanceof DiffBIRError && error.code === 'DIFFBIR_NO_DEVICE') return error.message;
    throw error;
  }
}
