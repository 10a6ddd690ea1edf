import type { RestoreOptions } from '../src/options/RestoreOptions';
import type { RestoreResult } from '../src/restoreResult';
import { Restorer } from '../src/restorer';
import { highestOf, type Memory, PeakMemory } from './memory';
import { median, sum } from './statistics';
import { testPicture } from './testPicture';

/** What one picture takes, from the file to the pixels. */
export interface PictureRun {
  readonly model: string;
  /** Loading first, which is no part of the picture, then the stages in their order. */
  readonly stages: readonly StageRun[];
  /** Of the stages of one picture together. */
  readonly seconds: number;
  readonly peak: Memory;
}

export interface StageRun {
  readonly name: string;
  /** Median of the runs. */
  readonly seconds: number;
  /** The highest that was seen in it. */
  readonly peak: Memory;
}

/** Loads a model and restores one picture of `size` x `size` pixels `runs` times. */
export async function measurePicture(options: RestoreOptions, size: number, runs: number): Promise<PictureRun> {
  const memory = new PeakMemory('self');
  const peaks = new Map<string, Memory>();
  let stage = 'load';
  const keepPeak = () => {
    const peak = memory.take();
    peaks.set(stage, highestOf(peaks.get(stage) ?? peak, peak));
  };

  const begin = performance.now();
  const restorer = await Restorer.create(options);
  const load = (performance.now() - begin) / 1000;
  keepPeak();
  const results: RestoreResult[] = [];
  for (let run = 0; run < runs; run++) {
    stage = 'read';
    // A progress message says that a step is done: what follows belongs to the same stage or the next one.
    const onProgress = (progress: { stage: string }) => {
      keepPeak();
      stage = progress.stage;
    };
    results.push(await restorer.restore(testPicture(size), { onProgress }));
    keepPeak();
  }
  memory.stop();
  await restorer.dispose();

  const names = results[0]?.times.map((time) => time.stage) ?? [];
  const seconds = names.map((name) => median(results.map((result) => secondsOf(result, name))));
  const stageOf = (name: string, time: number) => ({ name, seconds: time, peak: peaks.get(name) ?? NOWHERE });
  return {
    model: restorer.modelName,
    stages: [stageOf('load', load), ...names.map((name, i) => stageOf(name, seconds[i] as number))],
    seconds: sum(seconds),
    peak: [...peaks.values()].reduce(highestOf),
  };
}

/** Of a stage that was over before anybody looked. */
const NOWHERE: Memory = { resident: 0, anonymous: 0, mapped: 0 };

function secondsOf(result: RestoreResult, name: string): number {
  const own = result.times.filter(({ stage }) => stage === name);
  return sum(own.map(({ milliseconds }) => milliseconds)) / 1000;
}
