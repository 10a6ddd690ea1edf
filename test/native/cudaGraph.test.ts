// Graphs with the operators that ONNX Runtime's CUDA provider has. Those that the CPU provider has too run as they are;
// the others as what they stand for ('definitions'), on the weights, layouts and attributes that the builder gives them.
import { describe, expect, test } from 'vitest';
import {
  CUDA_FUSIONS,
  type CudaFusion,
  type NativeTensor,
  type NetworkSpec,
  OPTIMIZATIONS,
} from '../../src/native/binding';
import { loadBinding } from '../../src/native/loadBinding';
import { inOwnForm } from '../gpu/onDevice';
import { type GraphCase, graphCase, graphCases, relativeError, sd21Widths } from './graphs';

const { primitives } = loadBinding();
const CUDA = primitives.optimizationsFor('cuda');
const TENSORRT = primitives.optimizationsFor('tensorrt');
/** With ONNX Runtime's operators in the place of our own, which not every build has. */
const THEIRS = CUDA.filter((name) => name !== 'fusedKernels');
/** What the CPU provider has no kernel for. Attention is among them where it is packed. */
const LACKING = /^com\.microsoft\.(NhwcConv( with bias)?|GroupNorm|SkipGroupNorm|BiasSplitGelu|BiasAdd)$/;
const sd21 = await sd21Widths();
const cases: [string, GraphCase][] = [...(await graphCases()), ['SD 2.1 widths', sd21]];

const nodesOf = ({ spec }: GraphCase, changes: Partial<NetworkSpec>) => primitives.countNodes({ ...spec, ...changes });

test('each provider has what it knows', () => {
  expect(new Set(['graph', 'mappedWeights', ...primitives.optimizationsFor('cpu')])).toEqual(new Set(OPTIMIZATIONS));
  expect(CUDA).toEqual(expect.arrayContaining([...CUDA_FUSIONS]));
});

describe.each(cases)('%s', (_, network) => {
  const { run } = network;
  const exact = run();

  test('in float32: the numbers of the other operators', () => {
    expect(relativeError(run({ optimizations: [...CUDA, 'definitions'] }), exact)).toBeLessThan(1e-5);
  });

  test.each([
    ['CUDA', CUDA],
    ["CUDA, with ONNX Runtime's operators", THEIRS],
    ['TensorRT', TENSORRT],
  ])('in float16 for %s', (_, optimizations) => {
    const got = run({ precision: 'float16', optimizations: [...optimizations, 'definitions', 'rounded'] });
    const error = relativeError(got, exact);
    expect(error).toBeLessThan(0.01);
    expect(error).toBeGreaterThan(1e-5);
  });

  test('for TensorRT there is nothing but the ONNX standard', () => {
    const types = Object.keys(nodesOf(network, { precision: 'float16', optimizations: TENSORRT }));
    expect(types.filter((type) => type.includes('.'))).toEqual([]);
  });

  test.each(['float32', 'float16'] as const)(
    'in %s ONNX Runtime takes every node, and misses kernels alone',
    (precision) => {
      const changes = { precision, optimizations: THEIRS };
      if (!Object.keys(nodesOf(network, changes)).some((type) => LACKING.test(type))) {
        run(changes);
        return;
      }
      expect(() => run(changes)).toThrow(
        /: (Could not find an implementation for \w+\(1\) node|Failed to find kernel for com\.microsoft\.\w+\(1\))/,
      );
    },
  );
});

/** Latents are NCHW in float32; controls come as they lie, and nothing is transposed or converted between. */
test('nothing is left that the CUDA provider has an operator for', () => {
  const nodes = nodesOf(sd21, { precision: 'float16', optimizations: THEIRS });
  const without = nodesOf(sd21, { precision: 'float16', optimizations: TENSORRT });
  const [latents, transformers, resBlocks, controls] = [2, 4, 5, 3];
  const [firstConv, lastConv, timeEmbedding] = [1, 1, 2];
  const beforeConcat = 2; // transformers whose sum with their input is not normalised alone
  expect(without).toMatchObject({ GroupNormalization: 2 * resBlocks + transformers + 1 });
  expect(nodes).toMatchObject({
    Transpose: latents,
    Cast: latents + ['time', 'context', 'strength'].length,
    LayerNormalization: transformers,
    'com.microsoft.NhwcConv': (without.Conv as number) - firstConv - lastConv,
    'com.microsoft.NhwcConv with bias': firstConv + lastConv,
    Add: timeEmbedding + transformers + controls,
    'com.microsoft.GroupNorm': 3,
    'com.microsoft.SkipGroupNorm': 2 * resBlocks + transformers + 1 - 3,
    'com.microsoft.SkipLayerNormalization': 2 * transformers,
    'com.microsoft.BiasAdd': transformers + beforeConcat,
    'com.microsoft.BiasSplitGelu': transformers,
    'com.microsoft.MultiHeadAttention': 2 * transformers,
  });
  for (const type of ['Conv', 'GroupNormalization', 'Softmax', 'Gelu', 'Split']) expect(nodes).not.toHaveProperty(type);
});

test('our own operators take the place of theirs, in float16', () => {
  const theirs = nodesOf(sd21, { precision: 'float16', optimizations: THEIRS });
  const ours = nodesOf(sd21, { precision: 'float16', optimizations: CUDA });
  const count = (...types: string[]) => types.reduce((total, type) => total + (theirs[type] ?? 0), 0);
  expect(ours).toMatchObject({
    'diffbir.FusedGroupNorm': count('com.microsoft.GroupNorm', 'com.microsoft.SkipGroupNorm'),
    'diffbir.FusedLayerNorm': count('LayerNormalization', 'com.microsoft.SkipLayerNormalization'),
    'diffbir.FusedGeglu': count('com.microsoft.BiasSplitGelu'),
    'diffbir.FusedControlledConcat': 2, // skip connections, of which the first was repeated for the second prompt
    Tile: count('Tile') - 1,
    // Of controls, and one of them with the middle block; the biases of the transformers' first layers. The bias of the
    // first convolution is added, behind its normalisation.
    Add: count('Add') - 3 - 4 + 1,
    'com.microsoft.NhwcConv with bias': 1, // the last
  });
  for (const type of ['LayerNormalization', 'com.microsoft.GroupNorm', 'com.microsoft.BiasSplitGelu']) {
    expect(ours).not.toHaveProperty(type);
  }
  const float32 = { precision: 'float32', optimizations: CUDA } as const;
  expect(Object.keys(nodesOf(sd21, float32)).filter((type) => type.startsWith('diffbir.'))).toEqual([]);
});

/** Without it shifts are Gathers in SwinIR, Slices in SCUNet, and the mask of a feature map is a Gather, too. */
test.each([
  ['SwinIR', { Gather: 2 + 1, Slice: 2 * 4 }], // of one block in three; its lists of places are rolled
  ['SCUNet', { Gather: 1, Slice: 2 * 2 * 4 }], // of two blocks
] as const)('%s: attention inside windows is one node, which takes tokens from where they lie', (name, less) => {
  const network = new Map(cases).get(name) as GraphCase;
  const nodes = (optimizations: typeof CUDA) => nodesOf(network, { precision: 'float16', optimizations });
  const [ours, theirs] = [nodes(CUDA), nodes(THEIRS)];
  expect(theirs.Softmax).toBeGreaterThan(0);
  expect(ours['diffbir.FusedWindowAttention']).toBe(theirs.Softmax);
  expect(ours).not.toHaveProperty('Softmax');
  expect(ours).not.toHaveProperty('Range');
  for (const [type, count] of Object.entries(less)) expect((theirs[type] ?? 0) - (ours[type] ?? 0)).toBe(count);
  // What attention adds in SCUNet is little: windows that are shifted twice would pass the tolerance of float16.
  const exact = network.run();
  const errorOf = (optimizations: typeof CUDA) =>
    relativeError(
      network.run({ precision: 'float16', optimizations: [...optimizations, 'definitions', 'rounded'] }),
      exact,
    );
  expect(errorOf(CUDA) / errorOf(THEIRS)).toBeLessThan(1.2);
});

/** Left are what no normalisation follows: attention's three, the ends, and the last blocks of levels. */
test.each([
  ['embedded encoder', 3 + 2 + 5],
  ['embedded decoder', 3 + 2 + 3],
] as const)('%s: our normalisation adds the bias of the convolution before it', (name, left) => {
  const autoencoder = new Map(cases).get(name) as GraphCase;
  const biases = (optimizations: typeof CUDA) =>
    nodesOf(autoencoder, { precision: 'float16', optimizations })['com.microsoft.NhwcConv with bias'];
  expect(biases(CUDA)).toBe(left);
  expect(biases(THEIRS)).toBeGreaterThan(left);
});

test('where a kernel does not take a width there is the form without it', () => {
  const recorded = new Map(cases).get('recorded unet') as GraphCase; // groups of 1 and 3 channels
  const nodes = nodesOf(recorded, { optimizations: CUDA });
  expect(nodes.GroupNormalization).toBeGreaterThan(0);
  expect(nodes).not.toHaveProperty('com.microsoft.BiasSplitGelu');
});

test.each([
  ['nhwc', []],
  ['nhwcGroupNorm', ['nhwc']],
  ['skipGroupNorm', ['nhwc', 'nhwcGroupNorm']],
  ['skipLayerNorm', []],
  ['biasAdd', []],
  ['biasSplitGelu', []],
  ['packedAttention', []],
] as const)('%s alone changes the graph and no number', (name, needs) => {
  const others: CudaFusion[] = [...needs];
  const form = (names: readonly CudaFusion[]) => ({ optimizations: [...names, 'definitions' as const] });
  expect(nodesOf(sd21, { optimizations: [...others, name] })).not.toEqual(nodesOf(sd21, { optimizations: others }));
  expect(relativeError(sd21.run(form([...others, name])), sd21.run())).toBeLessThan(1e-5);
});

test('equalConcat splits the larger of two maps that are joined, and changes no number', () => {
  const recorded = new Map(cases).get('recorded unet') as GraphCase; // joins maps of different numbers of channels
  const { Split: without = 0 } = nodesOf(recorded, { optimizations: [] });
  expect(nodesOf(recorded, { optimizations: ['equalConcat'] }).Split).toBeGreaterThan(without);
  for (const others of [[], ['nhwc']] as const) {
    const form = (names: readonly CudaFusion[]) => ({ optimizations: [...names, 'definitions' as const] });
    expect(relativeError(recorded.run(form([...others, 'equalConcat'])), recorded.run(form(others)))).toBe(0);
  }
});

test.each(cases)('%s: where its provider chooses the form, no operator of the CPU is left', (_, { spec }) => {
  for (const precision of ['float32', 'float16'] as const) {
    const nodes = primitives.countNodes({ ...inOwnForm(spec), precision }, 'cuda');
    expect(Object.keys(nodes).filter((type) => /^diffbir\.(?!Fused)/.test(type))).toEqual([]);
  }
});

/** The inputs of one picture of the batch; what has no batch stays. */
function ofItem(inputs: GraphCase['inputs'], item: number): GraphCase['inputs'] {
  const entries = Object.entries(inputs).map(([name, value]) => {
    if (!('shape' in value) || value.shape[0] !== 2) return [name, value] as const;
    const length = value.data.length / 2;
    const data = value.data.slice(item * length, (item + 1) * length);
    return [name, { shape: [1, ...value.shape.slice(1)], data }] as const;
  });
  return Object.fromEntries(entries);
}

test('in a batch each picture is what it is alone', () => {
  const changes = { precision: 'float16', optimizations: [...CUDA, 'definitions', 'rounded'] } as const;
  const together = sd21.run(changes).out as NativeTensor;
  const half = together.data.length / 2;
  for (const item of [0, 1]) {
    const alone = graphCase(sd21.spec, ofItem(sd21.inputs, item)).run(changes);
    expect(
      relativeError(
        { out: { shape: alone.out?.shape ?? [], data: together.data.slice(item * half, (item + 1) * half) } },
        alone,
      ),
    ).toBeLessThan(1e-3);
  }
});

test.each(cases)(
  '%s: in float32 the feature maps stay in NCHW, where cuDNN has convolutions without TF32',
  (_, { spec }) => {
    const nodes = primitives.countNodes({ ...inOwnForm(spec), precision: 'float32' }, 'cuda');
    expect(Object.keys(nodes).filter((type) => /NhwcConv|GroupNorm$/.test(type) && type.startsWith('com.'))).toEqual(
      [],
    );
  },
);
