import type { ChosenDevice } from '../device/choose';
import { type Examination, examine } from '../device/detect';
import { type DeviceFacts, gatherFacts } from '../device/facts';
import { librariesFolder, readLibraries } from '../device/libraries';
import type { Device } from '../device/parse';
import type { Int8KernelSet } from '../native/int8Kernels';
import { loadBinding, type NativeFiles, nativeFiles, runtimeVersion } from '../native/loadBinding';
import { Restorer } from '../restorer';

/** What the steps of the self-test find, in their order. Each is a line of JSON on the child's stdout. */
export interface SelfTestSteps {
  /** Opens addon and ONNX Runtime. */
  readonly load: NativeFiles & { readonly onnxruntime: string; readonly int8Kernels: Int8KernelSet };
  /** Asks for GPUs, and what keeps them from being used. */
  readonly devices: Pick<DeviceFacts, 'cuda' | 'kernelDriver'> & {
    /** The folder of the GPU libraries, and what is in it. */
    readonly folder: string;
    readonly files: readonly { readonly name: string; readonly bytes: number }[];
    readonly examined: { readonly cuda: Examination; readonly tensorrt: Examination };
  };
  /** Loads the embedded model. */
  readonly model: { readonly device: ChosenDevice };
  /** Restores a small picture, and looks at it. */
  readonly restore: { readonly seconds: number; readonly difference: number };
}

export const STEPS = ['load', 'devices', 'model', 'restore'] as const satisfies readonly (keyof SelfTestSteps)[];
export type Step = (typeof STEPS)[number];

/** A line of the child. */
export type SelfTestEvent =
  | { readonly step: Step; readonly found: SelfTestSteps[Step] }
  | { readonly step: Step; readonly error: { readonly code: string | undefined; readonly message: string } };

const SIDE = 64;
/** Mean distance in levels to which the restoration of a smooth picture keeps; 1.7 was measured on a CPU. */
const MOST_DIFFERENCE = 8;

/**
 * The self-test, in the child process of `diffbir doctor`: goes through the steps and reports each when it is done; the
 * step after the last report is the one that a crash came from. True where all went well.
 */
export async function selfTest(device: Device, report: (event: SelfTestEvent) => void): Promise<boolean> {
  let restorer: Restorer | undefined;
  const work: { readonly [S in Step]: () => SelfTestSteps[S] | Promise<SelfTestSteps[S]> } = {
    load: () => {
      const { int8Kernels } = loadBinding();
      return { ...nativeFiles(), onnxruntime: runtimeVersion(), int8Kernels };
    },
    devices: findDevices,
    model: async () => {
      restorer = await Restorer.create({ device });
      return { device: restorer.device };
    },
    restore: () => restoreSmall(restorer as Restorer),
  };
  for (const step of STEPS) {
    try {
      report({ step, found: await work[step]() });
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      report({ step, error: { code, message } });
      return false;
    }
  }
  await restorer?.dispose();
  return true;
}

async function findDevices(): Promise<SelfTestSteps['devices']> {
  const libraries = await readLibraries(librariesFolder());
  const facts = gatherFacts(loadBinding(), runtimeVersion(), libraries);
  return {
    cuda: facts.cuda,
    kernelDriver: facts.kernelDriver,
    folder: libraries.folder,
    files: [...libraries.files].map(([name, bytes]) => ({ name, bytes })),
    examined: { cuda: examine(facts, 'cuda'), tensorrt: examine(facts, 'tensorrt') },
  };
}

/** Both stages on a smooth picture, of which the restoration must stay near. */
async function restoreSmall(restorer: Restorer): Promise<SelfTestSteps['restore']> {
  const data = new Uint8Array(SIDE * SIDE * 3);
  for (let i = 0; i < data.length; i++) data[i] = 64 + (i % 3) * 32 + Math.floor((i / 3) % SIDE);
  const begin = performance.now();
  const input = { data, width: SIDE, height: SIDE, channels: 3 } as const;
  const restored = await restorer.restore(input, { steps: 4 });
  const seconds = (performance.now() - begin) / 1000;
  const difference = data.reduce((sum, level, i) => sum + Math.abs(level - (restored.data[i] ?? 0)), 0) / data.length;
  if (restored.data.length !== data.length || !(difference < MOST_DIFFERENCE)) {
    throw new Error(`the restored picture is wrong: ${difference.toFixed(1)} levels from the original on average`);
  }
  return { seconds, difference };
}
