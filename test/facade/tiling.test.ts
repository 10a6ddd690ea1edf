/** Tiles leave no trace: the same picture as untiled, and no step at their borders. */
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RestoreResult, Restorer } from '../../src/index';
import { internals } from '../../src/internals';
import { loadModel } from '../../src/loadModel';
import { planTiles } from '../../src/memory/planTiles';
import { resolveOptions } from '../../src/options/resolve';
import { validateOptions } from '../../src/options/validate';

const SAMPLE = path.resolve(import.meta.dirname, '../../examples/sample/degraded.jpg');

describe('stage 1 on tiles', () => {
  let restorer: Restorer;
  let whole: RestoreResult;
  beforeAll(async () => {
    restorer = await Restorer.create({ stage: 1 });
    whole = await restorer.restore(SAMPLE);
  });
  afterAll(() => restorer.dispose());

  it.each([
    ['half overlapping', { cleaner: 256 }, 0.5],
    ['sizes that move its attention windows', { cleaner: 200, cleanerStride: 120 }, 2],
  ])('%s: the picture of the whole run', async (_, tiling, levels) => {
    const { data, width, height } = await restorer.restore(SAMPLE, { tiling });
    expect([width, height]).toEqual([whole.width, whole.height]);
    const differences = data.map((value, i) => Math.abs(value - (whole.data[i] as number)));
    expect(differences.reduce((sum, value) => sum + value, 0) / data.length).toBeLessThan(levels);
  });

  it('tiles in one call of the network: the picture of one after the other', async () => {
    const tiling = { cleaner: 256, cleanerStride: 160 };
    const { data } = await restorer.restore(SAMPLE, { tiling });
    const seen: number[] = [];
    const batched = await restorer.restore(SAMPLE, {
      tiling: { ...tiling, batch: 4 },
      onProgress: ({ stage, step, steps }) => {
        if (stage === 'stage1' && steps > 1) seen.push(step);
      },
    });
    expect(seen).toEqual([3, 6]); // of 9, in as few calls
    expect(
      batched.data.reduce((most, value, i) => Math.max(most, Math.abs(value - (data[i] as number))), 0),
    ).toBeLessThan(2);
    expect(batched.parameters?.options.tiling).toMatchObject({ batch: 4 });
  });

  it('a small memoryBudget gives the picture of the tiles that are planned for it', async () => {
    const memoryBudget = 120;
    const model = await loadModel(validateOptions({ stage: 1 }), internals);
    const planned = planTiles({ width: 512, height: 512 }, 1, model, {
      ...resolveOptions(),
      memoryBudget,
    }).cleaner;
    expect(planned.tile).toBeGreaterThan(0);
    expect(planned.tile).toBeLessThan(512);
    const automatic = await restorer.restore(SAMPLE, { memoryBudget });
    const explicit = await restorer.restore(SAMPLE, {
      tiling: { cleaner: planned.tile, cleanerStride: planned.stride },
    });
    expect(automatic.data).toEqual(explicit.data);
    expect(automatic.data).not.toEqual(whole.data); // it did run on tiles
    // Recorded, so that a machine with another budget repeats the run.
    const repeated = await restorer.restore(SAMPLE, automatic.parameters?.options);
    expect(repeated.data).toEqual(automatic.data);
    await model.admission.dispose();
  });

  it('both stages in little memory: the picture of the whole run', async () => {
    await using both = await Restorer.create({ steps: 2 });
    const expected = await both.restore(SAMPLE);
    const decoding: number[] = [];
    const { data, parameters } = await both.restore(SAMPLE, {
      memoryBudget: 100,
      onProgress: ({ stage, step, steps }) => {
        if (stage === 'decode') decoding.push(step / steps);
      },
    });
    expect(parameters?.options.tiling).toMatchObject({ encoder: expect.any(Number), decoder: 128 });
    const squares = data.reduce((sum, value, i) => sum + (value - (expected.data[i] as number)) ** 2, 0);
    expect(squares / data.length).toBeLessThan(1); // one level; a sample of the tiles' statistics gave 20
    expect(decoding).toEqual([...decoding].sort((a, b) => a - b));
    expect(decoding.length).toBeGreaterThan(100); // 16 tiles, about half as many rounds as normalisations
    expect(decoding.at(-1)).toBe(1);
  });

  it('tiles of the diffusion model in one call: the picture of one after the other', async () => {
    await using both = await Restorer.create({ steps: 2 });
    const tiling = { diffusion: 256, diffusionStride: 128 };
    const { data } = await both.restore(SAMPLE, { tiling });
    const batched = await both.restore(SAMPLE, { tiling: { ...tiling, batch: 4 } });
    expect(
      batched.data.reduce((most, value, i) => Math.max(most, Math.abs(value - (data[i] as number))), 0),
    ).toBeLessThan(2);
    expect(data).not.toEqual((await both.restore(SAMPLE)).data); // it did run on tiles
  });

  it('a memoryBudget that no tile fits is refused by name', async () => {
    await expect(restorer.restore(SAMPLE, { memoryBudget: 2 })).rejects.toMatchObject({
      code: 'DIFFBIR_INVALID_OPTION',
      option: 'memoryBudget',
    });
  });

  it('no seams: steps across tile borders are as large as elsewhere', async () => {
    const tiled = await restorer.restore(SAMPLE, { tiling: { cleaner: 256, cleanerStride: 128 } });
    const borders = new Set([128, 256, 384]);
    const ratio = (result: RestoreResult) => stepsAt(result, borders, true) / stepsAt(result, borders, false);
    // A picture has more or fewer edges at some columns than at others: the whole run tells how many.
    expect(ratio(tiled) / ratio(whole)).toBeGreaterThan(0.95);
    expect(ratio(tiled) / ratio(whole)).toBeLessThan(1.05);
  });

  it('reports every tile', async () => {
    const seen: number[] = [];
    await restorer.restore(SAMPLE, {
      tiling: { cleaner: 256, cleanerStride: 256 },
      onProgress: ({ stage, step, steps }) => {
        if (stage === 'stage1' && steps > 1) seen.push(step);
      },
    });
    expect(seen).toEqual([1, 2, 3]); // the last tile completes the stage
  });

  it('a stride that would leave gaps is refused by name', async () => {
    await expect(restorer.restore(SAMPLE, { tiling: { cleaner: 128, cleanerStride: 256 } })).rejects.toMatchObject({
      code: 'DIFFBIR_INVALID_OPTION',
      option: 'tiling.cleanerStride',
    });
  });

  it.each([
    ['decoder', 100],
    ['diffusion', 72],
  ])('tiling.%s %i is refused: no multiple of what the networks take', async (name, value) => {
    await expect(restorer.restore(SAMPLE, { tiling: { [name]: value } })).rejects.toMatchObject({
      code: 'DIFFBIR_INVALID_OPTION',
      option: `tiling.${name}`,
    });
  });
});

/** Mean absolute difference between horizontal neighbours whose right one stands at (or not at) one of the columns. */
function stepsAt({ data, width, channels }: RestoreResult, columns: ReadonlySet<number>, inside: boolean): number {
  let sum = 0;
  let count = 0;
  for (let i = channels; i < data.length; i++) {
    const column = Math.floor(i / channels) % width;
    if (column === 0 || columns.has(column) !== inside) continue;
    sum += Math.abs((data[i] as number) - (data[i - channels] as number));
    count++;
  }
  return sum / count;
}
