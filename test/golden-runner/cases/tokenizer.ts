import { bytePairIds, cleanText, encode } from '../../../src/text/tokenizer';
import { compareJson } from '../compare';
import type { Handler } from '../types';

interface Recorded {
  readonly text: string;
  readonly cleaned: string;
  readonly bpe: readonly number[];
  readonly ids: readonly number[];
}

/** Every recorded string: the repaired text, the ids of its pieces and the 77 ids for the text encoder. */
const tokenizer: Handler = {
  match: (entry) => entry.function.endsWith('open_clip.tokenize'),
  async run(entry, context) {
    const recorded = await context.json<readonly Recorded[]>(entry.file);
    return recorded.map(({ text, cleaned, bpe, ids }) => {
      const got = { cleaned: cleanText(text), bpe: bytePairIds(text), ids: [...encode(text)] };
      return compareJson(JSON.stringify(text).slice(0, 60), got, { cleaned, bpe, ids });
    });
  },
};

export const handlers: readonly Handler[] = [tokenizer];
