import type { NativeImage, NativeTensor } from '../../../src/native/binding';
import type { InterpolationMode } from '../../../src/native/degradation';
import type { Primitives } from '../../../src/native/primitives';
import { compare, compareExact, compareJson, skipped } from '../compare';
import { fromHwc, sampleOf } from '../degradations';
import type { CaseResult, Handler, TensorSet } from '../types';

/** F.interpolate: the antialiased bicubic is the pipeline's, the others belong to the degradations. */
const interpolate: Handler = {
  match: (entry) => entry.function === 'torch.nn.functional.interpolate',
  async run(entry, context) {
    const { primitives } = await context.binding();
    const recorded = await context.tensors(entry);
    const tolerance = Number(entry.tolerance?.max_abs);
    return recorded.names
      .filter((key) => key.includes('.'))
      .map((key) => {
        const got = resized(primitives, recorded, key);
        return got ? compare(key, got, recorded.get(key), tolerance) : skipped(key);
      });
  },
};

/** 8-bit pictures: Pillow's bicubic, the final conversion. */
const images: Handler = {
  match: (entry) => entry.function.startsWith('PIL.Image.resize'),
  async run(entry, context) {
    const { primitives } = await context.binding();
    const recorded = await context.tensors(entry);
    const source = recorded.get('src');
    const [height = 0, width = 0] = source.shape;
    const image: NativeImage = { width, height, data: source.data as Uint8Array };
    const results: CaseResult[] = [];
    for (const key of recorded.names) {
      if (['src', 'cv2_src_f32', 'to_uint8.in'].includes(key)) continue;
      const want = recorded.get(key);
      const [, scale] = /^pil_bicubic\.x([\d.]+)$/.exec(key) ?? [];
      if (scale) {
        const by = (side: number) => Math.trunc(side * Number(scale));
        const got = primitives.resizeBicubicPil(image, by(width), by(height));
        results.push(compareExact(key, { shape: [got.height, got.width, 3], data: got.data }, want));
      } else if (key === 'pil_box_half') {
        const got = primitives.resizeBoxPil(image, width >> 1, height >> 1);
        results.push(compareExact(key, { shape: [got.height, got.width, 3], data: got.data }, want));
      } else if (key.startsWith('center_crop_arr.')) {
        const got = primitives.centerCrop(image, Number(key.split('.')[1]));
        results.push(compareExact(key, { shape: [got.height, got.width, 3], data: got.data }, want));
      } else if (key.startsWith('cv2_linear.')) {
        const [to, down] = (key.split('.')[1] ?? '').split('x').map(Number) as [number, number];
        const operation = { kind: 'resizeTo' as const, height: down, width: to, mode: 'linearCv2' as const };
        const got = primitives.applyDegradation(fromHwc(recorded.get('cv2_src_f32')), [operation], []);
        results.push(compare(key, got, fromHwc(want), Number(entry.tolerance?.cv2)));
      } else if (key === 'to_uint8.out') {
        results.push(compareExact(key, { data: primitives.toUint8(recorded.float('to_uint8.in').data) }, want));
      } else {
        results.push(skipped(key));
      }
    }
    return results;
  },
};

const helpers: Handler = {
  match: (entry) => entry.function.startsWith('diffbir.pipeline.resize_short_edge_to'),
  async run(entry, context) {
    const { primitives } = await context.binding();
    const recorded = await context.tensors(entry);
    const tolerance = Number(entry.tolerance?.max_abs);
    const results: CaseResult[] = [];
    for (const key of recorded.names) {
      const [name, ...rest] = key.split('.');
      const size = Number(rest.at(-1));
      const want = recorded.get(key);
      if (name === 'resize_short_edge_to') {
        const x = variant(recorded.float('short_edge_in'), rest.length > 1 ? rest[0] : undefined);
        results.push(compare(key, primitives.resizeShortEdgeTo(x, size), want, tolerance));
      } else if (name === 'pad_to_multiples_of') {
        results.push(compare(key, primitives.padToMultiplesOf(recorded.float('x'), size), want, tolerance));
      }
    }
    return results;
  },
};

const shortEdgeSizes: Handler = {
  match: (entry) => entry.function === 'resize_short_edge_to',
  async run(entry, context) {
    const { primitives } = await context.binding();
    type Row = { h: number; w: number; size: number; out_h: number; out_w: number };
    return (await context.json<Row[]>(entry.file)).map(({ h, w, size, out_h, out_w }) => {
      const x = { shape: [1, 1, h, w], data: new Float32Array(h * w) };
      return compareJson(`${h}x${w} to ${size}`, primitives.resizeShortEdgeTo(x, size).shape.slice(2), [out_h, out_w]);
    });
  },
};

export const handlers: readonly Handler[] = [interpolate, images, helpers, shortEdgeSizes];

/**
 * Results of one sample are of the first of a batch. Keys: `bicubic_aa.<source>.<h>x<w>`, `<mode>.size.<source>.<h>x<w>`, `<mode>.scale.<source>.<factor>` and
 * `<mode>.scale<factor>.<source>`.
 */
function resized(primitives: Primitives, recorded: TensorSet, key: string): NativeTensor | undefined {
  const [, antialiased, source, size] = /^(bicubic_aa|\w+\.size)\.(\w+)\.(\d+x\d+)$/.exec(key) ?? [];
  if (antialiased && source && size) {
    const [height, width] = size.split('x').map(Number) as [number, number];
    if (antialiased === 'bicubic_aa') return primitives.resizeBicubicAntialias(recorded.float(source), height, width);
    const mode = antialiased.replace('.size', '') as InterpolationMode;
    return primitives.applyDegradation(recorded.float(source), [{ kind: 'resizeTo', height, width, mode }], []);
  }
  const [, mode, name, factor] = /^([\w-]+)\.scale\.(\w+)\.([\d.]+)$/.exec(key) ?? [];
  const [, other, otherFactor, otherName] = /^([\w-]+)\.scale([\d.]+)\.(\w+)$/.exec(key) ?? [];
  const input = name ?? otherName;
  if (!input) return undefined;
  const scale = Number(factor ?? otherFactor);
  return primitives.applyDegradation(
    sampleOf(recorded.float(input), recorded.get(key).shape[0] as number),
    [{ kind: 'resizeBy', scale, mode: (mode ?? other) as InterpolationMode }],
    [],
  );
}

/** The recorded input, on its side (`tall`) or cut to a square. */
function variant(x: NativeTensor, kind: string | undefined): NativeTensor {
  if (!kind) return x;
  const [batch = 1, channels = 1, height = 1, width = 1] = x.shape;
  const tall = kind === 'tall';
  const [rows, columns] = tall ? [width, height] : [Math.min(height, width), Math.min(height, width)];
  const data = new Float32Array(batch * channels * rows * columns);
  for (let i = 0; i < data.length; i++) {
    const [plane, row, column] = [Math.floor(i / (rows * columns)), Math.floor(i / columns) % rows, i % columns];
    data[i] = x.data[plane * height * width + (tall ? column * width + row : row * width + column)] as number;
  }
  return { shape: [batch, channels, rows, columns], data };
}
