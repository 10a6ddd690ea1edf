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

/** Seconds: a timer cannot wait for more than 24 days. */
const LONGEST = 1e6;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * What is aborted, for a reason in words, `limit` seconds after the process began, or when a signal asks it to end. Where the
 * device cannot be used it says why and ends the process with 77.
 */
export async function beginOn(device: string, limit: string): Promise<AbortSignal> {
  const seconds = Number(limit);
  if (!(seconds > 0 && seconds <= LONGEST)) {
    throw new Error(`Expected seconds from 0 to ${LONGEST} for --limit but received ${limit}`);
  }
  const over = new AbortController();
  for (const signal of SIGNALS) process.on(signal, () => over.abort(`${signal} came`));
  const reason = await whyNot(device as Device);
  if (reason !== undefined) {
    console.log(`no CUDA device: ${reason}`);
    process.exit(NO_DEVICE);
  }
  setTimeout(() => over.abort('no time was left'), Math.max(0, 1000 * seconds - performance.now())).unref();
  return over.signal;
}

/** Those of `groups` whose names have `text` in them. Throws an Error where none has. */
export function groupsWith(text: string, groups: readonly string[]): string[] {
  const found = groups.filter((group) => group.includes(text));
  if (found.length > 0) return found;
  throw new Error(`Expected a part of one of these for --group but received ${text}: ${groups.join('; ')}`);
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
