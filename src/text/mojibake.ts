/** Windows-1252 characters of the bytes 0x80..0x9f; the five undefined bytes stand for themselves. */
const HIGH_CHARACTERS = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';

const BYTE_OF = new Map([...HIGH_CHARACTERS].map((character, i) => [character, 0x80 + i]));

/** A character whose byte can continue a UTF-8 sequence: as windows-1252 or, for a C1 control, as Latin-1. */
const NEXT = `[\\x80-\\xbf${HIGH_CHARACTERS}]`;

/** What looks like the bytes of one character beyond ASCII. */
const SEQUENCE = new RegExp(`[\\xc2-\\xdf]${NEXT}|[\\xe0-\\xef]${NEXT}{2}|[\\xf0-\\xf4]${NEXT}{3}`, 'g');

/** What a writer puts behind a word: here a letter and these marks are more likely meant than misread. */
const CLOSING = /^[’”…–—›»™®\xa0]+$/;

/** Lead bytes of Greek, Cyrillic, Hebrew and Arabic, whose text comes as rows of two-byte characters. */
const SCRIPTS = [/[ÎÏ]/, /[ÐÑÒ]/, /×/, /[ØÙÚÛ]/];

const MAX_ROUNDS = 4;

/**
 * Repairs UTF-8 text that was read as windows-1252 or Latin-1, also twice: `cafÃ©` -> `café`, `â€™` -> `’`.
 * A sequence is repaired when it is valid UTF-8 and unlikely to be meant as it stands; when one is and the text holds
 * nothing but ASCII and such sequences, all are. Other code pages (MacRoman, cp437, ...) are not tried.
 */
export function repairMojibake(text: string): string {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const trusted = trustedScripts(text);
    let isAnyLikely = false;
    const likely = text.replace(SEQUENCE, (sequence) => {
      if (!isLikelyMisread(sequence, trusted)) return sequence;
      isAnyLikely = true;
      return decode(sequence) ?? sequence;
    });
    const repaired = (isAnyLikely && decodeAll(text)) || likely;
    if (repaired === text) break;
    text = repaired;
  }
  return text;
}

/** The text with every sequence decoded; undefined when something beyond ASCII is not part of a valid one. */
function decodeAll(text: string): string | undefined {
  if (/[^\p{ASCII}]/u.test(text.replace(SEQUENCE, ''))) return undefined;
  let isValid = true;
  const decoded = text.replace(SEQUENCE, (sequence) => {
    const character = decode(sequence);
    isValid &&= character !== undefined;
    return character ?? sequence;
  });
  return isValid ? decoded : undefined;
}

/** Scripts of which the text has at least two sequences; a single one may be chance (`RENÉ”`, `Ñ€`). */
function trustedScripts(text: string): RegExp[] {
  const leads = (text.match(SEQUENCE) ?? []).map((sequence) => sequence[0] as string);
  return SCRIPTS.filter((script) => leads.filter((lead) => script.test(lead)).length >= 2);
}

function isLikelyMisread(sequence: string, trusted: readonly RegExp[]): boolean {
  const lead = sequence[0] as string;
  if (sequence.length === 4 || lead === 'Â' || lead === 'Ã') return true;
  if (sequence.length === 3 || lead === 'Ä' || lead === 'Å') return !CLOSING.test(sequence.slice(1));
  return trusted.some((script) => script.test(lead));
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function decode(sequence: string): string | undefined {
  const bytes = Uint8Array.from(sequence, (character) => BYTE_OF.get(character) ?? character.charCodeAt(0));
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** C1 controls are never meant: they are windows-1252 read as Latin-1. */
export function repairC1Controls(text: string): string {
  return text.replace(/[\x80-\x9f]/g, (control) => HIGH_CHARACTERS[control.charCodeAt(0) - 0x80] as string);
}
