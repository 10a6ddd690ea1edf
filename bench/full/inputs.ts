import type { NativeTensor, NetworkSpec } from '../../src/native/binding';
import type { NetworkInputs } from '../../src/native/primitives';
import { product } from '../full-size/layout';

/** What a network is run on: `side` pixels a side (of its output, for the decoder), and tokens of a prompt. */
export interface InputSize {
  readonly side: number;
  readonly tokens: number;
}

const CELL = 8; // pixels a side

/** Random numbers in the shapes that a network of a model takes, by the names of its inputs. */
export function inputsOf(network: NetworkSpec, { side, tokens }: InputSize): NetworkInputs {
  const sizeOf = sizesIn(network);
  const latent = side / CELL;
  const steering = () => {
    const width = [...sizeOf.entries()].find(([name]) => name.endsWith('attn2.to_k.weight'))?.[1][1] ?? 0;
    return { t: { shape: [1], data: Float32Array.of(500) }, context: random([1, tokens, width]) };
  };
  switch (network.type) {
    case 'vae_encoder':
      return { image: random([1, 3, side, side]) };
    case 'vae_decoder':
      return { z: random([1, sizeOf.get('post_quant_conv.weight')?.[1] ?? 0, latent, latent]) };
    case 'clip_text':
      return { ids: Int32Array.from({ length: tokens }, (_, i) => 1 + i) };
    case 'unet': {
      const x = random([1, sizeOf.get('input_blocks.0.0.weight')?.[1] ?? 0, latent, latent]);
      const controls = featuresOf(sizeOf, latent).map((shape, i) => [`control_${i}`, random(shape)]);
      return { x, ...steering(), strength: { shape: [1], data: Float32Array.of(1) }, ...Object.fromEntries(controls) };
    }
    case 'controlnet': {
      const x = random([1, (sizeOf.get('input_blocks.0.0.weight')?.[1] ?? 0) / 2, latent, latent]);
      return { x, hint: x, ...steering() };
    }
    default:
      return { x: random([1, 3, side, side]) };
  }
}

/** Uniform, with mean 0 and deviation 1: activations of a sane size, as normalised ones are. */
export function random(shape: readonly number[]): NativeTensor {
  const data = new Float32Array(product(shape));
  for (let i = 0; i < data.length; i++) data[i] = Math.sqrt(12) * (Math.random() - 0.5);
  return { shape, data };
}

type Sizes = ReadonlyMap<string, readonly number[]>;

/** Shapes of a network's tensors by their names inside it. */
function sizesIn({ weights, prefix }: NetworkSpec): Sizes {
  const own = weights.tensors.filter(({ name }) => name.startsWith(prefix));
  return new Map(own.map(({ name, shape }) => [name.slice(prefix.length), shape]));
}

/** Shapes of what a UNet's input blocks and its middle block give, which ControlNet adds to (behaviour.md 5.4). */
function featuresOf(sizes: Sizes, latent: number): number[][] {
  const features: number[][] = [];
  let side = latent;
  const widthOf = (block: string, inside: readonly string[]) =>
    inside.map((name) => sizes.get(`${block}.${name}.weight`)?.[0]).find((width) => width !== undefined);
  for (let block = 0; ; block++) {
    const width = widthOf(`input_blocks.${block}.0`, ['out_layers.3', 'op']) ?? widthOf(`input_blocks.${block}`, ['0']);
    if (width === undefined) break;
    if (sizes.has(`input_blocks.${block}.0.op.weight`)) side /= 2;
    features.push([1, width, side, side]);
  }
  return [...features, [1, widthOf('middle_block.0', ['out_layers.3']) ?? 0, side, side]];
}
