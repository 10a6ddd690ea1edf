import type { Device } from '../../src/device/parse';
import { resolveDevices } from '../../src/device/resolve';
import { DiffBIRError } from '../../src/errors';

/** What both commands for a GPU take (util.parseArgs). */
export const OPTIONS = {
  device: { type: 'string', default: 'cuda' },
  group: { type: 'string', default: '' },
  /** Seconds after which what is left is left out. */
  limit: { type: 'string', default: '450' },
  json: { type: 'string' },
} as const;

/** Exit code of a command that needs a GPU where there is none. */
const NO_DEVICE = 77;

/**
 * When a command begins and when its `limit` of seconds is over, in milliseconds of performance.now(). Where its device
 * cannot be used it says why and ends the process with 77.
 */
export async function beginOn(device: string, limit: string): Promise<{ begin: number; deadline: number }> {
  const reason = await whyNot(device as Device);
  if (reason !== undefined) {
    console.log(`no CUDA device: ${reason}`);
    process.exit(NO_DEVICE);
  }
  const begin = performance.now();
  return { begin, deadline: begin + 1000 * Number(limit) };
}

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
