import { OPTIONS } from './table';

type LimitName = 'limitInputPixels' | 'limitWorkPixels' | 'timeLimit' | 'queueLimit';

/** The number that a limit stands for: its default for `true`, Infinity for `false`. */
export function limitOf(name: LimitName, value: number | boolean): number {
  if (typeof value === 'number') return value;
  return value ? OPTIONS[name].default : Number.POSITIVE_INFINITY;
}
