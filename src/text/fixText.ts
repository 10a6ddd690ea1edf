import { decodeHTMLStrict } from 'entities/decode';
import { repairC1Controls, repairMojibake } from './mojibake';

/** Each round may uncover work for the next (`&amp;eacute;`). Text that needs more rounds is an attack. */
const MAX_ROUNDS = 16;

/**
 * Repairs text as the reference does with `ftfy.fix_text` before it makes tokens: entities, mojibake, ligatures, widths,
 * quotes, line ends, control characters, NFC. Written from ftfy's documentation and checked against its results;
 * docs/decisions/0004-text-repair.md says where the two differ.
 */
export function fixText(text: string): string {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const fixed = STEPS.reduce((current, step) => step(current), text);
    if (fixed === text) break;
    text = fixed;
  }
  return text;
}

const STEPS: readonly ((text: string) => string)[] = [
  // A "<" hints at real HTML, where entities may be meant as they stand.
  (text) => (text.includes('<') ? text : decodeHTMLStrict(text)),
  (text) => text.replace(TERMINAL_ESCAPE, ''),
  repairMojibake,
  repairC1Controls,
  (text) => text.replace(LATIN_LIGATURE, (ligature) => (ligature === 'ﬅ' ? 'ſt' : ligature.normalize('NFKC'))),
  (text) => text.replace(OTHER_WIDTH, (character) => character.normalize('NFKC')),
  (text) => text.replace(/[\u02bc\u2018-\u201b]/g, "'").replace(/[\u201c-\u201f]/g, '"'),
  (text) => text.replace(/\r\n|[\r\u2028\u2029]/g, '\n'),
  (text) => text.replace(/\p{Surrogate}/gu, '\ufffd'),
  (text) => text.replace(CONTROL, ''),
  (text) => text.normalize('NFC'),
];

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const TERMINAL_ESCAPE = /\x1b\[[\d;]*[a-zA-Z]/g;

/** Single characters that stand for two or more Latin letters. */
const LATIN_LIGATURE = /[\u0132\u0133\u0149\u01c4-\u01cc\u01f1-\u01f3\ufb00-\ufb06]/g;

/** Full-width Latin, half-width Katakana and Hangul, and the ideographic space. */
const OTHER_WIDTH = /[\u3000\uff01-\uffef]/g;

/** Controls that are not white space, deprecated format characters, byte order mark, annotation marks. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROL = /[\x00-\x08\x0b\x0e-\x1f\x7f\u206a-\u206f\ufeff\ufff9-\ufffc]/g;
