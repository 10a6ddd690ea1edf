/** Several prompts for each latent in one run: what does not depend on the prompt is computed once. */
import { describe, expect, test } from 'vitest';
import type { NativeTensor, NetworkSpec } from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import { goldenSpec } from '../lifecycle/model';
import { embedded, relativeError, type Stage2, type Tensors, wave } from './graphCases';

const { primitives } = loadBinding();
const LATENTS = 3;
const PROMPTS = 2;
const SIDES = [16, 24];

const specs: readonly [string, Stage2][] = [
  ['embedded', (await embedded()).stage2 as Stage2],
  ['recorded', (await goldenSpec({ stage: 2 })).stage2 as Stage2],
];

const widthOf = ({ weights, prefix }: NetworkSpec, name: string) =>
  weights.tensors.find((tensor) => tensor.name === `${prefix}${name}.weight`)?.shape[1] as number;

/** Rows [first, first + count) of every tensor whose first axis is longer than that. */
function rows(tensors: Tensors, first: number, count: number): Tensors {
  const cut = ({ shape: [batch = 0, ...shape], data }: NativeTensor) => {
    const size = data.length / batch;
    return { shape: [count, ...shape], data: data.slice(first * size, (first + count) * size) };
  };
  return Object.fromEntries(Object.entries(tensors).map(([name, x]) => [name, (x.shape[0] ?? 0) > count ? cut(x) : x]));
}

/** All rows, so many times. */
const repeated = ({ shape: [batch = 0, ...shape], data }: NativeTensor, times: number): NativeTensor => ({
  shape: [times * batch, ...shape],
  data: Float32Array.from({ length: times * data.length }, (_, i) => data[i % data.length] as number),
});

describe.each(specs)('%s', (_, { unet, controlnet }) => {
  const latent = (frequency: number) => wave([LATENTS, widthOf(unet, 'input_blocks.0.0'), ...SIDES], frequency);
  const x = latent(0.37);
  const hint = latent(0.11);
  const t = { shape: [LATENTS], data: Float32Array.of(998.7, 20, 400) };
  const strength = wave([1], 1);
  const width = widthOf(unet, 'middle_block.1.transformer_blocks.0.attn2.to_k');
  const context = wave([PROMPTS * LATENTS, 5, width], 0.2);
  const run = (
    spec: NetworkSpec,
    inputs: Tensors,
    outputs: readonly string[] = [],
    changes: Partial<NetworkSpec> = {},
  ) => primitives.createNetwork({ ...spec, ...changes }, 2, outputs).run(inputs) as Tensors;
  const controls = run(controlnet, { x, hint, t, context });
  const blocks = Object.keys(controls).length - 1;
  const skips = Array.from({ length: blocks }, (_, i) => `input_blocks.${i}`);
  const deep = `output_blocks.${blocks - 2}`;
  const whole = run(unet, { x, t, context, strength, ...controls }, [...skips, 'middle_block', deep]);
  const features = Object.fromEntries(skips.map((name, i) => [`skip_${i}`, whole[name] as NativeTensor]));

  const cases: [string, NetworkSpec, Tensors][] = [
    ['controlnet', controlnet, { x, hint, t, context }],
    ['unet', unet, { x, t, context, strength, ...controls }],
    [
      'unet_decoder',
      { ...unet, type: 'unet_decoder' },
      { t, context, strength, middle: whole.middle_block as NativeTensor, ...features, ...controls },
    ],
    [
      'unet_shallow',
      { ...unet, type: 'unet_shallow' },
      { x, t, context, strength, deep: whole[deep] as NativeTensor, ...controls },
    ],
  ];

  test.each(cases)('%s: as with each prompt alone', (_, spec, inputs) => {
    const together = run(spec, inputs);
    for (let prompt = 0; prompt < PROMPTS; prompt++) {
      const alone = run(spec, rows(inputs, prompt * LATENTS, LATENTS));
      expect(relativeError(rows(together, prompt * LATENTS, LATENTS), alone)).toBeLessThan(1e-6);
    }
  });

  test.each(cases.slice(0, 2))(
    '%s in 8 bits: the bits of latents that are there for each prompt',
    (_, spec, inputs) => {
      const pairs = { ...inputs, paired: t };
      const latents = Object.entries(inputs).filter(([name]) => ['x', 'hint', 't'].includes(name));
      const each = Object.fromEntries(latents.map(([name, value]) => [name, repeated(value, PROMPTS)]));
      const changes = { precision: 'int8' } as const;
      expect(run(spec, pairs, [], changes)).toEqual(run(spec, { ...pairs, ...each }, [], changes));
    },
  );

  test('until the first block that looks at the text there are no more than the latents', () => {
    const looksAtText = skips.map((block) => widthOf(unet, `${block}.1.proj_in`) !== undefined);
    const first = [...looksAtText, true].indexOf(true);
    const batches = skips.map((name) => whole[name]?.shape[0]);
    expect(batches).toEqual(skips.map((_, i) => (i < first ? LATENTS : PROMPTS * LATENTS)));
  });
});
