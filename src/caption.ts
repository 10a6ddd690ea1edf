import { expected } from './errors';
import type { Picture } from './image/types';
import { abortError } from './jobQueue';
import type { ResolvedOptions } from './options/resolve';
import { OPTIONS } from './options/table';

/**
 * The prompt with the picture's caption before it, joined by a comma where neither is empty, as in the reference
 * (behaviour.md 1.2). The captioner sees the picture as it came in, in a copy of its own. Its own errors come back as
 * they are; throws InvalidOptionError for an answer that is no prompt, AbortError.
 */
export async function captionedPrompt(
  { rgb, width, height }: Picture,
  { captioner, prompt, signal }: Pick<ResolvedOptions, 'captioner' | 'prompt' | 'signal'>,
): Promise<string> {
  if (!captioner) return prompt;
  const image = { data: rgb.slice(), width, height, channels: 3 as const };
  const caption = await unlessAborted(Promise.resolve(captioner(image)), signal);
  const { kind } = OPTIONS.prompt;
  if (!kind.is(caption)) throw expected(`${kind.expected} as the answer`, 'captioner', caption);
  const joined = [caption.trim(), prompt].filter((text) => text !== '').join(', ');
  if (!kind.is(joined)) throw expected('a caption that leaves room for the prompt', 'captioner', caption);
  return joined;
}

/** A captioner may have no way to be stopped: then it is left alone. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  if (signal.aborted) throw abortError(signal);
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(abortError(signal));
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (stop) signal.removeEventListener('abort', stop);
  }
}
