import type { TensorEntry } from '../../src/native/binding';

/**
 * How many 32-bit numbers torch's CPU generator gives away while the reference builds its networks, before it loads
 * their weights: the command line seeds the generator once, first of all, so that its noise begins behind them
 * (behaviour.md 0.3). Every value that an initialiser draws costs one number; which initialisers run follows from the
 * kind of layer, and for some networks from their own code. Constants and normalisations draw nothing.
 */

type Tensors = readonly Pick<TensorEntry, 'name' | 'shape'>[];

/** torch.nn.Linear and convolutions fill weight and bias from a uniform distribution. */
export function layerDraws(tensors: Tensors): number {
  const shapes = new Map(tensors.map(({ name, shape }) => [name, shape]));
  return sum(tensors, ({ name, shape }) => {
    if (!name.endsWith('.weight') || shape.length < 2) return 0;
    return size(shape) + size(shapes.get(name.replace(/weight$/, 'bias')) ?? [0]);
  });
}

/** SwinIR draws the weights of its linear layers again, and its tables of position biases. */
export function swinirDraws(tensors: Tensors): number {
  const again = sizeOf(tensors, /(qkv|proj|fc1|fc2)\.weight$|relative_position_bias_table$/);
  return layerDraws(tensors) + again;
}

/** RRDBNet draws the convolutions of its dense blocks again, from a normal distribution. */
export function rrdbnetDraws(tensors: Tensors): number {
  return layerDraws(tensors) + normalSize(tensors, /RDB\d\.conv\d\.weight$/);
}

/** SCUNet draws its tables of position biases. */
export function scunetDraws(tensors: Tensors): number {
  return layerDraws(tensors) + sizeOf(tensors, /relative_position_params$/);
}

/**
 * CLIP's text side draws every matrix twice, by its layers and by its own initialiser, and its tables. The picture side,
 * which is not in the checkpoint, is built too, and removed.
 */
export function clipDraws(tensors: Tensors, vision: Vision, embedding: number): number {
  const matrices = /(out_proj|c_fc|c_proj)\.weight$/;
  const layers = sizeOf(tensors, matrices) + sizeOf(tensors, /(out_proj|c_fc|c_proj)\.bias$/);
  const drawnTwice =
    2 * normalSize(tensors, /token_embedding\.weight$|in_proj_weight$/) + normalSize(tensors, matrices);
  const tables = normalSize(tensors, /positional_embedding$|text_projection$/);
  return layers + drawnTwice + tables + visionDraws(vision, embedding);
}

export interface Vision {
  readonly image_size: number;
  readonly layers: number;
  readonly width: number;
  readonly patch_size: number;
}

/** A vision transformer: patches, class and position embeddings, blocks, projection. */
function visionDraws({ image_size, layers, width, patch_size }: Vision, embedding: number): number {
  const linear = (inputs: number, outputs: number) => inputs * outputs + outputs;
  const block = 3 * width * width + linear(width, width) + linear(width, 4 * width) + linear(4 * width, width);
  const tables = normals(width) + normals(((image_size / patch_size) ** 2 + 1) * width) + normals(width * embedding);
  return 3 * patch_size ** 2 * width + tables + layers * block;
}

/** torch fills normal tensors in blocks of 16, and draws the last 16 again where they are no whole block. */
function normals(count: number): number {
  return count % 16 === 0 ? count : count + 16;
}

function sizeOf(tensors: Tensors, names: RegExp): number {
  return sum(tensors, ({ name, shape }) => (names.test(name) ? size(shape) : 0));
}

function normalSize(tensors: Tensors, names: RegExp): number {
  return sum(tensors, ({ name, shape }) => (names.test(name) ? normals(size(shape)) : 0));
}

function size(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
