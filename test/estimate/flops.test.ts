import { describe, expect, it } from 'vitest';
import { CLEANERS, rrdbnetLayout, scunetLayout, swinirLayout } from '../../bench/full-size/cleaners';
import { controlnetLayout, SD21, textLayout, unetLayout, vaeLayout } from '../../bench/full-size/stableDiffusion';
import { predictions } from '../../src/estimate/calls';
import { flopsOf } from '../../src/estimate/flops';
import { loadBinding } from '../../src/native/loadBinding';
import { SAMPLERS } from '../../src/options/choices';
import { planned } from '../full-size/planned';

const unet = planned('unet', (layout) => unetLayout(layout, SD21.unet));
const controlnet = planned('controlnet', (layout) => controlnetLayout(layout, SD21.unet));
const vae = (type: 'vae_encoder' | 'vae_decoder') => planned(type, (layout) => vaeLayout(layout, SD21.vae));
const text = planned('clip_text', (layout) => textLayout(layout, SD21.text), { layers: 24 });
const swinir = planned('swinir', (layout) => swinirLayout(layout, CLEANERS.swinir), { window_size: 8 });
const bsrnet = planned('rrdbnet', (layout) => rrdbnetLayout(layout, CLEANERS.rrdbnet));
const scunet = planned('scunet', (layout) => scunetLayout(layout, CLEANERS.scunet));

describe('operations', () => {
  // Multiply-adds in units of 1e9, from performance.md E.1.
  it.each([
    ['UNet at 512', unet, 512, 402.1],
    ['UNet at 768', unet, 768, 1074.6],
    ['UNet at 1024', unet, 1024, 2337.5],
    ['ControlNet at 512', controlnet, 512, 134.6],
    ['ControlNet at 1024', controlnet, 1024, 829.5],
    ['VAE encoder at 512', vae('vae_encoder'), 512, 558.3],
    ['VAE encoder at 1024', vae('vae_encoder'), 1024, 2439.5],
    ['VAE decoder at 512', vae('vae_decoder'), 512, 1257.3],
    ['VAE decoder at 1024', vae('vae_decoder'), 1024, 5235.2],
    ['SwinIR at 512', swinir, 512, 90.7],
    ['BSRNet from 128 to 512', bsrnet, 128, 293.7],
    ['text encoder', text, 512, 22.6],
  ])('%s are those that were published', (_, network, side, expected) => {
    const flop = flopsOf(network, { width: side, height: side, tokens: 77 });
    expect(Math.abs(flop / 2e9 / expected - 1)).toBeLessThan(0.002);
  });

  it('SCUNet at 512 are close to those that were published, and what its layers add up to', () => {
    // Of 311.8, published for a network of 17.6 million parameters; the official one has 17.9.
    const flop = flopsOf(scunet, { width: 512, height: 512, tokens: 0 });
    expect(Math.abs(flop / 2e9 / 311.8 - 1)).toBeLessThan(0.015);
    // A block of c + c channels: two 1x1 convolutions, two 3x3, four matrices, attention in windows of 64.
    const block = (c: number) => 2 * (2 * c) ** 2 + 2 * 9 * c ** 2 + 12 * c ** 2 + 2 * 64 * c;
    const pixels = 512 ** 2;
    const levels = [32, 64, 128].reduce((sum, c, i) => sum + (8 * block(c) * pixels) / 4 ** i, 0);
    const halvings = 6 * (64 * 128 * 4) * (pixels / 4);
    const ends = 2 * 64 * 3 * 9 * pixels;
    expect(flop / 2).toBe(levels + (4 * block(256) * pixels) / 64 + halvings + ends);
  });

  it('the parts of a UNet that reuse features are what is left of it', () => {
    const run = { width: 512, height: 512, tokens: 77 };
    const whole = flopsOf(unet, run);
    const decoder = flopsOf({ ...unet, type: 'unet_decoder' }, run);
    const shallow = flopsOf({ ...unet, type: 'unet_shallow' }, run);
    expect(decoder / whole).toBeGreaterThan(0.5);
    expect(decoder / whole).toBeLessThan(0.7);
    expect(shallow / decoder).toBeLessThan(0.9);
    // The ControlNet is the encoder again, with its zero convolutions.
    expect((decoder + flopsOf(controlnet, run)) / whole).toBeCloseTo(1, 1);
  });

  it('one prediction of UNet and ControlNet at 64 x 64 cells is 1073 GFLOP', () => {
    const run = { width: 512, height: 512, tokens: 77 };
    expect((flopsOf(unet, run) + flopsOf(controlnet, run)) / 1e9).toBeCloseTo(1073, 0);
  });
});

describe('predictions', () => {
  it.each(SAMPLERS.flatMap((sampler) => [5, 7, 10].map((steps) => [sampler, steps] as const)))(
    'of %s in %i steps are as many as it makes',
    (sampler, steps) => {
      const x = { shape: [1, 4, 2, 2], data: new Float32Array(16).fill(0.5) };
      let count = 0;
      loadBinding().primitives.sample({
        ...{ sampler, steps, x, parity: false, guidance: null, cfgScale: 1, rescaleCfg: false },
        edm: { sChurn: 0, sTmin: 0, sTmax: 300, sNoise: 1, eta: 1, order: 1 },
        schedule: { parameterization: 'v', zeroSnr: true, linearStart: 0.00085, linearEnd: 0.012, timesteps: 1000 },
        noise: new Array(60).fill(x),
        cond: (input) => {
          count++;
          return input;
        },
        uncond: (input) => input,
      });
      expect(predictions({ sampler, steps })).toBe(count);
    },
  );
});
