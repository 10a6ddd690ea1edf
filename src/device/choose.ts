import { DiffBIRError } from '../errors';
import type { Provider } from '../native/devices';
import { type Examination, examine, type GpuProvider, type Problem } from './detect';
import type { DeviceFacts } from './facts';
import type { Device, DeviceRequest } from './parse';

/** What a Restorer runs on. */
export interface ChosenDevice {
  readonly provider: Provider;
  /** Of the GPU, as CUDA counts them; 0 for the CPU. */
  readonly index: number;
  /** Of the GPU. */
  readonly name?: string;
  /** Why this one: that it was asked for, or what keeps a GPU from being used and what to do. */
  readonly reason: string;
}

export const ASKED = 'It was asked for.';

/** The CPU, for a reason. */
export function chooseCpu(reason: string): ChosenDevice {
  return { provider: 'cpu', index: 0, reason };
}

/**
 * The device that was asked for; with `auto` the first usable GPU, else the CPU.
 * Throws DIFFBIR_NO_DEVICE, with every reason and what to do.
 * @param asked as the caller wrote it, for messages
 */
export function chooseDevice(asked: Device, { provider, index }: DeviceRequest, facts: DeviceFacts): ChosenDevice {
  if (provider === 'cpu') return chooseCpu(ASKED);
  const gpu: GpuProvider = provider === 'auto' ? 'cuda' : provider;
  const found = examine(facts, gpu);
  const usable = usableDevice(found, index);
  if (usable) {
    const reason = provider === 'auto' ? 'It is the first GPU that can be used.' : ASKED;
    return { provider: gpu, index: usable.index, name: usable.name, reason };
  }
  const reasons = inWords(problemsOf(found, index));
  if (provider === 'auto') return chooseCpu(reasons);
  throw new DiffBIRError('DIFFBIR_NO_DEVICE', `The device '${asked}' cannot be used. ${reasons}`);
}

/** Each reason with what to do. */
export function inWords(problems: readonly Problem[]): string {
  return problems.map(({ reason, fix }) => `${reason} ${fix}`).join(' ');
}

function usableDevice({ problems, devices }: Examination, index: number | undefined) {
  if (problems.length > 0) return undefined;
  return devices.find((device) => device.problems.length === 0 && (index === undefined || device.index === index));
}

/** What concerns all, and what the devices that were meant have. */
function problemsOf({ problems, devices }: Examination, index: number | undefined): readonly Problem[] {
  const meant = devices.filter((device) => index === undefined || device.index === index);
  if (meant.length > 0 || devices.length === 0) return [...problems, ...meant.flatMap((device) => device.problems)];
  const reason = `There is no device ${index}, only ${devices.map((device) => device.index).join(', ')}.`;
  return [...problems, { code: 'no-device', reason, fix: 'Name one of those.' }];
}
