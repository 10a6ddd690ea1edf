import type { Provider } from '../native/devices';

/** The option `device`. */
export type Device =
  | ('auto' | 'cpu')
  | ('cuda' | `cuda:${number}` | `cuda:${number},${string}`)
  | ('tensorrt' | `tensorrt:${number}` | `tensorrt:${number},${string}`);

/** An option `device`, taken apart. */
export interface DeviceRequest {
  readonly provider: 'auto' | Provider;
  /** Of the devices, each once; none: the first that can be used. */
  readonly indexes: readonly number[];
}

const INDEX = '(?:0|[1-9]\\d?)';
const GPUS = new RegExp(`^(cuda|tensorrt)(?::(${INDEX}(?:,${INDEX})*))?$`);

/** Undefined for what is no device, and where one is named twice. */
export function parseDevice(value: unknown): DeviceRequest | undefined {
  if (value === 'auto' || value === 'cpu') return { provider: value, indexes: [] };
  const [, provider, list] = (typeof value === 'string' && GPUS.exec(value)) || [];
  if (provider === undefined) return undefined;
  const indexes = list === undefined ? [] : list.split(',').map(Number);
  if (new Set(indexes).size < indexes.length) return undefined;
  return { provider: provider as Provider, indexes };
}
