import { fromNative } from './errors';
import { abortError } from './jobQueue';
import type { NativeProgress, NativeTask } from './native/binding';

/**
 * Runs a native task to its end: cancels it when the signal fires or the progress callback throws, removes the
 * listener afterwards, and gives errors their class and a stack that shows the caller.
 */
export async function runTask<T>(
  start: (onProgress: (progress: NativeProgress) => void) => NativeTask<T>,
  onProgress: ((progress: NativeProgress) => void) | undefined,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal?.aborted) throw abortError(signal);
  let thrown: { error: unknown } | undefined;
  let task: NativeTask<T> | undefined;
  const report = (progress: NativeProgress) => {
    if (thrown || signal?.aborted) return;
    try {
      onProgress?.(progress);
    } catch (error) {
      thrown = { error };
      task?.cancel();
    }
  };
  const cancel = () => task?.cancel();
  try {
    task = start(report);
    signal?.addEventListener('abort', cancel, { once: true });
    if (thrown) task.cancel();
    const result = await task.promise;
    if (thrown) throw thrown.error;
    if (signal?.aborted) throw abortError(signal);
    return result;
  } catch (error) {
    // The caller's own error and the caller's own abort come back as they are.
    if (thrown) throw thrown.error;
    if (signal?.aborted) throw abortError(signal);
    throw fromNative(error);
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}
