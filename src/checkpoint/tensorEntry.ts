import type { DType, TensorEntry } from '../native/binding';
import { isCount } from './fileReader';

/** Bytes of one element. */
export const ITEM_SIZE: Readonly<Record<DType, number>> = {
  float64: 8,
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
};

/** More than any network has; native code takes no more. */
const MAX_RANK = 8;

/** How a tensor looks into its storage, in elements, and where that storage lies in the file, in bytes. */
export interface TensorView {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  /** Elements from the start of the storage to element 0. */
  readonly storageOffset: number;
  readonly storageBegin: number;
  readonly storageEnd: number;
}

/**
 * Checks a view and places it in the file. Throws a plain RangeError with the reason; callers add file and tensor.
 * A tensor without elements may have any offset in its storage.
 */
export function placeTensor(name: string, view: TensorView): TensorEntry {
  const { dtype, shape, strides, storageOffset, storageBegin, storageEnd } = view;
  if (shape.length > MAX_RANK) throw new RangeError(`has ${shape.length} axes`);
  if (shape.length !== strides.length) throw new RangeError(`has ${shape.length} axes but ${strides.length} strides`);
  if (![...shape, ...strides, storageOffset].every(isCount)) {
    throw new RangeError('has a size, stride or offset that is negative, fractional or too large');
  }
  const offset = storageBegin + storageOffset * ITEM_SIZE[dtype];
  const elements = shape.reduce((product, size) => product * size, 1);
  const last = shape.reduce((sum, size, axis) => sum + (size - 1) * (strides[axis] as number), 0);
  const behind = elements === 0 ? offset : offset + (last + 1) * ITEM_SIZE[dtype];
  if (!Number.isSafeInteger(elements) || !(behind <= storageEnd)) {
    throw new RangeError(`reaches beyond its storage (byte ${behind} of the file, the storage ends at ${storageEnd})`);
  }
  return { name, dtype, shape, strides, offset, end: storageEnd };
}

/** Row-major strides in elements, as torch gives them to a new tensor (an axis of size 0 counts as 1). */
export function contiguousStrides(shape: readonly number[]): number[] {
  const strides: number[] = new Array(shape.length);
  let step = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = step;
    step *= Math.max(shape[axis] as number, 1);
  }
  return strides;
}
