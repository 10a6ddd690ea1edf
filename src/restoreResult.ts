import type { RestoredFace } from './faces/restoredFace';
import type { Stage } from './native/binding';
import type { Tensor } from './options/values';
import type { RunParameters } from './parameters/runParameters';
import { type PictureParts, PictureResult } from './pictureResult';

/** How long a part of the work took; `read` is bringing the input into memory and decoding it. */
export interface StageTime {
  readonly stage: Stage | 'read';
  readonly milliseconds: number;
}

export interface ResultParts extends PictureParts {
  readonly stage: 1 | 2;
  readonly times: readonly StageTime[];
  readonly trace: Readonly<Record<string, Tensor>>;
  readonly parameters: RunParameters | undefined;
  /** Of the task `unaligned_face`. */
  readonly faces?: readonly RestoredFace[];
  readonly background?: PictureResult | undefined;
  /** The other samples of the input. */
  readonly others: readonly RestoreResult[];
}

/**
 * A restored picture, as pixels; `toBuffer` and `toFile` make a picture file of it, with the input's metadata.
 * @example
 * const result = await restore('old.jpg');
 * await result.toFile('restored.jpg');
 */
export class RestoreResult extends PictureResult {
  /** 1: the restoration module alone ran. 2: both stages. */
  readonly stage: 1 | 2;
  readonly times: readonly StageTime[];
  /** Intermediate tensors; empty without the option `trace`. */
  readonly trace: Readonly<Record<string, Tensor>>;

  /** What it was made with; undefined where the option `noise` was given. */
  readonly parameters: RunParameters | undefined;

  /** The faces that were restored by themselves, the surest first; empty for other tasks than `unaligned_face`. */
  readonly faces: readonly RestoredFace[];
  /** The picture restored as a whole, before the faces were pasted; undefined for other tasks than `unaligned_face`. */
  readonly background: PictureResult | undefined;

  private readonly others: readonly RestoreResult[];

  /** @internal */
  constructor(parts: ResultParts) {
    super(parts);
    this.stage = parts.stage;
    this.times = parts.times;
    this.trace = parts.trace;
    this.parameters = parts.parameters;
    this.faces = parts.faces ?? [];
    this.background = parts.background;
    this.others = parts.others;
  }

  /** All pictures that the option `samples` asked for, this one first. */
  get samples(): readonly RestoreResult[] {
    return [this, ...this.others];
  }
}
