import sharp from 'sharp';

/** Letters of 5 x 7 dots, so that the demo needs no font on the machine. */
const LETTERS = {
  A: ['.###.', '#...#', '#...#', '#####', '#...#', '#...#', '#...#'],
  B: ['####.', '#...#', '#...#', '####.', '#...#', '#...#', '####.'],
  E: ['#####', '#....', '#....', '####.', '#....', '#....', '#####'],
  F: ['#####', '#....', '#....', '####.', '#....', '#....', '#....'],
  O: ['.###.', '#...#', '#...#', '#...#', '#...#', '#...#', '.###.'],
  R: ['####.', '#...#', '#...#', '####.', '#.#..', '#..#.', '#...#'],
  T: ['#####', '..#..', '..#..', '..#..', '..#..', '..#..', '..#..'],
};
const DOT = 3;

/** The picture as PNG bytes, with a word in its left top corner: white dots on a dark plate. */
export async function labelled(input, word) {
  const dots = [...word].flatMap((letter, i) =>
    LETTERS[letter].flatMap((row, y) =>
      [...row].flatMap((dot, x) =>
        dot === '#' ? [`<rect x="${i * 6 + x + 2}" y="${y + 2}" width="1" height="1"/>`] : [],
      ),
    ),
  );
  const [width, height] = [word.length * 6 + 3, 11];
  const plate = `<svg xmlns="http://www.w3.org/2000/svg" width="${width * DOT}" height="${height * DOT}" viewBox="0 0 ${width} ${height}">
    <rect width="100%" height="100%" fill="black" fill-opacity="0.6"/><g fill="white">${dots.join('')}</g></svg>`;
  return sharp(input)
    .composite([{ input: Buffer.from(plate), left: 0, top: 0 }])
    .removeAlpha()
    .png()
    .toBuffer();
}
