// RetinaFace and ParseNet beside a PyTorch program of their own (training/faces/networks.py), at narrow widths.
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { readCheckpoint } from '../../src/checkpoint/readCheckpoint';
import { readTensors, type TensorData } from '../../src/checkpoint/readTensor';
import type { NativeTensor, NetworkSpec, WeightTable } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import { FIXTURES, largestDifference } from './pictures';

const { primitives } = loadBinding();
let weights: WeightTable;
let values: Map<string, TensorData>;

beforeAll(async () => {
  weights = await readCheckpoint(path.join(FIXTURES, 'networks.safetensors'));
  const names = weights.tensors.map(({ name }) => name).filter((name) => name.startsWith('io.'));
  values = await readTensors(weights, names);
});

const NETWORKS = [
  ['retinaface', ['boxes', 'scores', 'landmarks']],
  ['parsenet', ['out']],
] as const;

function specOf(type: 'retinaface' | 'parsenet', tensors = weights.tensors): NetworkSpec {
  return { type, weights: { ...weights, tensors }, prefix: `${type}.`, config: {} };
}

describe.each(NETWORKS)('%s', (type, outputs) => {
  test('gives what PyTorch does', () => {
    const x = values.get(`io.${type}.x`) as NativeTensor;
    const found = primitives.createNetwork(specOf(type), 1, []).run({ x });
    for (const name of outputs) {
      const wanted = values.get(`io.${type}.${name}`) as TensorData;
      expect(found[name]?.shape).toEqual(wanted.shape);
      const scale = Math.max(...Array.from(wanted.data as Float32Array, Math.abs));
      expect(largestDifference(found[name]?.data ?? [], wanted.data as Float32Array) / scale).toBeLessThan(2e-5);
    }
  });

  test('names a missing key and its file', () => {
    const key = type === 'retinaface' ? 'body.layer2.0.bn3.running_var' : 'body.1.conv2.norm.norm.running_mean';
    const tensors = weights.tensors.filter(({ name }) => name !== `${type}.${key}`);
    expect(() => primitives.createNetwork(specOf(type, tensors), 1, [])).toThrow(
      expect.objectContaining({
        code: 'DIFFBIR_MODEL_MISMATCH',
        message: expect.stringMatching(
          new RegExp(`tensor named ${type}\\.${key.replaceAll('.', '\\.')} in .*networks`),
        ),
      }),
    );
  });

  test('names a tensor of a wrong shape', () => {
    const key = type === 'retinaface' ? 'LandmarkHead.1.conv1x1.weight' : 'out_mask_conv.conv2d.weight';
    const tensors = weights.tensors.map((entry) =>
      entry.name === `${type}.${key}` ? { ...entry, shape: [1, ...entry.shape.slice(1)] } : entry,
    );
    expect(() => primitives.createNetwork(specOf(type, tensors), 1, [])).toThrow(
      expect.objectContaining({ code: 'DIFFBIR_MODEL_MISMATCH', message: expect.stringContaining(key) }),
    );
  });

  test('is not taken for the other', () => {
    const other = type === 'retinaface' ? 'parsenet' : 'retinaface';
    expect(() => primitives.createNetwork({ ...specOf(type), prefix: `${other}.` }, 1, [])).toThrow('tensor named');
  });
});

test('the official prefix `module.` is taken off', async () => {
  const { tensors } = await readCheckpoint(path.join(FIXTURES, 'one_face_retinaface.pth'));
  expect(tensors.some(({ name }) => name === 'body.conv1.weight')).toBe(true);
});
