import { readCheckpoint } from './checkpoint/readCheckpoint';
import type { Device } from './device/parse';
import { type ResolvedDevices, resolveDevices } from './device/resolve';
import type { CheckpointReader } from './models/modelSpec';
import type { NativeBinding } from './native/binding';
import { loadBinding } from './native/loadBinding';
import { type PromptTokens, promptTokens } from './prompts';

/** The rooms that a Restorer calls. Tests give others; nothing is replaced behind anybody's back. */
export interface Internals {
  /** Opens the addon (the option `nativeBinding`, else the package's own) and ONNX Runtime. */
  loadBinding(nativeBinding?: string): NativeBinding;
  /** What the option `device` stands for on this machine. */
  resolveDevices(device: Device, nativeBinding?: string): Promise<ResolvedDevices>;
  readonly readCheckpoint: CheckpointReader;
  promptTokens(prompt: string): PromptTokens;
}

export const internals: Internals = { loadBinding, resolveDevices, readCheckpoint, promptTokens };
