import { decodeHTML } from 'entities/decode';
import { BytePairs, END_OF_TEXT, START_OF_TEXT } from './bytePairs';
import { fixText } from './fixText';

/** Tokens of one prompt, the two specials included. */
export const CONTEXT_LENGTH = 77;

const SPECIALS: ReadonlyMap<string, number> = new Map([
  ['<start_of_text>', START_OF_TEXT],
  ['<end_of_text>', END_OF_TEXT],
]);

/** Longest text that is tokenised, in UTF-16 units: far more than 77 tokens, and little enough to never block a server. */
export const MAX_TEXT_LENGTH = 100_000;

/** A special, an English contraction, a run of letters, one digit, or a run of anything else but white space. */
const WORD = /<start_of_text>|<end_of_text>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+/giu;

/**
 * Token ids of a prompt for OpenCLIP's text encoder: 49406, the prompt, 49407, zeros up to 77. A longer prompt is cut so
 * that the last id is 49407. As in the reference, `<start_of_text>` and `<end_of_text>` in a prompt are the specials.
 * Throws RangeError for a text above MAX_TEXT_LENGTH.
 * Source: behaviour.md 10.3.
 * @example
 * encode('A photo of a cat'); // Int32Array [49406, 320, 1125, 539, 320, 2368, 49407, 0, ...]
 */
export function encode(text: string): Int32Array {
  const row = new Int32Array(CONTEXT_LENGTH);
  const ids = [START_OF_TEXT, ...bytePairIds(text, CONTEXT_LENGTH - 1), END_OF_TEXT];
  row.set(ids.slice(0, CONTEXT_LENGTH));
  if (ids.length > CONTEXT_LENGTH) row[CONTEXT_LENGTH - 1] = END_OF_TEXT;
  return row;
}

/** Ids of a text without the specials around it and uncut; with `enough`, stops at the first word that makes so many. */
export function bytePairIds(text: string, enough = Number.POSITIVE_INFINITY): number[] {
  if (text.length > MAX_TEXT_LENGTH) throw new RangeError(`the text is longer than ${MAX_TEXT_LENGTH} characters`);
  const pairs = BytePairs.load();
  const utf8 = new TextEncoder();
  const ids: number[] = [];
  for (const [word] of cleanText(text).matchAll(WORD)) {
    const special = SPECIALS.get(word);
    if (special !== undefined) ids.push(special);
    else for (const id of pairs.encode(utf8.encode(word))) ids.push(id);
    if (ids.length >= enough) return ids.slice(0, enough);
  }
  return ids;
}

/** The text that is split into words: repaired, entities decoded twice, white space single, lower case. */
export function cleanText(text: string): string {
  const decoded = decodeHTML(decodeHTML(fixText(text)));
  return decoded.trim().replace(/\s+/g, ' ').trim().toLowerCase();
}
