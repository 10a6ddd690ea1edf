import { bytePairIds, CONTEXT_LENGTH, encode } from './text/tokenizer';

export interface PromptTokens {
  /** 77 ids. */
  readonly ids: Int32Array;
  /** The prompt was longer than the text encoder reads. */
  readonly isCut: boolean;
}

/** Two of the ids mark start and end. */
const WORDS = CONTEXT_LENGTH - 2;

export function promptTokens(prompt: string): PromptTokens {
  return { ids: encode(prompt), isCut: bytePairIds(prompt, WORDS + 1).length > WORDS };
}
