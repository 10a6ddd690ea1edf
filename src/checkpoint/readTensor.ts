import type { DType, TensorEntry, WeightTable } from '../native/binding';
import { FileReader } from './fileReader';
import { ITEM_SIZE } from './tensorEntry';

export type TensorArray =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array;

/** Values of one tensor, row-major. float16 and bfloat16 are widened to float32, bool is 0 or 1. */
export interface TensorData {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TensorArray;
}

/**
 * Reads the values of one tensor. For tests and tools: a restoration never does this, native code maps the file.
 * Throws RangeError when the table has no such tensor.
 */
export async function readTensor(table: WeightTable, name: string): Promise<TensorData> {
  const [found] = await readTensors(table, [name]);
  return (found as [string, TensorData])[1];
}

/** Reads several tensors (default: all) with the file opened once. */
export async function readTensors(table: WeightTable, names?: readonly string[]): Promise<Map<string, TensorData>> {
  const byName = new Map(table.tensors.map((entry) => [entry.name, entry]));
  const result = new Map<string, TensorData>();
  await FileReader.with(table.file, async (reader) => {
    for (const name of names ?? byName.keys()) {
      const entry = byName.get(name);
      if (!entry) throw new RangeError(`${table.file} has no tensor "${name}"`);
      result.set(name, await gather(reader, entry));
    }
  });
  return result;
}

async function gather(reader: FileReader, entry: TensorEntry): Promise<TensorData> {
  const { dtype, shape, strides, offset } = entry;
  const count = shape.reduce((product, size) => product * size, 1);
  const data = new ARRAYS[dtype](count);
  if (count > 0) {
    const last = shape.reduce((sum, size, axis) => sum + (size - 1) * (strides[axis] as number), 0);
    const bytes = await reader.read(offset, (last + 1) * ITEM_SIZE[dtype], `tensor "${entry.name}"`);
    const value = getter(dtype, new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    const index = new Array<number>(shape.length).fill(0);
    let source = 0;
    for (let target = 0; target < count; target++) {
      data[target] = value(source) as never;
      source = advance(index, shape, strides, source);
    }
  }
  return { dtype, shape, data };
}

/** Moves `index` to the next element in row-major order and returns its place in the storage. */
function advance(index: number[], shape: readonly number[], strides: readonly number[], place: number): number {
  let next = place;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const stride = strides[axis] as number;
    const at = (index[axis] as number) + 1;
    if (at < (shape[axis] as number)) {
      index[axis] = at;
      return next + stride;
    }
    next -= (at - 1) * stride;
    index[axis] = 0;
  }
  return next;
}

const ARRAYS = {
  float64: Float64Array,
  float32: Float32Array,
  float16: Float32Array,
  bfloat16: Float32Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const satisfies Record<DType, unknown>;

function getter(dtype: DType, view: DataView): (element: number) => number | bigint {
  switch (dtype) {
    case 'float64':
      return (i) => view.getFloat64(8 * i, true);
    case 'float32':
      return (i) => view.getFloat32(4 * i, true);
    case 'float16':
      return (i) => halfToNumber(view.getUint16(2 * i, true));
    case 'bfloat16':
      return (i) => bfloatToNumber(view.getUint16(2 * i, true));
    case 'int64':
      return (i) => view.getBigInt64(8 * i, true);
    case 'int32':
      return (i) => view.getInt32(4 * i, true);
    case 'int16':
      return (i) => view.getInt16(2 * i, true);
    case 'int8':
      return (i) => view.getInt8(i);
    case 'uint8':
      return (i) => view.getUint8(i);
    case 'bool':
      return (i) => (view.getUint8(i) === 0 ? 0 : 1);
  }
}

/** IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

const word = new DataView(new ArrayBuffer(4));

/** bfloat16 is the upper half of a float32. */
function bfloatToNumber(bits: number): number {
  word.setUint32(0, bits << 16);
  return word.getFloat32(0);
}
