import type { Provider } from '../native/devices';

/** The option `device`. */
export type Device = 'auto' | 'cpu' | 'cuda' | `cuda:${number}` | 'tensorrt' | `tensorrt:${number}`;

/** An option `device`, taken apart. */
export interface DeviceRequest {
  readonly provider: 'auto' | Provider;
  /** Of the device; undefined: the first that can be used. */
  readonly index: number | undefined;
}

/** Undefined for what is no device. */
export function parseDevice(value: unknown): DeviceRequest | undefined {
  if (value === 'auto' || value === 'cpu') return { provider: value, index: undefined };
  const [, provider, index] = (typeof value === 'string' && /^(cuda|tensorrt)(?::(0|[1-9]\d?))?$/.exec(value)) || [];
  if (provider === undefined) return undefined;
  return { provider: provider as Provider, index: index === undefined ? undefined : Number(index) };
}
