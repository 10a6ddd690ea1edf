/** One tensor of a checkpoint that is to be made: its place in the network, and how its numbers are drawn. */
export interface TensorPlan {
  readonly name: string;
  readonly shape: readonly number[];
  /** Mean and standard deviation of its numbers. */
  readonly mean: number;
  readonly spread: number;
  /** Numbers that are not drawn, by their position in row-major order. */
  readonly exact: ReadonlyMap<number, number>;
  /** What it is stored as, whatever the rest of the file is; left open, as the rest. */
  readonly dtype?: 'int64';
}

interface LayerOptions {
  /** Standard deviation of the output where the inputs have 1 and are independent. @default 1 */
  readonly gain?: number;
  /** @default true */
  readonly bias?: boolean;
  /** Output channels that only pass channels of the input on, times a factor, through the middle of the kernel. */
  readonly passes?: readonly Pass[];
}

export interface Pass {
  readonly from: number;
  readonly to: number;
  readonly factor: number;
}

/** A residual branch adds this much, so that what passes a deep network by keeps its size. */
export const BRANCH = { gain: 0.2 } as const;

const BIAS = 0.02;
const NORM = { weight: 0.05, bias: 0.02 };
const NOTHING: ReadonlyMap<number, number> = new Map();

/** Lists the tensors of a network in the vocabulary of torch.nn, in the order of the calls. */
export class Layout {
  private constructor(
    readonly tensors: TensorPlan[],
    private readonly prefix: string,
  ) {}

  static empty(): Layout {
    return new Layout([], '');
  }

  /** The same list, names behind `child.`. */
  at(child: string | number): Layout {
    return new Layout(this.tensors, `${this.prefix}${child}.`);
  }

  add(name: string, shape: readonly number[], numbers: Partial<Omit<TensorPlan, 'name' | 'shape'>>): void {
    this.tensors.push({ name: this.prefix + name, shape, mean: 0, spread: 0, exact: NOTHING, ...numbers });
  }

  conv(name: string, output: number, input: number, kernel: number, options: LayerOptions = {}): void {
    this.layer(name, [output, input, kernel, kernel], options);
  }

  linear(name: string, output: number, input: number, options: LayerOptions = {}): void {
    this.layer(name, [output, input], options);
  }

  /** LayerNorm or GroupNorm, close to 1 and 0. */
  norm(name: string, channels: number): void {
    this.add(`${name}.weight`, [channels], { mean: 1, spread: NORM.weight });
    this.add(`${name}.bias`, [channels], { spread: NORM.bias });
  }

  private layer(name: string, shape: readonly number[], { gain = 1, bias = true, passes = [] }: LayerOptions): void {
    const [output = 0, ...rest] = shape;
    const fanIn = product(rest);
    this.add(`${name}.weight`, shape, { spread: gain / Math.sqrt(fanIn), exact: rowsThatPass(shape, passes) });
    if (bias) {
      this.add(`${name}.bias`, [output], { spread: BIAS, exact: new Map(passes.map(({ to }) => [to, 0])) });
    }
  }
}

export function product(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total * size, 1);
}

function rowsThatPass([, ...rest]: readonly number[], passes: readonly Pass[]): ReadonlyMap<number, number> {
  const [, ...kernel] = rest;
  const row = product(rest);
  const taps = product(kernel);
  const exact = new Map<number, number>();
  for (const { to } of passes) for (let i = 0; i < row; i++) exact.set(to * row + i, 0);
  for (const { from, to, factor } of passes) exact.set(to * row + from * taps + Math.floor(taps / 2), factor);
  return exact;
}
