import { Readable } from 'node:stream';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { withChunks } from '../../src/image/png';
import { degrade, inspect } from '../../src/index';
import { FORMATS } from '../../src/options/choices';
import { withParameters } from '../../src/parameters/xmp';
import { exifWithOrientation, image, pixels } from '../image/pictures';
import { fakeNative, fakeRestorer } from './fakes';

const raw = { data: pixels(), width: 6, height: 4, channels: 3 as const };
const XMP = Buffer.from(
  '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">' +
    '<rdf:Description rdf:about="" dc:title="mine"/></rdf:RDF></x:xmpmeta>',
);
const withXmp = async (xmp: Buffer) => withChunks(await image().png().toBuffer(), { xmp });

describe('parameters in the output', () => {
  it.each(FORMATS)('%s: written and read back, beside the metadata of the input', async (format) => {
    const restorer = await fakeRestorer(fakeNative());
    const options = { steps: 3, prompt: 'a "cat" & <dog> 🐈', seed: 2n ** 64n - 1n, format };
    const bare = await restorer.restore(raw, options);
    expect(await inspect(await bare.toBuffer())).toEqual({ format, width: 6, height: 4, parameters: bare.parameters });

    const icc = (await sharp(await image().withIccProfile('p3').png().toBuffer()).metadata()).icc as Buffer;
    const input = withChunks(await image(4).png().toBuffer(), { icc, exif: exifWithOrientation(6), xmp: XMP });
    const rich = await (await restorer.restore(input, options)).toBuffer();
    const { parameters } = await inspect(rich);
    expect(parameters?.options).toMatchObject({
      steps: 3,
      prompt: options.prompt,
      seed: options.seed,
      sampler: 'spaced',
    });
    const metadata = await sharp(rich).metadata();
    expect(metadata.xmp?.toString()).toContain('dc:title="mine"');
    expect(metadata.icc?.equals(icc)).toBe(true);
  });

  it('repeat the run', async () => {
    const fake = fakeNative();
    const restorer = await fakeRestorer(fake);
    const first = await restorer.restore(raw, { steps: 3, cfgScale: 2, seed: 5, guidance: { scale: 0.5 } });
    const { parameters } = await inspect(await first.toBuffer());
    await restorer.restore(raw, parameters?.options);
    expect(fake.jobs[1]).toEqual(fake.jobs[0]);
  });

  it('are left out when asked, and those of the input never stay', async () => {
    const restorer = await fakeRestorer(fakeNative());
    const old = await withXmp(withParameters(XMP, '{"formatVersion":1,"version":"0","model":"old","options":{}}'));
    expect((await inspect(old)).parameters?.model).toBe('old');
    const without = await (await restorer.restore(old, { saveParameters: false })).toBuffer();
    expect((await inspect(without)).parameters).toBeNull();
    expect((await sharp(without).metadata()).xmp?.toString()).toContain('dc:title="mine"');
    expect((await inspect(await (await restorer.restore(old)).toBuffer())).parameters?.model).toBe('fake');
    expect(
      (await sharp(await (await restorer.restore(raw, { saveParameters: false })).toBuffer()).metadata()).xmp,
    ).toBeUndefined();
  });

  it('stay without the metadata of the input', async () => {
    const restorer = await fakeRestorer(fakeNative());
    const bytes = await (await restorer.restore(await withXmp(XMP), { keepMetadata: false })).toBuffer();
    expect((await inspect(bytes)).parameters?.options.keepMetadata).toBe(false);
    expect((await sharp(bytes).metadata()).xmp?.toString()).not.toContain('mine');
  });

  it('that are too long are not written, with a warning', async () => {
    const restorer = await fakeRestorer(fakeNative());
    const long = { prompt: '"'.repeat(10_000), negativePrompt: '"'.repeat(10_000) };
    const result = await restorer.restore(raw, long);
    expect(result.warnings).toContainEqual(expect.stringMatching(/^the parameters are not saved: \d+ characters/));
    expect((await inspect(await result.toBuffer())).parameters).toBeNull();
    expect(result.parameters?.options.prompt).toBe(long.prompt);
  });

  it('do not cost a JPEG the XMP of its input', async () => {
    const large = Buffer.from(XMP.toString().replace('mine', 'm'.repeat(59_500)));
    const restorer = await fakeRestorer(fakeNative());
    const result = await restorer.restore(await withXmp(large));
    const [jpeg, png] = [await result.toBuffer('jpeg'), await result.toBuffer('png')];
    expect((await sharp(jpeg).metadata()).xmp?.equals(large)).toBe(true);
    expect((await inspect(jpeg)).parameters).toBeNull();
    expect((await inspect(png)).parameters?.model).toBe('fake');
  });

  it('replace XMP that is none, with a warning', async () => {
    const restorer = await fakeRestorer(fakeNative());
    const odd = await withXmp(Buffer.from('<x:xmpmeta/>'));
    const result = await restorer.restore(odd);
    expect(result.warnings).toContain('XMP dropped: it has no RDF to which the parameters could be added');
    expect((await restorer.restore(odd, { saveParameters: false })).warnings).toEqual([]);
  });

  it('of a restored picture do not stay when it is degraded', async () => {
    const restorer = await fakeRestorer(fakeNative());
    const large = { data: new Uint8Array(64 * 64 * 3).fill(9), width: 64, height: 64, channels: 3 as const };
    const restored = await (await restorer.restore(large)).toBuffer();
    expect((await inspect(await (await degrade(restored, 'mild')).toBuffer())).parameters).toBeNull();
  });
});

describe('inspect', () => {
  it('takes paths, bytes and streams, and tells the upright size', async () => {
    const bytes = withChunks(await image().png().toBuffer(), { exif: exifWithOrientation(6) });
    const expected = { format: 'png', width: 4, height: 6, parameters: null };
    expect(await inspect(bytes)).toEqual(expected);
    expect(await inspect(Readable.from([bytes]))).toEqual(expected);
    expect(await inspect('examples/sample/degraded.jpg')).toMatchObject({ format: 'jpeg', parameters: null });
  });

  it('names picture and reason', async () => {
    const code = 'DIFFBIR_INVALID_IMAGE';
    await expect(inspect('none.png')).rejects.toMatchObject({ code, message: expect.stringContaining('none.png') });
    await expect(inspect(Buffer.from('<html>'))).rejects.toMatchObject({ code });
    const damaged = await withXmp(withParameters(undefined, '{"formatVersion":1,"options":{"steps":-1}}'));
    await expect(inspect(damaged)).rejects.toMatchObject({ code, message: expect.stringContaining('cannot be used') });
    await expect(inspect(raw as never)).rejects.toMatchObject({ code: 'DIFFBIR_INVALID_OPTION', option: 'input' });
    await expect(inspect(damaged, { steps: 1 } as never)).rejects.toThrow('Unknown option steps');
    await expect(inspect(damaged, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'DIFFBIR_ABORTED' });
  });
});
