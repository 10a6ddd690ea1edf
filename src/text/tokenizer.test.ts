import { describe, expect, it } from 'vitest';
import { bytePairIds, CONTEXT_LENGTH, cleanText, encode, MAX_TEXT_LENGTH } from './tokenizer';

// The recorded strings of the reference run in test/golden.test.ts; here is what they leave open.

describe('encode', () => {
  it('makes 77 ids: start, text, end, zeros', () => {
    const ids = encode('A photo of a cat');
    expect(ids).toHaveLength(CONTEXT_LENGTH);
    expect([...ids.subarray(0, 8)]).toEqual([49406, 320, 1125, 539, 320, 2368, 49407, 0]);
  });

  it.each([74, 75, 76, 77, 1000])('cuts %i words so that the last id is the end', (words) => {
    const ids = [...encode('cat '.repeat(words))];
    expect(ids.indexOf(49407)).toBe(Math.min(words + 1, 76));
    expect(ids.filter((id) => id === 2368)).toHaveLength(Math.min(words, 75));
  });

  it.each(['\0', '\ud800', '👍🏽', 'مرحبا', '\u202eRTL', '&#xD800;', '<end_of_text>'])('takes %j', (text) => {
    expect(encode(text)[0]).toBe(49406);
  });

  it('refuses a text that would block the process, and is quick below', () => {
    expect(() => encode('x'.repeat(MAX_TEXT_LENGTH + 1))).toThrow(RangeError);
    const begin = performance.now();
    for (const text of ['x', 'Ã', '&amp;', 'é’', '<']) encode(text.repeat(MAX_TEXT_LENGTH / text.length));
    expect(performance.now() - begin).toBeLessThan(5000);
  });
});

describe('bytePairIds', () => {
  // Ids of an independent model of the algorithm; the pairs overlap, so what is joined first decides.
  it.each([
    ['aaaaaaa', [6727, 9583]],
    ['xxhtxatxttthxthxahtxtttxh', [5675, 71, 6636, 34849, 971, 513, 87, 513, 87, 1772, 6636, 971, 6636, 327]],
    [
      'èéèéèéééééééèèèèèééèèé',
      [
        12138, 3459, 12138, 3459, 12138, 3459, 3459, 3459, 3459, 3459, 3459, 3459, 12138, 12138, 12138, 12138, 12138,
        3459, 3459, 12138, 12138, 4166,
      ],
    ],
  ])('joins the pairs of %j in the order of the table', (word, ids) => {
    expect(bytePairIds(word)).toEqual(ids);
  });
});

/** Text -> what ftfy 6.3.1, html.unescape (twice) and lower() of Python 3.11 make of it. */
describe.each([
  ['two scripts misread', 'Ð¿Ñ€Ð¸Ð²ÐµÑ‚ Î±Î²Î³', 'привет αβγ'],
  ['misread twice', 'cafÃƒÂ©', 'café'],
  ['misread beside correct', 'cafÃ© 😀 café', 'café 😀 café'],
  ['capital and quote', 'CAFÉ’S “RENÉ”… Ü–', 'café\'s "rené"… ü–'],
  ['Portuguese', 'SÃO PAULO AÇÃO', 'são paulo ação'],
  ['entities in chains', '&amp;amp;amp;eacute; &copy 2020 &#128;', 'é © 2020 €'],
  ['entities beside a tag', '<b>&ldquo;x&rdquo; &amp;amp;amp;', '<b>“x” &amp;'],
  ['controls', '\x1b[31mred\x1b[0m a\x0bb\x1cc', 'red abc'],
  ['C1', '\x93hi\x94 a\x85', '"hi" a…'],
  ['ligatures', 'ŉ ĳ Ǆ ﬅ ﬆ', "'n ij dž ſt st"],
  ['widths', '１２ＡＢ　ｶﾒﾗ', '12ab カメラ'],
])('cleanText: %s', (_, text, want) => {
  it(JSON.stringify(text), () => expect(cleanText(text)).toBe(want));
});
