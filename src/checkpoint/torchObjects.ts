import type { DType, TensorEntry } from '../native/binding';
import { type FileReader, isCount } from './fileReader';
import type { PickleHooks } from './pickle';
import { Global } from './pickleValues';
import { ITEM_SIZE, placeTensor } from './tensorEntry';

/** A storage (flat buffer) that a pickle refers to. */
export interface StorageRef {
  readonly key: string;
  /** null: a class without a fixed element type (`UntypedStorage`) or one we do not know. */
  readonly dtype: DType | null;
  /** Class as the file names it, for messages. */
  readonly className: string;
  /** Elements of the whole storage (bytes when it is untyped). */
  readonly count: unknown;
  /** Files of torch before 0.4: this is a part of the storage, from element `offset` on. */
  readonly part: { readonly offset: unknown; readonly count: unknown } | null;
}

/** A tensor as the pickle describes it. Nothing in it has been checked. */
export class TensorRef {
  constructor(
    readonly storage: StorageRef,
    readonly dtype: DType | null,
    readonly offset: unknown,
    readonly shape: unknown,
    readonly strides: unknown,
  ) {}
}

const STORAGES: ReadonlyMap<string, DType> = new Map([
  ['DoubleStorage', 'float64'],
  ['FloatStorage', 'float32'],
  ['HalfStorage', 'float16'],
  ['BFloat16Storage', 'bfloat16'],
  ['LongStorage', 'int64'],
  ['IntStorage', 'int32'],
  ['ShortStorage', 'int16'],
  ['CharStorage', 'int8'],
  ['ByteStorage', 'uint8'],
  ['BoolStorage', 'bool'],
]);

/** Names of `torch.<dtype>` objects that `_rebuild_tensor_v3` is given. */
const DTYPE_NAMES: ReadonlySet<string> = new Set(Object.keys(ITEM_SIZE));

/** The allow-list: what a checkpoint may construct. Everything else stays opaque. */
export const torchHooks: PickleHooks = {
  persistent(id) {
    const [kind, type, key, , count, part] = Array.isArray(id) ? id : [];
    if (kind !== 'storage' || !(type instanceof Global) || typeof key !== 'string') {
      throw new Error('the pickle refers to something that is no torch storage');
    }
    const dtype = type.module.startsWith('torch') ? (STORAGES.get(type.name) ?? null) : null;
    const [, offset, partCount] = Array.isArray(part) ? part : [];
    return {
      key,
      dtype,
      className: type.toString(),
      count,
      part: Array.isArray(part) ? { offset, count: partCount } : null,
    } satisfies StorageRef;
  },

  construct(callable, args) {
    switch (callable.toString()) {
      case 'collections.OrderedDict':
      case 'collections.defaultdict':
        return dictOf(args);
      case 'torch.Size':
        return args[0];
      case 'torch._utils._rebuild_tensor':
      case 'torch._utils._rebuild_tensor_v2':
        return tensor(args, args[6]);
      case 'torch._utils._rebuild_tensor_v3':
        return tensor(args, args[7], args[6]);
      case 'torch._utils._rebuild_parameter':
      case 'torch._utils._rebuild_parameter_with_state':
        return args[0] instanceof TensorRef ? args[0] : undefined;
      case 'torch._tensor._rebuild_from_type_v2': // (function, type, arguments, state): a tensor with attributes
        return args[0] instanceof Global && Array.isArray(args[2]) && !args[0].name.includes('from_type')
          ? torchHooks.construct(args[0], args[2])
          : undefined;
      default:
        return undefined;
    }
  },
};

function dictOf(args: readonly unknown[]): Map<unknown, unknown> {
  const dict = new Map<unknown, unknown>();
  // OrderedDict of Python 2: the pairs are the argument. defaultdict: the argument is the factory.
  if (Array.isArray(args[0])) {
    for (const pair of args[0]) if (Array.isArray(pair)) dict.set(pair[0], pair[1]);
  }
  return dict;
}

/** undefined (so: opaque) when the arguments are not those of a plain strided tensor. */
function tensor(args: readonly unknown[], metadata: unknown, dtype?: unknown): TensorRef | undefined {
  const [storage, offset, shape, strides] = args;
  const isView = metadata instanceof Map && (metadata.get('neg') === true || metadata.get('conj') === true);
  if (typeof storage !== 'object' || storage === null || !('className' in storage) || isView) return undefined;
  const stored = storage as StorageRef;
  if (dtype === undefined) return new TensorRef(stored, stored.dtype, offset, shape, strides);
  const named = dtype instanceof Global && dtype.module === 'torch' && DTYPE_NAMES.has(dtype.name);
  return new TensorRef(stored, named ? (dtype.name as DType) : null, offset, shape, strides);
}

/** Where a storage lies in the file, in bytes. */
export interface StoragePlace {
  readonly begin: number;
  readonly end: number;
}

/** Turns the pickle's description of a tensor into a checked place in the file. */
export function toEntry(reader: FileReader, name: string, ref: TensorRef, place: StoragePlace): TensorEntry {
  const { dtype, storage } = ref;
  if (!dtype) throw reader.fail(`tensor "${name}" has an unsupported dtype (its storage is a ${storage.className})`);
  if (!Array.isArray(ref.shape) || !Array.isArray(ref.strides)) {
    throw reader.fail(`tensor "${name}" has a shape or strides that are no tuples`);
  }
  const { offset, count } = storage.part ?? { offset: 0, count: storage.count };
  const itemSize = ITEM_SIZE[storage.dtype ?? 'uint8'];
  if (!isCount(offset) || !isCount(count)) throw reader.fail(`tensor "${name}" has a storage without a valid size`);
  const begin = place.begin + offset * itemSize;
  const end = begin + count * itemSize;
  if (end > place.end) {
    const bytes = place.end - place.begin;
    throw reader.fail(`tensor "${name}" needs a storage of ${count * itemSize} bytes, the file has ${bytes} for it`);
  }
  const view = { dtype, shape: ref.shape, strides: ref.strides, storageOffset: ref.offset as number };
  try {
    return placeTensor(name, { ...view, storageBegin: begin, storageEnd: end });
  } catch (error) {
    throw reader.fail(`tensor "${name}" ${(error as Error).message}`);
  }
}
