/** Restorers with what no option says: whether runs are recorded as CUDA graphs, and how much memory a network may have. */
import type { Device } from '../../src/device/parse';
import type { ResolvedDevice } from '../../src/device/resolve';
import { type Internals, internals } from '../../src/internals';
import { loadModel } from '../../src/loadModel';
import type { ExecutionSpec } from '../../src/native/devices';
import type { RestoreOptions } from '../../src/options/RestoreOptions';
import { validateOptions } from '../../src/options/validate';
import { Restorer } from '../../src/restorer';

export type ExecutionChanges = Partial<Pick<ExecutionSpec, 'cudaGraphs' | 'memoryLimit'>>;

/** `Restorer.create` on a GPU with a changed execution. */
export async function createRestorer(options: RestoreOptions, changes: ExecutionChanges = {}): Promise<Restorer> {
  return new Restorer(await loadModel(validateOptions(options), withExecution(changes)));
}

export async function executionOn(device: Device, changes: ExecutionChanges = {}): Promise<ExecutionSpec> {
  const [{ execution }] = await withExecution(changes).resolveDevices(device);
  return execution;
}

function withExecution(changes: ExecutionChanges): Internals {
  return {
    ...internals,
    async resolveDevices(device, nativeBinding) {
      const [first, ...others] = await internals.resolveDevices(device, nativeBinding);
      const changed = (one: ResolvedDevice) => ({ ...one, execution: { ...one.execution, ...changes } });
      return [changed(first), ...others.map(changed)];
    },
  };
}
