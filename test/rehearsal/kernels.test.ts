/** Our own kernels, compiled for the processor: against their twins, and as the operators of networks. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { NetworkSpec } from '../../src/native/binding';
import type { Primitives } from '../../src/native/primitives';
import type { GraphCase, Stage2 } from '../native/graphCases';
import { CASES, FOLDER, isBuilt, Rehearsal, WITHOUT_OWN } from './hook';

const OPERATORS = ['FusedControlledConcat', 'FusedGeglu', 'FusedGroupNorm', 'FusedLayerNorm', 'FusedWindowAttention'];

describe.skipIf(!isBuilt)('kernels that run on the processor', () => {
  let primitives: Primitives;
  let cases: ReadonlyMap<string, GraphCase>;
  let stage2: Stage2;
  let inTheirForm: (own: boolean, inTiles?: boolean) => Partial<NetworkSpec>;
  let helpers: typeof import('../native/graphCases');

  beforeAll(async () => {
    const rehearsal = new Rehearsal();
    rehearsal.begin({ computes: true });
    rehearsal.moveOperators(true);
    primitives = rehearsal.binding.primitives;
    // Not before: they open the addon that is chosen then.
    helpers = await import('../native/graphCases');
    const { goldenSpec } = await import('../lifecycle/model');
    const folder = mkdtempSync(path.join(tmpdir(), 'diffbir-rehearsal-'));
    cases = new Map([...(await helpers.graphCases(folder)), ['SD 2.1 widths', await helpers.sd21Widths(folder)]]);
    stage2 = (await goldenSpec({ stage: 2 })).stage2 as Stage2;
    const cuda = primitives.optimizationsFor('cuda');
    inTheirForm = (own, inTiles = false) => ({
      precision: 'float16',
      optimizations: [
        ...cuda.filter((name) => !(inTiles && name === 'separateTiles')),
        ...(own ? (['definitions', 'rounded', 'ownKernels'] as const) : (['definitions', 'rounded'] as const)),
      ],
    });
  });

  const caseOf = (name: string) => cases.get(name) as GraphCase;
  const ownOf = (name: string) => {
    const counts = primitives.countNodes({ ...caseOf(name).spec, ...inTheirForm(true) });
    return Object.keys(counts).filter((type) => type.startsWith('diffbir.'));
  };

  it('are their twins', () => {
    const { status, stdout, stderr } = spawnSync(path.join(FOLDER, 'twins'), { encoding: 'utf8' });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: expect.not.stringContaining('FAIL'), stderr: '' });
    expect(stdout.match(/^pass /gm)?.length).toBeGreaterThanOrEqual(124); // all there are: none may get lost
  });

  it('are all that networks have', () => {
    const all = new Set(CASES.flatMap(ownOf));
    expect([...all].sort()).toEqual(OPERATORS.map((name) => `diffbir.${name}`));
    expect(CASES.filter((name) => ownOf(name).length === 0)).toEqual(WITHOUT_OWN);
  });

  it.each(CASES.filter((name) => !WITHOUT_OWN.includes(name)))('%s: what their definitions give', (name) => {
    const { run } = caseOf(name);
    const exact = run();
    const error = helpers.relativeError(run(inTheirForm(true)), exact);
    expect(error).toBeLessThan(1.3 * helpers.relativeError(run(inTheirForm(false)), exact));
    expect(error).toBeGreaterThan(1e-5);
  });

  it.each(['encode', 'decode'] as const)('%s in tiles', (half) => {
    const run = (changes: Partial<NetworkSpec>) => {
      const [encoder, decoder] = [stage2.vaeEncoder, stage2.vaeDecoder].map((spec) => ({ ...spec, ...changes }));
      const autoencoder = primitives.createAutoencoder(encoder as NetworkSpec, decoder as NetworkSpec, 2);
      const [x, tile] =
        half === 'encode' ? [helpers.wave([1, 3, 160, 192], 0.01), 64] : [helpers.wave([1, 4, 26, 34], 0.3), 8];
      return { out: autoencoder[half](x, tile, 'exact', true) };
    };
    const exact = run({});
    const [own, defined] = [true, false].map((kernels) =>
      helpers.relativeError(run(inTheirForm(kernels, true)), exact),
    ) as [number, number];
    expect(own).toBeLessThan(1.3 * defined);
    expect(own).toBeGreaterThan(1e-5); // 0: not finite, and computed once more in float32
  });
});
