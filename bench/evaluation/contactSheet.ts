import sharp, { type OverlayOptions } from 'sharp';
import type { Pixels } from './methods';

/** Side of the cut-outs, in pixels of the pictures: nothing is scaled, so that detail shows as it is. */
const SIDE = 224;
const GAP = 4;
const HEAD = 26;
const DOT = 2;

/** Letters of 5 x 7 dots, a row a number, so that no font is needed on the machine. */
const LETTERS: Readonly<Record<string, readonly number[]>> = {
  a: [14, 17, 17, 31, 17, 17, 17],
  b: [30, 17, 17, 30, 17, 17, 30],
  c: [14, 17, 16, 16, 16, 17, 14],
  d: [30, 17, 17, 17, 17, 17, 30],
  e: [31, 16, 16, 30, 16, 16, 31],
  g: [14, 17, 16, 23, 17, 17, 14],
  h: [17, 17, 17, 31, 17, 17, 17],
  i: [14, 4, 4, 4, 4, 4, 14],
  l: [16, 16, 16, 16, 16, 16, 31],
  m: [17, 27, 21, 21, 17, 17, 17],
  n: [17, 25, 21, 19, 17, 17, 17],
  o: [14, 17, 17, 17, 17, 17, 14],
  p: [30, 17, 17, 30, 16, 16, 16],
  r: [30, 17, 17, 30, 20, 18, 17],
  s: [15, 16, 16, 14, 1, 1, 30],
  t: [31, 4, 4, 4, 4, 4, 4],
  '1': [4, 12, 4, 4, 4, 4, 14],
  '-': [0, 0, 0, 31, 0, 0, 0],
};

/** The centres of pictures as a JPEG file: a row for each of `rows`, a labelled column for each of `titles`. */
export async function contactSheet(titles: readonly string[], rows: readonly (readonly Pixels[])[]): Promise<Buffer> {
  const tiles = rows.flatMap((pictures, y) =>
    pictures.map(async (picture, x): Promise<OverlayOptions> => {
      const [left, top] = [GAP + x * (SIDE + GAP), HEAD + y * (SIDE + GAP)];
      return { input: await centre(picture), left, top };
    }),
  );
  const labels = titles.map((title, x) => ({ input: label(title), left: GAP + x * (SIDE + GAP), top: 6 }));
  const size = { width: GAP + titles.length * (SIDE + GAP), height: HEAD + rows.length * (SIDE + GAP) };
  return sharp({ create: { ...size, channels: 3, background: '#202020' } })
    .composite([...labels, ...(await Promise.all(tiles))])
    .jpeg({ quality: 88, chromaSubsampling: '4:4:4' })
    .toBuffer();
}

function centre({ data, width, height }: Pixels): Promise<Buffer> {
  const [w, h] = [Math.min(SIDE, width), Math.min(SIDE, height)];
  return sharp(data, { raw: { width, height, channels: 3 } })
    .extract({ left: (width - w) >> 1, top: (height - h) >> 1, width: w, height: h })
    .png({ compressionLevel: 1 })
    .toBuffer();
}

/** Letters that are not in the table are left out. */
function label(text: string): Buffer {
  const dots = [...text.toLowerCase()].flatMap((letter, i) =>
    (LETTERS[letter] ?? []).flatMap((bits, y) =>
      [0, 1, 2, 3, 4]
        .filter((x) => bits & (16 >> x))
        .map((x) => `<rect x="${i * 6 + x}" y="${y}" width="1" height="1"/>`),
    ),
  );
  const [width, height] = [text.length * 6, 7];
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width * DOT}" height="${height * DOT}" viewBox="0 0 ${width} ${height}"><g fill="white">${dots.join('')}</g></svg>`;
  return Buffer.from(svg);
}
