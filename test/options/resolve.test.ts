import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { resolveOptions } from '../../src/options/resolve';

describe('resolveOptions', () => {
  it('has the defaults of the table', () => {
    expect(resolveOptions()).toMatchObject({
      upscale: 1,
      sampler: 'spaced',
      steps: 50,
      seed: 231n,
      guidance: { loss: 'w_mse', space: 'latent', scale: 0, start: 1001, stop: -1, repeat: 1 },
      ...{ sChurn: 0, sTmin: 0, sTmax: 300, sNoise: 1, eta: 1, order: 1 },
      threads: availableParallelism(),
      keepMetadata: true,
    });
    expect(resolveOptions().prompt).toMatch(/^Cinematic, High Contrast.*without deformations\.$/);
    expect(resolveOptions().negativePrompt).toMatch(/^painting, oil painting.*over-smooth\.$/);
    expect(resolveOptions().stage).toBeUndefined();
  });

  it('takes an explicit option before the model, and the model before the table', () => {
    const { steps, cfgScale, strength } = resolveOptions({ steps: 3 }, { steps: 5, cfgScale: 2 });
    expect([steps, cfgScale, strength]).toEqual([3, 2, 1]);
  });

  it('resolves false, 0 and the empty text as values', () => {
    const { rescaleCfg, strength, prompt } = resolveOptions(
      { rescaleCfg: false, strength: 0, prompt: '' },
      { rescaleCfg: true, strength: 2, prompt: 'x' },
    );
    expect([rescaleCfg, strength, prompt]).toEqual([false, 0, '']);
  });

  it('resolves guidance member by member', () => {
    expect(resolveOptions({ guidance: { scale: 0.5 } }, { guidance: { scale: 1, repeat: 5 } }).guidance).toEqual({
      loss: 'w_mse',
      scale: 0.5,
      start: 1001,
      stop: -1,
      repeat: 5,
      space: 'latent',
    });
  });

  it('makes the seed a bigint', () => {
    expect(resolveOptions({ seed: 7 }).seed).toBe(7n);
    expect(resolveOptions({ seed: 2n ** 64n - 1n }).seed).toBe(2n ** 64n - 1n);
  });
});
