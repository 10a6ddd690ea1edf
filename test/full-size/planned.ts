import { Layout } from '../../bench/full-size/layout';
import { contiguousStrides } from '../../src/checkpoint/tensorEntry';
import type { NetworkSpec } from '../../src/native/binding';

/** A network of the tensors that a layout plans, for what looks at shapes alone: there is no file. */
export function planned(
  type: NetworkSpec['type'],
  fill: (layout: Layout) => void,
  config: NetworkSpec['config'] = {},
): NetworkSpec {
  const layout = Layout.empty();
  fill(layout);
  const tensors = layout.tensors.map(({ name, shape, dtype = 'float32' as const }) => ({
    ...{ name, shape, dtype, strides: contiguousStrides(shape), offset: 0, end: 0 },
  }));
  return { type, weights: { file: 'planned', fileSize: 0, tensors }, prefix: '', config };
}
