import { describe, expect, it } from 'vitest';
import { InvalidOptionError } from '../../src/errors';
import { resolveOptions } from '../../src/options/resolve';
import { validateOptions } from '../../src/options/validate';

/** The error that validation throws; fails when it throws none. */
function refusal(options: unknown, door = {}): InvalidOptionError {
  try {
    validateOptions(options, door);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidOptionError);
    return error as InvalidOptionError;
  }
  throw new Error('the options were accepted');
}

describe('values that are refused', () => {
  it.each([
    ['steps', 0],
    ['steps', -1],
    ['steps', 1.5],
    ['steps', 1e9],
    ['steps', Number.NaN],
    ['steps', '50'],
    ['steps', null],
    ['upscale', 0],
    ['upscale', -1],
    ['upscale', Number.NaN],
    ['upscale', Number.POSITIVE_INFINITY],
    ['upscale', 1e9],
    ['cfgScale', 1e6],
    ['cfgScale', Number.NaN],
    ['strength', 2.01],
    ['strength', -0.1],
    ['noiseAug', 1000],
    ['noiseAug', 0.5],
    ['stage', 3],
    ['stage', '1'],
    ['sampler', 'euler'],
    ['sChurn', -1],
    ['sChurn', Number.NaN],
    ['sTmin', -0.5],
    ['sTmax', Number.POSITIVE_INFINITY],
    ['sNoise', 11],
    ['eta', -1],
    ['order', 0],
    ['order', 5],
    ['order', 1.5],
    ['startPoint', ''],
    ['colorFix', 'histogram'],
    ['rng', 'philox'],
    ['rescaleCfg', 'yes'],
    ['prompt', 'a\0b'],
    ['prompt', 'x'.repeat(10 * 1024 * 1024)],
    ['negativePrompt', 7],
    ['seed', 2 ** 53 + 1],
    ['seed', -1],
    ['seed', -1n],
    ['seed', 2n ** 64n],
    ['seed', 1.5],
    ['seed', '231'],
    ['threads', 0],
    ['threads', 1e9],
    ['format', 'gif'],
    ['quality', 0],
    ['quality', 101],
    ['limitInputPixels', 0],
    ['limitInputPixels', Number.NaN],
    ['failOn', 'sometimes'],
    ['onProgress', 'log'],
    ['signal', {}],
    ['logger', { warn() {} }],
    ['noise', [{ shape: [2], data: new Float32Array(3) }]],
    ['noise', [{ shape: [2], data: [0, 0] }]],
    ['model', ''],
    ['model', 'a\0b'],
    ['model', 7],
    ['guidance', 0.5],
  ])('%s: %s', (name, value) => {
    const error = refusal({ [name]: value });
    expect(error.option).toBe(name);
    expect(error.code).toBe('DIFFBIR_INVALID_OPTION');
    expect(error.message).toMatch(new RegExp(`^Expected .+ for ${name} but received .* of type \\w+$`, 's'));
    expect(error.message.length).toBeLessThan(500);
  });

  it('lists with nothing in them, however long', () => {
    const endless = new Array(2 ** 32 - 1);
    for (const noise of [new Array(1), endless, [{ shape: endless, data: new Float32Array(0) }]]) {
      const begin = performance.now();
      expect(refusal({ noise }).option).toBe('noise');
      expect(performance.now() - begin).toBeLessThan(1000);
    }
  });

  it('members of guidance, by their full name', () => {
    expect(refusal({ guidance: { scale: Number.NaN } }).message).toMatch(/^Expected a number .* for guidance.scale/);
    expect(refusal({ guidance: { loss: 'l1' } }).message).toMatch(/^Expected one of 'mse', 'w_mse' for guidance.loss/);
    expect(refusal({ guidance: { scael: 1 } }).message).toContain('Did you mean guidance.scale?');
  });

  it('options that are no object', () => {
    for (const options of [null, 'x', 5, []])
      expect(refusal(options).message).toMatch(/^Expected an object for options/);
    // An upload in the wrong place: nobody asks for the names of its bytes.
    const begin = performance.now();
    expect(refusal(Buffer.alloc(1 << 23)).message).toMatch(/^Expected an object for options/);
    expect(refusal({ tiling: Buffer.alloc(1 << 23) }).message).toMatch(/^Expected an object for tiling/);
    expect(performance.now() - begin).toBeLessThan(1000);
  });
});

describe('values that are accepted', () => {
  it.each([
    ['seed', 0],
    ['seed', 2 ** 53 - 1],
    ['seed', 2n ** 64n - 1n],
    ['cfgScale', 0],
    ['strength', 2],
    ['upscale', 0.25],
    ['prompt', ''],
    ['prompt', 'שלום 🐈 עולם'],
    ['steps', 1],
    ['sampler', 'edm_dpm++_3m_sde'],
    ['order', 4],
    ['guidance', { loss: 'mse' }],
    ['limitInputPixels', false],
    ['limitInputPixels', true],
    ['noise', [{ shape: [1, 2], data: new Float32Array(2) }]],
  ])('%s: %s', (name, value) => {
    expect(validateOptions({ [name]: value })).toEqual({ [name]: value });
  });

  it('undefined counts as absent', () => {
    expect(Object.keys(validateOptions({ steps: undefined }))).toEqual([]);
  });
});

describe('names', () => {
  it.each([
    ['cfg_scale', 'cfgScale'],
    ['cfgscale', 'cfgScale'],
    ['step', 'steps'],
    ['negative_prompt', 'negativePrompt'],
    ['onprogress', 'onProgress'],
    ['uspcale', 'upscale'],
    ['s_churn', 'sChurn'],
    ['LIMIT-INPUT-PIXELS', 'limitInputPixels'],
  ])('%s suggests %s', (wrong, right) => {
    expect(refusal({ [wrong]: 1 }).message).toBe(`Unknown option ${wrong}. Did you mean ${right}?`);
  });

  it('a name like no other lists the known ones, and a huge one stays short', () => {
    expect(refusal({ qqqqqqqqqq: 1 }).message).toContain('Known: model, download, task');
    expect(refusal({ ['x'.repeat(1e6)]: 1 }).message.length).toBeLessThan(1000);
  });

  it('__proto__, symbols and inherited names are no options', () => {
    expect(refusal(JSON.parse('{"__proto__": {"steps": 5}}')).message).toMatch(/^Unknown option __proto__/);
    expect(refusal({ [Symbol('steps')]: 5 }).message).toMatch(/^Unknown option Symbol/);
    expect(validateOptions(Object.create({ steps: -5, evil: true }))).toEqual({});
    expect(Object.getPrototypeOf(validateOptions(undefined))).toBeNull();
  });
});

describe('hostile objects', () => {
  it('a polluted Object.prototype changes nothing', () => {
    // biome-ignore lint/suspicious/noExplicitAny: pollution is the point
    const prototype = Object.prototype as any;
    prototype.steps = 3;
    try {
      expect(resolveOptions(validateOptions({}), {}, { guidance: {} }).steps).toBe(50);
    } finally {
      delete prototype.steps;
    }
  });

  it('a getter that throws is named, with the error as cause', () => {
    const cause = new Error('no');
    const error = refusal({
      get steps() {
        throw cause;
      },
    });
    expect(error.option).toBe('steps');
    expect(error.cause).toBe(cause);
  });

  it('a getter is read once: what was checked is what is used', () => {
    let reads = 0;
    const options = validateOptions({
      get steps() {
        return reads++ === 0 ? 10 : -1;
      },
    });
    expect([options.steps, options.steps, reads]).toEqual([10, 10, 1]);
  });

  it('a proxy and a value that throw when looked at', () => {
    const trap = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('trap');
        },
        get: () => {
          throw new Error('trap');
        },
      },
    );
    expect(refusal(trap).message).toBe('Reading options threw an error');
    expect(refusal({ signal: trap }).message).toMatch(/^Expected an AbortSignal for signal/);
  });
});

describe('doors', () => {
  it('a call cannot change what is fixed at load time', () => {
    expect(refusal({ threads: 2 }, { scope: 'call' }).message).toContain('Restorer.create()');
    expect(validateOptions({ steps: 2 }, { scope: 'call' })).toEqual({ steps: 2 });
  });

  it('a manifest may set quality-related options alone', () => {
    expect(refusal({ signal: 1 }, { manifest: true, prefix: 'defaults.' }).option).toBe('defaults.signal');
    expect(refusal({ steps: 0 }, { manifest: true, prefix: 'defaults.' }).message).toContain('for defaults.steps');
  });
});
