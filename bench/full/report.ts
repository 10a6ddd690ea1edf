import type { Memory } from '../memory';
import type { PictureRun } from '../picture';
import { median, sum } from '../statistics';
import { percent, row } from '../table';
import type { LayerRate } from './layers';
import type { NetworkTask, NetworkTimes } from './networks';
import type { Profile } from './profile';

export const LAYERS_HEAD = row('layer', 'GFLOP', 'best ms', 'GFLOP/s');

export function layerRow({ name, gflop, seconds }: LayerRate): string {
  return row(name, gflop.toFixed(1), (1000 * seconds).toFixed(1), (gflop / seconds).toFixed(0));
}

/** The rate of the largest layer of a kind, in GFLOP/s; of the fastest where several are as large. */
export function rateOf(layers: readonly LayerRate[], kind: LayerRate['kind']): number {
  const own = layers.filter((layer) => layer.kind === kind);
  const largest = Math.max(...own.map(({ gflop }) => gflop));
  return Math.max(...own.filter(({ gflop }) => gflop === largest).map(({ gflop, seconds }) => gflop / seconds));
}

/** A network as it was measured: the speed is that of the best run. */
export interface NetworkResult extends Pick<NetworkTask, 'name' | 'gflop'> {
  readonly load: number;
  readonly best: number;
  readonly median: number;
  readonly gflops: number;
  /** Part of the rate of the largest MatMul. */
  readonly share: number;
  readonly peak: Memory;
}

export function networkResult(
  { name, gflop }: NetworkTask,
  { load, runs }: NetworkTimes,
  { peak, rate }: { peak: Memory; rate: number },
): NetworkResult {
  const best = Math.min(...runs);
  const gflops = gflop / best;
  return { name, gflop, load, best, median: median(runs), gflops, share: gflops / rate, peak };
}

export const NETWORKS_HEAD = row(
  'network',
  ...['load s', 'best s', 'median s', 'GFLOP', 'GFLOP/s', 'of MatMul', 'resident', 'anonymous'],
);

export function networkRow(result: NetworkResult): string {
  return row(
    result.name,
    ...[result.load, result.best, result.median].map((seconds) => seconds.toFixed(3)),
    ...[result.gflop, result.gflops].map((value) => value.toFixed(0)),
    percent(result.share),
    ...[result.peak.resident, result.peak.anonymous].map((mebibytes) => mebibytes.toFixed(0)),
  );
}

/** The operators of a network; what is left is ONNX Runtime's own time between them. */
export function profileTable(name: string, { seconds, operators }: Profile): string[] {
  const between = seconds - sum(operators.map((operator) => operator.seconds));
  const line = (type: string, time: number, calls: string) =>
    row(type, time.toFixed(4), percent(time / seconds), calls);
  return [
    row(name, 'seconds', 'share', 'calls'),
    ...operators.map((operator) => line(operator.type, operator.seconds, String(operator.calls))),
    line('(between operators)', between, ''),
  ];
}

/** Stages of one picture, a column for each speed. */
export function pictureTable(head: string, runs: ReadonlyMap<string, PictureRun>): string[] {
  const pictures = [...runs.values()];
  const stages = pictures[0]?.stages.map(({ name }) => name) ?? [];
  const secondsOf = (picture: PictureRun, stage: string) =>
    (picture.stages.find(({ name }) => name === stage)?.seconds ?? 0).toFixed(2);
  return [
    row(head, ...runs.keys()),
    ...stages.map((stage) => row(`${stage}, s`, ...pictures.map((picture) => secondsOf(picture, stage)))),
    row('picture, s', ...pictures.map(({ seconds }) => seconds.toFixed(2))),
    row('resident, MiB', ...pictures.map(({ peak }) => peak.resident.toFixed(0))),
    row('anonymous, MiB', ...pictures.map(({ peak }) => peak.anonymous.toFixed(0))),
  ];
}
