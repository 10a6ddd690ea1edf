import { readCheckpoint } from '../../src/checkpoint/readCheckpoint';
import { readTensors } from '../../src/checkpoint/readTensor';
import type { NetworkSpec } from '../../src/native/binding';
import { safetensors, temporaryFolder, write } from '../checkpoint/build';

/** The network with its middle attention adding nothing, as a checkpoint of its own. */
export async function withoutAttention(network: NetworkSpec): Promise<NetworkSpec> {
  const header: Record<string, unknown> = {};
  const parts: Buffer[] = [];
  let end = 0;
  const names = network.weights.tensors.map(({ name }) => name).filter((name) => name.startsWith(network.prefix));
  for (const [name, { shape, data }] of await readTensors(network.weights, names)) {
    const off = name.includes('attn_1.proj_out');
    const values = Float32Array.from(data as Float32Array, (value) => (off ? 0 : value));
    const bytes = Buffer.from(values.buffer);
    header[name] = { dtype: 'F32', shape, data_offsets: [end, end + bytes.length] };
    parts.push(bytes);
    end += bytes.length;
  }
  const file = write(temporaryFolder(), safetensors(header, Buffer.concat(parts)));
  return { ...network, weights: await readCheckpoint(file) };
}
