import type { NativeFace } from '../native/faces';
import type { PictureResult } from '../pictureResult';

/** A place in the result, in pixels from its upper left corner. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A face that was restored by itself (task `unaligned_face`). Left and right are the picture's, not the person's. */
export interface RestoredFace {
  /** In pixels of the result; may reach beyond its border. */
  readonly box: { readonly left: number; readonly top: number; readonly right: number; readonly bottom: number };
  /** How sure the detector is, 0.8 to 1. */
  readonly score: number;
  readonly landmarks: {
    readonly leftEye: Point;
    readonly rightEye: Point;
    readonly nose: Point;
    readonly leftMouth: Point;
    readonly rightMouth: Point;
  };
  /** The face as it was, turned upright and scaled to 512 x 512. */
  readonly cropped: PictureResult;
  /** The same restored, before it was pasted back. */
  readonly restored: PictureResult;
}

export function restoredFace(
  { box, score, landmarks }: Pick<NativeFace, 'box' | 'score' | 'landmarks'>,
  pictures: Pick<RestoredFace, 'cropped' | 'restored'>,
): RestoredFace {
  const [left = 0, top = 0, right = 0, bottom = 0] = box;
  const point = (i: number): Point => ({ x: landmarks[2 * i] ?? 0, y: landmarks[2 * i + 1] ?? 0 });
  return {
    box: { left, top, right, bottom },
    score,
    landmarks: {
      leftEye: point(0),
      rightEye: point(1),
      nose: point(2),
      leftMouth: point(3),
      rightMouth: point(4),
    },
    ...pictures,
  };
}
