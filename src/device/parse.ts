import type { Provider } from '../native/devices';

/** GPUs of one provider: the first that can be used, one, or several: `cuda`, `cuda:1`, `cuda:0,1`. */
type Gpus<P extends string> = P | `${P}:${number}` | `${P}:${number},${string}`;

/** The option `device`. */
export type Device = 'auto' | 'cpu' | Gpus<'cuda'> | Gpus<'tensorrt'>;

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
