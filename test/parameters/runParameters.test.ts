import { describe, expect, it } from 'vitest';
import { InvalidImageError } from '../../src/errors';
import { resolveOptions } from '../../src/options/resolve';
import { OPTION_NAMES } from '../../src/options/table';
import { packageVersion } from '../../src/packageVersion';
import {
  MAX_PARAMETERS,
  parseParameters,
  recordedOptions,
  runParameters,
  toJson,
} from '../../src/parameters/runParameters';

const recorded = (options = {}, stage: 1 | 2 = 2) => {
  const parameters = runParameters({ name: 'tiny', task: 'sr' }, resolveOptions(options), stage);
  return parameters ?? expect.fail();
};

describe('what is recorded', () => {
  it('every option that the picture depends on, and none that it does not', () => {
    const unrelated = [
      'model',
      'download',
      'task',
      'threads',
      'device', // as threads: another one adds in another order
      'concurrency',
      'queueLimit',
      'priority',
      'caller',
      'nativeBinding',
      'format',
      'quality',
      'saveParameters',
      'samples',
      'captioner',
      'limitInputPixels',
      'limitWorkPixels',
      'timeLimit',
      'memoryBudget', // the tiles that were planned are recorded in its place
    ];
    const objects = ['failOn', 'onProgress', 'signal', 'logger', 'noise', 'trace'];
    expect(recordedOptions(2)).toEqual(OPTION_NAMES.filter((name) => ![...unrelated, ...objects].includes(name)));
    expect(recordedOptions(1)).toEqual([
      ...['stage', 'upscale', 'tiling', 'padding', 'parity'],
      ...['maxFaces', 'keepMetadata'],
    ]);
  });

  it('version, model, stage, defaults', () => {
    const { version, model, options } = recorded({ steps: 7 });
    expect([version, model]).toEqual([packageVersion(), 'tiny']);
    expect(options).toMatchObject({
      stage: 2,
      steps: 7,
      cfgScale: 6,
      sampler: 'spaced',
      guidance: { scale: 0 },
      seed: 231n,
    });
    expect(recorded({}, 1).options).not.toHaveProperty('prompt');
  });

  it('nothing where recorded noise stands for the seed', () => {
    const one = { shape: [1], data: new Float32Array(1) };
    expect(runParameters({ name: 'tiny', task: 'sr' }, resolveOptions({ noise: [one] }), 2)).toBeUndefined();
    expect(recorded({ noise: [] }).options.seed).toBe(231n);
  });
});

describe('through JSON', () => {
  it.each([0n, 231n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 64n - 1n])('a seed of %s', (seed) => {
    const { options } = parseParameters(toJson(recorded({ seed })), 'x');
    expect(BigInt(options.seed as bigint)).toBe(seed);
  });

  it('every value and any prompt', () => {
    const options = {
      prompt: 'a\n"b" 🐈 \u0007\u009b\ufffe',
      sampler: 'edm_lms',
      guidance: { loss: 'mse', scale: 0.25 },
    } as const;
    const before = recorded({ ...options, seed: 5 });
    const text = toJson(before);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 allows none of them
    expect(text).not.toMatch(/[\u0000-\u001f\u007f-\u009f\ufffe\uffff]/);
    expect(parseParameters(text, 'x')).toEqual({ ...before, options: { ...before.options, seed: 5 } });
  });
});

describe('parameters of anybody', () => {
  const valid = { formatVersion: 1, version: '1.0.0', model: 'm', options: { steps: 5 } };

  it.each([
    ['no JSON', '{', /JSON/],
    ['a list', '[]', /Expected an object for parameters/],
    ['a key twice', '{"model":"a","model":"b"}', /appears twice/],
    ['a depth bomb', '['.repeat(10_000), /nested deeper/],
    ['too much', `"${'x'.repeat(MAX_PARAMETERS)}"`, /too many/],
    ['another format', { ...valid, formatVersion: 2 }, /format version/],
    ['no model', { ...valid, model: undefined }, /no version or no model/],
    ['a model that is no name', { ...valid, model: {} }, /no version or no model/],
    ['an unknown task', { ...valid, task: 'video' }, /for task/],
    ['a value out of range', { ...valid, options: { steps: 0 } }, /for steps but received 0/],
    ['a wrong seed', { ...valid, options: { seed: '-1' } }, /for seed/],
    ['a member out of range', { ...valid, options: { guidance: { scale: -1 } } }, /guidance\.scale/],
    ['an unknown option', { ...valid, options: { stepz: 5 } }, /Unknown option stepz/],
    ['an option that is not recorded', { ...valid, options: { model: '/etc' } }, /Unknown option model/],
    ['an unknown key', { ...valid, evil: 1 }, /Unknown option evil/],
    ['a prototype', '{"formatVersion":1,"version":"1","model":"m","options":{"__proto__":{"steps":5}}}', /__proto__/],
  ])('%s: refused', (_, value, reason) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    const error = (() => {
      try {
        return parseParameters(text, 'a.png');
      } catch (thrown) {
        return thrown as Error;
      }
    })();
    expect(error).toBeInstanceOf(InvalidImageError);
    expect((error as Error).message).toMatch(/^a\.png has generation parameters that cannot be used: /);
    expect((error as Error).message).toMatch(reason);
  });

  it('options may be missing', () => {
    expect(parseParameters(JSON.stringify({ ...valid, options: undefined }), 'x').options).toEqual({});
    expect(parseParameters(JSON.stringify(valid), 'x').options).toEqual({ steps: 5 });
  });
});
