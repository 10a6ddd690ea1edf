import { safetensors } from './build';

/** A safetensors file of float16 with all tensors in float32, some of them changed. */
export function edited(
  bytes: Buffer,
  change: (name: string, values: Float32Array, shape: readonly number[]) => void,
): Buffer {
  const begin = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, begin)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const parts: Buffer[] = [];
  let offset = 0;
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const data = bytes.subarray(begin + entry.data_offsets[0], begin + entry.data_offsets[1]);
    if (entry.dtype !== 'F16') throw new Error(`${name} is of ${entry.dtype}`);
    const values = Float32Array.from({ length: data.length / 2 }, (_, i) => halfToFloat(data.readUInt16LE(2 * i)));
    change(name, values, entry.shape);
    parts.push(Buffer.from(values.buffer));
    entry.dtype = 'F32';
    entry.data_offsets = [offset, offset + values.byteLength];
    offset += values.byteLength;
  }
  return safetensors(header, Buffer.concat(parts));
}

function halfToFloat(bits: number): number {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const magnitude = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}
