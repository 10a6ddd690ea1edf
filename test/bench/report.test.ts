import { describe, expect, it } from 'vitest';
import { networkTasks } from '../../bench/full/plan';
import { profileOf } from '../../bench/full/profile';
import { networkResult, networkRow, pictureTable, profileTable, rateOf } from '../../bench/full/report';
import { CLEANERS, swinirLayout } from '../../bench/full-size/cleaners';
import { controlnetLayout, SD21, textLayout, unetLayout, vaeLayout } from '../../bench/full-size/stableDiffusion';
import { footprintOf } from '../../src/memory/footprint';
import type { ModelSpec } from '../../src/native/binding';
import { planned } from '../full-size/planned';

const event = (name: string, ts: number, dur: number, type?: string) => ({
  ...{ cat: type ? 'Node' : 'Session', pid: 1, tid: 1, ph: 'X' },
  ...{ name, ts, dur, args: type ? { op_name: type, node_index: '3' } : {} },
});
const node = (type: string, ts: number, dur: number) => event(`node_${ts}_kernel_time`, ts, dur, type);
/** As ONNX Runtime writes them: what a run did stands before it. */
const FIRST = [node('Conv', 110, 4000), node('Add', 4200, 50), event('model_run', 100, 5000)];
const SECOND = [
  ...[node('Conv', 6010, 300), event('node_1_fence_before', 6310, 7, 'Conv'), node('Add', 6320, 500)],
  ...[node('Conv', 6900, 100), event('SequentialExecutor::Execute', 6001, 1050), event('model_run', 6000, 1100)],
];
const THIRD = [node('Conv', 8010, 200), node('Add', 8320, 300), node('Conv', 8900, 200), event('model_run', 8000, 900)];
const LOADING = [event('model_loading_array', 1, 20), event('session_initialization', 30, 60)];

describe('the profile', () => {
  it('has the operators of a run on average, without the first', () => {
    const { seconds, operators } = profileOf(JSON.stringify([...LOADING, ...FIRST, ...SECOND, ...THIRD]));
    expect(seconds).toBeCloseTo(0.001, 9);
    expect(operators.map(({ type, calls }) => [type, calls])).toEqual([
      ['Conv', 2],
      ['Add', 1],
    ]);
    for (const { seconds: time } of operators) expect(time).toBeCloseTo(0.0004, 9);
  });

  it('takes the first run where there is no other', () => {
    const { seconds, operators } = profileOf(JSON.stringify([...LOADING, ...FIRST]));
    expect(seconds).toBe(0.005);
    expect(operators).toEqual([
      { type: 'Conv', seconds: 0.004, calls: 1 },
      { type: 'Add', seconds: 0.00005, calls: 1 },
    ]);
    expect(() => profileOf(JSON.stringify(LOADING))).toThrow('Expected a run');
  });
});

describe('the tables', () => {
  it('of a profile: shares of the run, and what is left of it', () => {
    const profile = {
      seconds: 2,
      operators: [
        { type: 'MultiHeadAttention', seconds: 1.25, calls: 16 },
        { type: 'Conv', seconds: 0.5, calls: 60 },
      ],
    };
    expect(profileTable('UNet', profile)).toEqual([
      'UNet                        seconds      share      calls',
      'MultiHeadAttention           1.2500     62.5 %         16',
      'Conv                         0.5000     25.0 %         60',
      '(between operators)          0.2500     12.5 %',
    ]);
  });

  it('of the networks: the best run against the largest MatMul', () => {
    const layers = [
      { kind: 'MatMul', name: 'a', gflop: 100, seconds: 0.5 },
      { kind: 'MatMul', name: 'b', gflop: 100, seconds: 0.25 },
      { kind: 'MatMul', name: 'small', gflop: 50, seconds: 0.1 },
      { kind: 'Conv', name: 'c', gflop: 100, seconds: 0.2 },
    ] as const;
    const rate = rateOf(layers, 'MatMul');
    expect([rate, rateOf(layers, 'Conv')]).toEqual([400, 500]);
    const task = { name: 'UNet', networks: [], side: 512, tokens: 77, passes: 1, gflop: 804 };
    const peak = { resident: 3724.4, anonymous: 344.6, mapped: 3379 };
    const result = networkResult(task, { load: 0.3761, runs: [2.9, 2.68, 2.7] }, { peak, rate });
    expect(result).toMatchObject({ best: 2.68, median: 2.7, gflops: 300, share: 0.75 });
    expect(networkRow(result)).toBe(
      'UNet                          0.376      2.680      2.700        804        300     75.0 %       3724        345',
    );
  });

  it('of the pictures: a column for each speed', () => {
    const memory = { resident: 5290, anonymous: 800, mapped: 4490 };
    const picture = (sample: number) => ({
      model: 'v2.1',
      stages: [
        { name: 'load', seconds: 1.6, peak: memory },
        { name: 'sample', seconds: sample, peak: memory },
      ],
      seconds: sample,
      peak: { ...memory, anonymous: 900 },
    });
    const runs = new Map([
      ['quality', picture(58.92)],
      ['fast', picture(33)],
    ]);
    expect(pictureTable('512 x 512', runs)).toEqual([
      '512 x 512                   quality       fast',
      'load, s                        1.60       1.60',
      'sample, s                     58.92      33.00',
      'picture, s                    58.92      33.00',
      'resident, MiB                  5290       5290',
      'anonymous, MiB                  900        900',
    ]);
  });
});

describe('the networks of v2.1', () => {
  const stage2 = {
    vaeEncoder: planned('vae_encoder', (layout) => vaeLayout(layout, SD21.vae)),
    vaeDecoder: planned('vae_decoder', (layout) => vaeLayout(layout, SD21.vae)),
    textEncoder: planned('clip_text', (layout) => textLayout(layout, SD21.text), { layers: 24 }),
    unet: planned('unet', (layout) => unetLayout(layout, SD21.unet)),
    controlnet: planned('controlnet', (layout) => controlnetLayout(layout, SD21.unet)),
  };
  const cleaner = planned('swinir', (layout) => swinirLayout(layout, CLEANERS.swinir));
  const execution = { provider: 'cpu', device: 0 } as const;
  const spec = { cleaner, stage2, faces: null, threads: 1, execution } as unknown as ModelSpec;

  it('have the operations of performance.md, and a step those of two predictions', () => {
    const tasks = networkTasks({ spec, footprint: footprintOf(spec) });
    expect(tasks.map(({ name, gflop }) => [name, Math.round(gflop)])).toEqual([
      ['cleaner (swinir)', 181],
      ['text encoder', 45],
      ['VAE encoder, float32', 1117],
      ['VAE decoder, float32', 2515],
      ['ControlNet, float32', 269],
      ['UNet, float32', 804],
      ['2 x both, float32', 2147],
      ['VAE encoder, int8', 1117],
      ['VAE decoder, int8', 2515],
      ['ControlNet, int8', 269],
      ['UNet, int8', 804],
      ['2 x both, int8', 2147],
    ]);
  });

  it('leave out what a model does not have', () => {
    const none = { ...spec, cleaner: { ...cleaner, type: 'none' as const }, stage2: null };
    expect(networkTasks({ spec: none, footprint: footprintOf(none) })).toEqual([]);
  });
});
