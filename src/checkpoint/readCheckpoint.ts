import type { WeightTable } from '../native/binding';
import { FileReader } from './fileReader';
import { readSafetensors } from './safetensors';

/**
 * Reads the table of tensors of a checkpoint file; their data stays in the file.
 * Throws CheckpointError with the reason and what to do.
 */
export async function readCheckpoint(file: string): Promise<WeightTable> {
  return FileReader.with(file, async (reader) => ({
    file,
    fileSize: reader.size,
    tensors: await readSafetensors(reader),
  }));
}
