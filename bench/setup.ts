import { cpus } from 'node:os';
import { versions } from '../src/versions';

/** Versions and machine, for the head of a table. */
export async function setup(): Promise<string> {
  const { diffbir, onnxruntime } = await versions();
  const [cpu] = cpus();
  return `diffbir ${diffbir}, ONNX Runtime ${onnxruntime}, Node.js ${process.version}, ${cpus().length} x ${cpu?.model}`;
}
