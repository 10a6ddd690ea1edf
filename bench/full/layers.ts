import type { Primitives } from '../../src/native/primitives';
import { product } from '../full-size/layout';
import { random } from './inputs';

/** A layer whose rate is measured by itself. */
interface Layer {
  readonly kind: 'MatMul' | 'Conv';
  readonly x: readonly number[];
  /** [in, out], or [out, in, kh, kw]. */
  readonly weight: readonly number[];
}

export interface LayerRate {
  readonly kind: Layer['kind'];
  readonly name: string;
  readonly gflop: number;
  /** Of the best run. */
  readonly seconds: number;
}

const matmul = (rows: number, input: number, output: number): Layer => ({
  kind: 'MatMul',
  x: [rows, input],
  weight: [input, output],
});
const conv = (side: number, input: number, output: number): Layer => ({
  kind: 'Conv',
  x: [1, input, side, side],
  weight: [output, input, 3, 3],
});

/** Large ones, which nothing but arithmetic limits, and then those of which UNet and autoencoder have most. */
const LAYERS: readonly Layer[] = [
  ...[matmul(4096, 4096, 4096), matmul(4096, 2560, 2560), matmul(4096, 1280, 1280)],
  ...[matmul(4096, 320, 2560), matmul(1024, 640, 5120), matmul(256, 1280, 10240)],
  ...[conv(64, 320, 320), conv(32, 640, 640), conv(16, 1280, 1280)],
  ...[conv(512, 128, 128), conv(128, 512, 512)],
];
const RUNS = 10;

/** Rates of single layers as ONNX Runtime runs them, with float32 weights that it has packed for itself. */
export function measureLayers(primitives: Primitives, threads: number): LayerRate[] {
  return LAYERS.map((layer) => {
    const network = primitives.createLayer(random(layer.weight), threads);
    const x = random(layer.x);
    network.timeRuns({ x }, 1);
    return { ...described(layer), seconds: Math.min(...network.timeRuns({ x }, RUNS)) };
  });
}

/** 2 operations for each weight at each place where it is used. */
function described({ kind, x, weight }: Layer): Omit<LayerRate, 'seconds'> {
  const places = kind === 'MatMul' ? (x[0] as number) : product(x.slice(2));
  const [a, b] = weight;
  const name = kind === 'MatMul' ? `MatMul ${places}x${a}x${b}` : `Conv ${b}->${a} ${x[2]}x${x[3]}`;
  return { kind, name, gflop: (2 * product(weight) * places) / 1e9 };
}
