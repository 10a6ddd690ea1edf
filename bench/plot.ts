/** Curves over one horizontal axis as an SVG, each with an axis of its own at a side. */

export interface Curve {
  readonly title: string;
  readonly colour: string;
  /** Where its title and the labels of its lowest and highest value stand. */
  readonly side: 'left' | 'right';
  readonly x: readonly number[];
  readonly y: readonly number[];
  /** Values at the bottom and at the top, the lowest and the highest by default. */
  readonly range?: readonly [number, number];
  /** A dot for every value. */
  readonly dots?: boolean;
  /** Decimals of the labels. */
  readonly digits: number;
}

export interface Axis {
  readonly title: string;
  /** Values at the left and at the right end. */
  readonly range: readonly [number, number];
  readonly labels: readonly { readonly at: number; readonly text: string }[];
}

const [WIDTH, HEIGHT, MARGIN] = [640, 320, 56];

export function linePlot(axis: Axis, curves: readonly Curve[]): string {
  const place = (value: number) => between(value, axis.range, MARGIN, WIDTH - MARGIN).toFixed(1);
  const labels = axis.labels
    .map(({ at, text }) => `<text x="${place(at)}" y="${HEIGHT - 20}" text-anchor="middle">${text}</text>`)
    .join('');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
${curves.map((each) => curve(each, place)).join('\n')}
<g fill="#333">${labels}<text x="${WIDTH / 2}" y="${HEIGHT - 4}" text-anchor="middle">${axis.title}</text></g>
</svg>
`;
}

function curve({ title, colour, side, x, y, range, dots, digits }: Curve, place: (value: number) => string): string {
  const [labelsAt, anchor] = side === 'left' ? [MARGIN - 8, 'end'] : [WIDTH - MARGIN + 8, 'start'];
  const [titleAt, titleAnchor] = side === 'left' ? [8, 'start'] : [WIDTH - 8, 'end'];
  const [low, high] = range ?? [Math.min(...y), Math.max(...y)];
  const height = (value: number) => between(value, [low, high], HEIGHT - MARGIN, MARGIN);
  const points = y.map((value, i) => [place(x[i] as number), height(value).toFixed(1)] as const);
  const line = points.map((point) => point.join()).join(' ');
  const circles = dots ? points.map(([cx, cy]) => `<circle cx="${cx}" cy="${cy}" r="3"/>`).join('') : '';
  const labels = [low, high]
    .map((v) => `<text x="${labelsAt}" y="${height(v) + 4}" text-anchor="${anchor}">${v.toFixed(digits)}</text>`)
    .join('');
  const heading = `<text x="${titleAt}" y="20" text-anchor="${titleAnchor}">${title}</text>`;
  return `<g fill="${colour}"><polyline points="${line}" fill="none" stroke="${colour}" stroke-width="2"/>${circles}${labels}${heading}</g>`;
}

/** From a range of values to one of places. */
function between(value: number, [low, high]: readonly [number, number], from: number, to: number): number {
  return from + ((value - low) / (high - low || 1)) * (to - from);
}
