import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { packageRoot } from '../packageRoot';

/** Sizes of OpenCLIP's vocabulary: 256 bytes, the same at the end of a word, the merges, two specials. */
const MERGES = 48894;
export const START_OF_TEXT = 512 + MERGES;
export const END_OF_TEXT = START_OF_TEXT + 1;
const VOCABULARY = END_OF_TEXT + 1;

/** Marks the last symbol of a word. */
const WORD_END = '</w>';

/**
 * Byte pair encoding with CLIP's merge table (shipped in `assets/`): turns the UTF-8 bytes of a word into the ids of the
 * longest known pieces by joining, again and again, the neighbours that come first in the table.
 * Source: Sennrich et al. 2016, "Neural Machine Translation of Rare Words with Subword Units"; behaviour.md 10.3.
 */
export class BytePairs {
  private constructor(
    /** Symbol id of each byte inside a word; at its end the id is 256 more. */
    private readonly byteIds: Uint16Array,
    /** left * VOCABULARY + right -> rank: the place in the table, and what the two become. */
    private readonly ranks: ReadonlyMap<number, number>,
    private readonly joined: Int32Array,
  ) {}

  private static shared: BytePairs | undefined;

  /** The table of the package; read once. */
  static load(): BytePairs {
    BytePairs.shared ??= BytePairs.parse(
      gunzipSync(readFileSync(path.join(packageRoot(), 'assets', 'bpe_simple_vocab_16e6.txt.gz'))).toString('utf8'),
    );
    return BytePairs.shared;
  }

  /** The file has a line of comment, then one merge a line (`left right`); lines after number 48894 are unused. */
  private static parse(text: string): BytePairs {
    const characters = byteCharacters();
    // GPT-2 orders the vocabulary of single bytes by printable ones first, so by insertion into the map.
    const symbols = new Map<string, number>();
    for (const end of ['', WORD_END])
      for (const character of characters.values()) symbols.set(character + end, symbols.size);
    const byteIds = Uint16Array.from(
      { length: 256 },
      (_, byte) => symbols.get(characters.get(byte) as string) as number,
    );
    const merges = text
      .split('\n', MERGES + 1)
      .slice(1)
      .map((line) => line.trimEnd().split(' ') as [string, string]);
    for (const [i, [left, right]] of merges.entries()) symbols.set(left + right, 512 + i);
    const id = (symbol: string) => symbols.get(symbol) as number;
    const ranks = new Map(merges.map(([left, right], rank) => [id(left) * VOCABULARY + id(right), rank]));
    return new BytePairs(
      byteIds,
      ranks,
      Int32Array.from(merges, ([left, right]) => id(left + right)),
    );
  }

  /** Ids of one word (its bytes must not be empty). Takes n log n steps for n bytes. */
  encode(word: Uint8Array): number[] {
    const ids = Int32Array.from(word, (byte) => this.byteIds[byte] as number);
    ids[ids.length - 1] = (ids[ids.length - 1] as number) + 256;
    // A doubly linked list over positions; a joined pair lives on at its left position.
    const next = Int32Array.from(ids, (_, i) => i + 1);
    const previous = Int32Array.from(ids, (_, i) => i - 1);
    const waiting = new RankQueue();
    const rankAt = (i: number) => {
      const right = next[i] as number;
      return right < ids.length ? this.ranks.get((ids[i] as number) * VOCABULARY + (ids[right] as number)) : undefined;
    };
    const enqueue = (i: number) => {
      const rank = i >= 0 ? rankAt(i) : undefined;
      if (rank !== undefined) waiting.add(rank, i);
    };
    for (let i = 0; i < ids.length; i++) enqueue(i);
    for (let lowest = waiting.take(); lowest; lowest = waiting.take()) {
      // All places of one rank from left to right before any other, as the algorithm is defined.
      for (const i of lowest.positions.sort((a, b) => a - b)) {
        if (ids[i] === GONE || rankAt(i) !== lowest.rank) continue;
        const gone = next[i] as number;
        const after = next[gone] as number;
        ids[i] = this.joined[lowest.rank] as number;
        ids[gone] = GONE;
        next[i] = after;
        if (after < ids.length) previous[after] = i;
        enqueue(previous[i] as number);
        enqueue(i);
      }
    }
    return Array.from(ids.filter((id) => id !== GONE));
  }
}

const GONE = -1;

/** Positions waiting to be joined, lowest rank first. */
class RankQueue {
  private readonly positions = new Map<number, number[]>();
  /** Binary heap of the ranks in `positions`. */
  private readonly heap: number[] = [];

  add(rank: number, position: number): void {
    const known = this.positions.get(rank);
    if (known) {
      known.push(position);
      return;
    }
    this.positions.set(rank, [position]);
    let i = this.heap.push(rank) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if ((this.heap[parent] as number) <= rank) break;
      this.heap[i] = this.heap[parent] as number;
      i = parent;
    }
    this.heap[i] = rank;
  }

  take(): { rank: number; positions: number[] } | undefined {
    const rank = this.heap[0];
    if (rank === undefined) return undefined;
    const positions = this.positions.get(rank) as number[];
    this.positions.delete(rank);
    const last = this.heap.pop() as number;
    if (this.heap.length > 0) this.sink(last);
    return { rank, positions };
  }

  private sink(value: number): void {
    let i = 0;
    for (let child = 1; child < this.heap.length; child = 2 * i + 1) {
      const right = this.heap[child + 1];
      if (right !== undefined && right < (this.heap[child] as number)) child++;
      if (value <= (this.heap[child] as number)) break;
      this.heap[i] = this.heap[child] as number;
      i = child;
    }
    this.heap[i] = value;
  }
}

/** GPT-2's printable character for every byte: Latin-1's printable ones for themselves, the others from U+0100 on. */
function byteCharacters(): Map<number, string> {
  const characters = new Map<number, string>();
  for (const [from, to] of [
    [0x21, 0x7e],
    [0xa1, 0xac],
    [0xae, 0xff],
  ] as const) {
    for (let byte = from; byte <= to; byte++) characters.set(byte, String.fromCodePoint(byte));
  }
  let spare = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    if (!characters.has(byte)) characters.set(byte, String.fromCodePoint(spare++));
  }
  return characters;
}
