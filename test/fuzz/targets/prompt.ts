import { OPTIONS } from '../../../src/options/table';
import { check } from '../../../src/options/validate';
import { promptTokens } from '../../../src/prompts';
import { demand, type Target } from '../target';

/** What people type, paste and send as a prompt. */
export const promptTarget: Target = {
  name: 'prompt',
  share: 8,
  codes: ['DIFFBIR_INVALID_OPTION'],
  dictionary: [
    ...[
      '&amp;',
      '&lt;',
      '&#x',
      '&#65;',
      '&amp;amp;',
      '<',
      '>',
      '<start_of_text>',
      '<end_of_text>',
      ' ',
      '\t',
      '\x1b[',
      '\x1b[0m',
    ],
    ...['Ã©', 'â€™', 'Ã¢â\x82¬â\x84¢', "'s", '\x80', '\x9f', '0', '_'],
    ...['\u0301', '\ufb01', '\uff21', '🐈‍⬛', '\u202e', '\ufeff', 'שלום', '한글', 'ǅ', 'Ã¯Â¿Â½'].map((word) =>
      Buffer.from(word),
    ),
  ],
  corpus: async () =>
    ['', 'A photo of a cat, 4k', 'cafÃ© &amp;eacute; â€œquotedâ€\x9d', 'שלום 🐈 \u0301', 'x'.repeat(300)].map((text) =>
      Buffer.from(text),
    ),
  run(data) {
    const text = data.toString(data.length % 3 === 0 ? 'latin1' : data.length % 3 === 1 ? 'utf16le' : 'utf8');
    check(OPTIONS.prompt, 'prompt', text);
    const { ids } = promptTokens(text);
    demand(ids.length === 77 && ids[0] === 49406 && ids.includes(49407), 'no start or no end');
    demand(
      ids.every((id) => id >= 0 && id <= 49407),
      'an id that is none',
    );
    return true;
  },
};
