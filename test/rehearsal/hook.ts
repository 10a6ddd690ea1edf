// The addon of `npm run build:rehearsal` (native/rehearsal): ONNX Runtime's provider for CUDA runs on a GPU that is none.
// Kernels do nothing but where our own are to compute, so that numbers mean nothing; what is asked of the GPU is counted,
// and refused where a GPU would.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { librariesFolder } from '../../src/device/libraries';
import type { NativeBinding } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import { packageRoot } from '../../src/packageRoot';

export const FOLDER = path.join(packageRoot(), 'build', 'rehearsal');
export const CACHE = path.join(FOLDER, 'cache');
const ADDON = path.join(FOLDER, 'diffbir.node');

export const isBuilt = existsSync(ADDON) && existsSync(path.join(librariesFolder(CACHE), 'libcuda.so.1'));

/** Of a process in which everything is the rehearsal's. */
export const variables = {
  DIFFBIR_CACHE: CACHE,
  DIFFBIR_BINDING_PATH: ADDON,
  LD_LIBRARY_PATH: FOLDER, // where the driver is looked for
};

/** Names of test/native/graphCases.ts, which must not be read before there is a Rehearsal. */
export const CASES = [
  ...['embedded controlnet', 'embedded unet', 'embedded controlnet of two prompts', 'embedded unet of two prompts'],
  ...['embedded encoder', 'embedded decoder', 'recorded controlnet', 'recorded unet'],
  ...['recorded controlnet of two prompts', 'recorded unet of two prompts', 'recorded encoder', 'recorded decoder'],
  ...['text encoder', 'SwinIR', 'SCUNet', 'RRDBNet', 'SRVGG', 'SD 2.1 widths'],
];

/** Those of them without an operator of ours in float16, for pictures whole. */
export const WITHOUT_OWN = ['recorded encoder', 'recorded decoder', 'RRDBNet', 'SRVGG'];

export interface Gpus {
  /** 1 without it. */
  readonly devices?: number;
  /** 80 GiB without it. */
  readonly bytesEach?: number;
  /** Which allocation fails; none without it. */
  readonly failsAt?: number;
  /** Our own kernels compute, and memory is what they wrote; ONNX Runtime's never do. Not without it. */
  readonly computes?: boolean;
}

export interface Report {
  /** How often what was asked for since begin(); what never was is not there. */
  readonly counts: Readonly<Record<string, number>>;
  /** What a GPU would have refused, or not survived. */
  readonly refused: readonly string[];
  /** Bytes of each device. */
  readonly devices: readonly { readonly taken: number; readonly peak: number }[];
}

interface Door {
  begin(devices: number, bytesEach: number, failsAt: number, computes: boolean): void;
  moveOperators(moves: boolean): void;
  report(): string;
}

/** Everything that this process opens from here on is the rehearsal's. */
export class Rehearsal {
  readonly binding: NativeBinding;
  private readonly door: Door;

  constructor() {
    Object.assign(process.env, variables);
    this.binding = loadBinding();
    this.door = (this.binding.primitives as unknown as { rehearsal: Door }).rehearsal;
  }

  begin({ devices = 1, bytesEach = 80 * 2 ** 30, failsAt = 0, computes = false }: Gpus = {}): void {
    this.door.begin(devices, bytesEach, failsAt, computes);
  }

  /** Whether networks that are made from here on have our operators for a GPU on the processor. */
  moveOperators(moves: boolean): void {
    this.door.moveOperators(moves);
  }

  report(): Report {
    return JSON.parse(this.door.report());
  }
}
