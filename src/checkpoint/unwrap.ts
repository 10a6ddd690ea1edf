import type { FileReader } from './fileReader';
import { Opaque } from './pickleValues';
import { TensorRef } from './torchObjects';

/**
 * Keys under which training tools keep the tensors: Lightning and DiffBIR, then Real-ESRGAN (whose own loader also
 * prefers the averaged weights).
 */
const WRAPPERS = ['state_dict', 'params_ema', 'params'];

/** What DistributedDataParallel puts before every key. */
const PREFIX = 'module.';

/** More than any network has tensors. */
const MAX_TENSORS = 200_000;

/**
 * Finds the state dict in what a torch file holds: its tensors by official key name. Values that are no tensors are
 * left out (epochs, optimizer states and the like stand beside the state dict, not in it).
 * Source: behaviour.md 1.4.
 */
export function unwrapStateDict(reader: FileReader, root: unknown): Map<string, TensorRef> {
  if (!(root instanceof Map)) {
    const what = root instanceof Opaque ? `a pickled ${root.name} object` : 'no dict';
    throw reader.fail(`holds ${what}, not a state_dict; save model.state_dict() from PyTorch`);
  }
  const wrapper = WRAPPERS.find((key) => root.get(key) instanceof Map);
  const dict: ReadonlyMap<unknown, unknown> = wrapper ? root.get(wrapper) : root;
  const tensors = new Map<string, TensorRef>();
  for (const [key, value] of dict) {
    if (typeof key !== 'string') continue;
    if (value instanceof TensorRef) tensors.set(key, value);
    else if (isUnknownTensor(value)) throw reader.fail(`tensor "${key}" is of an unsupported kind (${value.name})`);
  }
  if (tensors.size === 0) throw reader.fail('holds no tensors; is it an optimizer state or a configuration?');
  if (tensors.size > MAX_TENSORS) throw reader.fail(`holds ${tensors.size} tensors, more than ${MAX_TENSORS}`);
  return stripModulePrefix(reader, tensors);
}

/**
 * Takes `module.` off every key that has it, when the first key has it. The reference cuts seven characters off every
 * key then; for the files it can load that is the same.
 */
export function stripModulePrefix<T>(reader: FileReader, tensors: Map<string, T>): Map<string, T> {
  const [first] = tensors.keys();
  if (!first?.startsWith(PREFIX)) return tensors;
  const stripped = new Map<string, T>();
  for (const [key, value] of tensors) {
    const name = key.startsWith(PREFIX) ? key.slice(PREFIX.length) : key;
    if (stripped.has(name)) throw reader.fail(`has tensor "${name}" both with and without "${PREFIX}"`);
    stripped.set(name, value);
  }
  return stripped;
}

/** Sparse, quantised and similar tensors are rebuilt by functions that are not on the allow-list. */
function isUnknownTensor(value: unknown): value is Opaque {
  return value instanceof Opaque && /^torch\._(utils|tensor)\._rebuild/.test(value.name);
}
