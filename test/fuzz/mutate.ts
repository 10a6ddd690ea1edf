import type { Random } from './random';

/** Where limits lie: of signs, widths, and doubles that hold an integer exactly. */
export const INTERESTING: readonly bigint[] = [
  0n,
  1n,
  7n,
  8n,
  255n,
  256n,
  65535n,
  65536n,
  ...[31n, 32n, 40n, 52n, 53n, 60n, 63n, 64n].flatMap((bits) => [2n ** bits - 1n, 2n ** bits]),
];

/** Most inputs stay small, since that is where most mistakes show; a few are large enough to show what grows too fast. */
const SIZES: readonly (readonly [oneIn: number, bytes: number])[] = [
  [400, 1 << 20],
  [20, 1 << 16],
];
const USUAL_SIZE = 1 << 13;

export interface Material {
  readonly corpus: readonly Buffer[];
  /** Words of the format. */
  readonly dictionary: readonly (string | Buffer)[];
}

/** One change or a few; seldom as many as eight. */
export function mutate(random: Random, data: Buffer, material: Material): Buffer {
  const limit = SIZES.find(([oneIn]) => random.oneIn(oneIn))?.[1] ?? Math.max(USUAL_SIZE, data.length);
  let changed: Buffer = Buffer.from(data);
  for (let left = 1 + random.below(1 + random.below(8)); left > 0; left--)
    changed = random.pick(CHANGES)(random, changed, material, limit);
  return changed.subarray(0, limit);
}

type Change = (random: Random, data: Buffer, material: Material, limit: number) => Buffer;

const CHANGES: readonly Change[] = [
  flipBit,
  flipBit,
  setByte,
  setInteger,
  setInteger,
  insertWord,
  replaceByWord,
  insertBytes,
  remove,
  truncate,
  repeat,
  copyWithin,
  crossOver,
];

function flipBit(random: Random, data: Buffer): Buffer {
  const at = random.below(data.length);
  if (data.length > 0) data[at] = (data[at] as number) ^ (1 << random.below(8));
  return data;
}

function setByte(random: Random, data: Buffer): Buffer {
  if (data.length > 0) data[random.below(data.length)] = random.oneIn(3) ? 0xff : random.below(256);
  return data;
}

/** An integer of 1 to 8 bytes, in either byte order, where its width would align it or anywhere. */
function setInteger(random: Random, data: Buffer): Buffer {
  const width = random.pick([1, 2, 4, 8]);
  if (data.length < width) return data;
  const places = data.length - width + 1;
  const at = random.oneIn(2) ? random.below(places) : random.below(Math.ceil(places / width)) * width;
  const bytes = Buffer.alloc(8);
  const value = random.oneIn(4) ? BigInt(random.below(data.length + 2)) : random.pick(INTERESTING);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, random.oneIn(3) ? -value : value));
  const low = bytes.subarray(0, width);
  (random.oneIn(3) ? low.reverse() : low).copy(data, at);
  return data;
}

function wordOf(random: Random, { dictionary }: Material): Buffer {
  if (dictionary.length === 0) return random.bytes(1 + random.below(8));
  const word = random.pick(dictionary);
  return typeof word === 'string' ? Buffer.from(word, 'latin1') : word;
}

function insertWord(random: Random, data: Buffer, material: Material): Buffer {
  return splice(data, random.below(data.length + 1), 0, wordOf(random, material));
}

function replaceByWord(random: Random, data: Buffer, material: Material): Buffer {
  const word = wordOf(random, material);
  return splice(data, random.below(data.length + 1), word.length, word);
}

function insertBytes(random: Random, data: Buffer): Buffer {
  return splice(data, random.below(data.length + 1), 0, random.bytes(1 + random.below(16)));
}

function remove(random: Random, data: Buffer): Buffer {
  return splice(data, random.below(data.length), 1 + random.below(Math.min(data.length, 32)), Buffer.alloc(0));
}

function truncate(random: Random, data: Buffer): Buffer {
  return random.oneIn(3) ? data.subarray(0, random.below(data.length + 1)) : data;
}

/** A piece, a few times or as often as there is room. */
function repeat(random: Random, data: Buffer, material: Material, limit: number): Buffer {
  const at = random.below(data.length);
  const piece = random.oneIn(2)
    ? wordOf(random, material)
    : Buffer.from(data.subarray(at, at + 1 + random.below(random.oneIn(2) ? 8 : 64)));
  const room = Math.floor((limit - data.length) / Math.max(piece.length, 1));
  const times = Math.min(room, random.oneIn(2) ? 1 + random.below(8) : 1 + random.below(room));
  return times > 0 ? splice(data, at, 0, Buffer.concat(new Array<Buffer>(times).fill(piece))) : data;
}

function copyWithin(random: Random, data: Buffer): Buffer {
  const from = random.below(data.length);
  data.copy(data, random.below(data.length), from, from + random.below(64));
  return data;
}

/** The start of one input and the end of another. */
function crossOver(random: Random, data: Buffer, { corpus }: Material): Buffer {
  const other = random.pick(corpus);
  if (!random.oneIn(4) || !other) return data;
  return Buffer.concat([
    data.subarray(0, random.below(data.length + 1)),
    other.subarray(random.below(other.length + 1)),
  ]);
}

function splice(data: Buffer, at: number, removed: number, inserted: Buffer): Buffer {
  return Buffer.concat([data.subarray(0, at), inserted, data.subarray(at + removed)]);
}
