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
  /** Of the GPU's memory, when it was chosen. */
  readonly freeBytes?: number;
  /** Why this one: that it was asked for, or what keeps a GPU from being used and what to do. */
  readonly reason: string;
}

export const ASKED = 'It was asked for.';

/** The CPU, for a reason. */
export function chooseCpu(reason: string): ChosenDevice {
  return { provider: 'cpu', index: 0, reason };
}

/**
 * The devices that were asked for, in that order; with `auto` the first usable GPU, else the CPU.
 * Throws DIFFBIR_NO_DEVICE, with every reason and what to do, where one of them cannot be used.
 * @param asked as the caller wrote it, for messages
 */
export function chooseDevices(
  asked: Device,
  { provider, indexes }: DeviceRequest,
  facts: DeviceFacts,
): readonly ChosenDevice[] {
  if (provider === 'cpu') return [chooseCpu(ASKED)];
  const gpu: GpuProvider = provider === 'auto' ? 'cuda' : provider;
  const found = examine(facts, gpu);
  const reason = provider === 'auto' ? 'It is the first GPU that can be used.' : ASKED;
  const wanted = indexes.length > 0 ? indexes : [undefined];
  const usable = wanted.flatMap((index) => usableDevice(found, index) ?? []);
  if (usable.length === wanted.length) {
    return usable.map(({ index, name, freeBytes }) => ({ provider: gpu, index, name, freeBytes, reason }));
  }
  const reasons = inWords(problemsOf(found, indexes));
  if (provider === 'auto') return [chooseCpu(reasons)];
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

/** What concerns all, and what the devices have that were meant: all of them where none is named. */
function problemsOf({ problems, devices }: Examination, indexes: readonly number[]): readonly Problem[] {
  if (devices.length === 0) return problems;
  const meant = indexes.length > 0 ? indexes : devices.map(({ index }) => index);
  const own = meant.map(
    (index) => devices.find((device) => device.index === index)?.problems ?? [unknown(index, devices)],
  );
  return [...problems, ...own.flat()];
}

function unknown(index: number, devices: Examination['devices']): Problem {
  const known = devices.map((device) => device.index).join(', ');
  return { code: 'no-device', reason: `There is no device ${index}, only ${known}.`, fix: 'Name one of those.' };
}
