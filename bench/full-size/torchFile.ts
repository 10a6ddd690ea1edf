import path from 'node:path';
import { contiguousStrides, ITEM_SIZE } from '../../src/checkpoint/tensorEntry';
import { dict, pickle, tensor } from '../../test/checkpoint/pickle';
import { product, type TensorPlan } from './layout';
import { numbersOf, type StoredAs } from './numbers';
import { ZipWriter } from './zipWriter';

export interface TorchFileOptions {
  /** What tensors without a dtype of their own are stored as. */
  readonly dtype: Extract<StoredAs, 'float32' | 'float16'>;
  readonly seed: number;
  /** Whether the tensors lie in a dict under this key, as Lightning saves them. */
  readonly wrapper?: 'state_dict' | undefined;
  /** See ZipWriter. */
  readonly limit?: number;
}

/** Bytes of the tensors. */
export function sizeOf(tensors: readonly TensorPlan[], { dtype }: TorchFileOptions): number {
  return tensors.reduce((sum, plan) => sum + product(plan.shape) * ITEM_SIZE[plan.dtype ?? dtype], 0);
}

/** Writes a checkpoint as `torch.save` does since PyTorch 1.6, one tensor after the other. */
export function writeTorchFile(file: string, tensors: readonly TensorPlan[], options: TorchFileOptions): void {
  const { dtype, seed, wrapper, limit } = options;
  const zip = new ZipWriter(file, limit);
  const folder = path.basename(file, path.extname(file));
  const text = (value: string) => [Buffer.from(value)];
  const entries = tensors.map((plan, i) => [plan.name, reference(plan, plan.dtype ?? dtype, String(i))] as const);
  const table = dict(Object.fromEntries(entries));
  const root = wrapper ? dict({ epoch: 0, global_step: 0, [wrapper]: table }) : table;
  zip.add(`${folder}/data.pkl`, [pickle(root)]);
  zip.add(`${folder}/byteorder`, text('little'));
  for (const [i, plan] of tensors.entries()) {
    zip.add(`${folder}/data/${i}`, numbersOf(plan, plan.dtype ?? dtype, seed));
  }
  zip.add(`${folder}/version`, text('3\n'));
  zip.close();
}

const STORAGES = { float32: 'FloatStorage', float16: 'HalfStorage', int64: 'LongStorage' } as const;

function reference({ shape }: TensorPlan, dtype: StoredAs, key: string) {
  return tensor({ key, storage: STORAGES[dtype], count: product(shape), shape, strides: contiguousStrides(shape) });
}
