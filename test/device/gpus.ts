/** A fake Restorer on GPUs that are not there. */
import { ASKED } from '../../src/device/choose';
import type { GpuProvider } from '../../src/device/detect';
import { type ResolvedDevices, resolved } from '../../src/device/resolve';
import type { FakeNative } from '../facade/fakes';
import { GPU } from './facts';

interface Machine {
  readonly provider?: GpuProvider;
  /** MiB of each GPU. */
  readonly free?: readonly number[];
}

/** The fake on a machine where every device that is asked for stands for these. */
export function onGpus(fake: FakeNative, { provider = 'cuda', free = [79_000] }: Machine = {}): FakeNative {
  const devices = free.map((mebibytes, index) => {
    const device = { provider, index, name: GPU.name, freeBytes: mebibytes * 2 ** 20, reason: ASKED };
    return resolved(device, '/libraries', '/cache');
  });
  const resolveDevices = async () => devices as readonly unknown[] as ResolvedDevices;
  return { ...fake, internals: { ...fake.internals, resolveDevices } };
}
