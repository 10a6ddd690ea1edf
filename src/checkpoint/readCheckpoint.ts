import type { TensorEntry, WeightTable } from '../native/binding';
import { detectFormat, type Format } from './detectFormat';
import { FileReader } from './fileReader';
import { readSafetensors } from './safetensors';
import { readTorchLegacy } from './torchLegacy';
import { readTorchZip } from './torchZip';
import { stripModulePrefix } from './unwrap';

const READERS: Readonly<Record<Format, (reader: FileReader) => Promise<TensorEntry[]>>> = {
  'torch-zip': readTorchZip,
  'torch-legacy': readTorchLegacy,
  safetensors: readFlat,
};

/**
 * Reads the table of tensors of a checkpoint: a file of `torch.save` (zip or legacy) or safetensors, whatever its name.
 * Only headers are read, the tensors stay in the file; nothing in the file is ever executed.
 * Throws CheckpointError, which names the file, the reason and what to do.
 * @example
 * const table = await readCheckpoint('v2-1_512-ema-pruned.ckpt');
 * table.tensors.find(({ name }) => name === 'first_stage_model.quant_conv.weight')?.shape; // [8, 8, 1, 1]
 */
export async function readCheckpoint(file: string): Promise<WeightTable> {
  return FileReader.with(file, readTable);
}

/** The same of a file that is open. */
export async function readTable(reader: FileReader): Promise<WeightTable> {
  const format = await detectFormat(reader);
  return { file: reader.file, fileSize: reader.size, tensors: await READERS[format](reader) };
}

/** safetensors has no wrappers, but the keys of a parallel training may still be in it. */
async function readFlat(reader: FileReader): Promise<TensorEntry[]> {
  const entries = await readSafetensors(reader);
  const byName = stripModulePrefix(reader, new Map(entries.map((entry) => [entry.name, entry])));
  return [...byName].map(([name, entry]) => ({ ...entry, name }));
}
