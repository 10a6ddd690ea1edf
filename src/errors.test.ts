import { describe, expect, it } from 'vitest';
import {
  AbortError,
  CheckpointError,
  DiffBIRError,
  expected,
  fromNative,
  InvalidImageError,
  NativeLoadError,
} from './errors';

describe('expected', () => {
  it("uses sharp's phrase form", () => {
    const error = expected('an integer between 1 and 1000', 'steps', 0.5);
    expect(error.message).toBe('Expected an integer between 1 and 1000 for steps but received 0.5 of type number');
    expect([error.code, error.option, error.status]).toEqual(['DIFFBIR_INVALID_OPTION', 'steps', 400]);
  });

  it('survives values that cannot be printed', () => {
    const hostile = {
      get x() {
        throw new Error('getter');
      },
    };
    expect(expected('a string', 'prompt', hostile).message).toContain('received { x: [Getter] } of type object');
    const nameless = Object.assign(() => 1, {
      toString: () => {
        throw new Error('toString');
      },
    });
    expect(expected('a string', 'prompt', nameless).message).toContain('[unprintable value] of type function');
    expect(expected('a string', 'prompt', 1n).message).toContain('received 1 of type bigint');
    expect(expected('a string', 'prompt', null).message).toContain('received null of type null');
    expect(expected('a string', 'prompt', 'x'.repeat(1e6)).message.length).toBeLessThan(200);
  });

  it.each<[string, unknown]>([
    ['a few members that are 2^30 as text', Array.from({ length: 30 }).reduce((inner) => [inner, inner], 1 as unknown)],
    ['a list of nothing', new Array(2 ** 32 - 1)],
    ['the bytes of a file', { upload: Buffer.alloc(1 << 23) }],
    ['an integer of five million digits', 2n ** (2n ** 24n)],
  ])('is quick about %s', (_, value) => {
    const begin = performance.now();
    expect(expected('a string', 'prompt', value).message.length).toBeLessThan(200);
    expect(performance.now() - begin).toBeLessThan(500);
  });
});

describe('fromNative', () => {
  const native = (code: string) => Object.assign(new Error('went wrong'), { code });

  it('finds the class by the code and keeps the caller stack', () => {
    function callerOfNative() {
      return new Error();
    }
    const error = fromNative(native('DIFFBIR_NUMERIC'), { at: callerOfNative() });
    expect(error).toMatchObject({ code: 'DIFFBIR_NUMERIC', status: 500, message: 'went wrong' });
    expect(error.stack).toContain('callerOfNative');
    expect((error.cause as Error).message).toBe('went wrong');
    expect(fromNative(native('DIFFBIR_ABORTED'))).toBeInstanceOf(AbortError);
    expect(fromNative(native('DIFFBIR_ABORTED')).name).toBe('AbortError');
    expect(fromNative(native('DIFFBIR_RUNTIME_NOT_FOUND'))).toBeInstanceOf(NativeLoadError);
    expect(fromNative(native('DIFFBIR_IMAGE_TOO_LARGE'))).toBeInstanceOf(InvalidImageError);
    expect(fromNative(native('DIFFBIR_INVALID_CHECKPOINT'), { file: 'a.pth' })).toMatchObject({
      file: 'a.pth',
      message: 'a.pth: went wrong',
    });
  });

  it('calls what it does not know an internal error, and passes its own errors on', () => {
    expect(fromNative(native('toString')).code).toBe('DIFFBIR_INTERNAL');
    expect(fromNative('text')).toMatchObject({ code: 'DIFFBIR_INTERNAL', message: 'text' });
    const own = new CheckpointError('a', 'b');
    expect(fromNative(own)).toBe(own);
    expect(own).toBeInstanceOf(DiffBIRError);
  });
});
