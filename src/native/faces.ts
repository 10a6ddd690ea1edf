import type { NativeImage } from './binding';

/** Faces as they cross the door; `native/pipeline/faces` explains each member. Coordinates are in pixels. */

export interface FindFacesJob {
  readonly image: NativeImage;
  readonly upscale: number;
  /** The surest faces are given back, at most so many. */
  readonly mostFaces: number;
  /** Pixels that the detector may work on: a larger picture is shrunk for it. */
  readonly mostPixels: number;
  readonly parity: boolean;
}

export interface NativeFace {
  /** Left, top, right, bottom. */
  readonly box: Float64Array;
  /** 0.8 to 1. */
  readonly score: number;
  /** x and y of left eye, right eye, nose, left and right corner of the mouth. */
  readonly landmarks: Float64Array;
  /** A 2x3 matrix, row by row, from the picture to the aligned face. */
  readonly toAligned: Float64Array;
  /** 512 x 512. */
  readonly aligned: NativeImage;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

export interface FoundFaces {
  /** Of the picture that comes out. */
  readonly size: Size;
  /** Of the picture as the detector saw it. */
  readonly searched: Size;
  /** Faces, those beyond `mostFaces` too. */
  readonly found: number;
  /** The surest first. */
  readonly faces: readonly NativeFace[];
}

export interface PasteFacesJob {
  readonly background: NativeImage;
  readonly size: Size;
  readonly faces: readonly Pick<NativeFace, 'toAligned' | 'aligned'>[];
  readonly parity: boolean;
}

/** What of these is a primitive: single operations for the tests, as the C++ functions of their names document them. */
export interface FacePrimitives {
  /** `part` is y, x, height, width of the result. */
  warpImage(image: NativeImage, m: Float64Array, part: Int32Array, border: Uint8Array): NativeImage;
  warpPlane(plane: Plane, m: Float64Array, part: Int32Array): Plane;
  erode(plane: Plane, side: number): Plane;
  gaussianBlur(plane: Plane, side: number, sigma: number): Plane;
  resizeLinear(image: NativeImage, width: number, height: number): NativeImage;
  resizeLanczos4(image: NativeImage, width: number, height: number): NativeImage;
  invertAffine(m: Float64Array): Float64Array;
  decodeFaces(
    boxes: Plane,
    scores: Plane,
    landmarks: Plane,
    height: number,
    width: number,
    leastScore: number,
    mostOverlap: number,
  ): Pick<NativeFace, 'box' | 'score' | 'landmarks'>[];
  faceAlignment(landmarks: Float64Array, parity: boolean): Float64Array | null;
  alignedFace(image: NativeImage, toAligned: Float64Array, parity: boolean): NativeImage;
  parseMask(logits: Plane): Plane;
  /** One channel of the background; the red one of the face is not told from the others. */
  blendFace(background: Plane, toAligned: Float64Array, aligned: NativeImage, mask: Plane, parity: boolean): Plane;
}

/** A tensor; planes are [height, width]. */
interface Plane {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}
