import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCheckpoint } from '../../src/checkpoint/readCheckpoint';
import { readTensors } from '../../src/checkpoint/readTensor';
import { CheckpointError } from '../../src/errors';
import * as build from './build';
import {
  call,
  code,
  dict,
  floats,
  global,
  pickle,
  safetensors,
  tensor,
  torchLegacy,
  torchZip,
  u32,
  write,
  zip,
} from './build';

/** The row "Weights" of the bad inputs: each file is refused with its name, the reason and, where there is one, the cure. */

const folder = build.temporaryFolder();

async function refused(file: string): Promise<string> {
  const error = await readCheckpoint(file).then(
    () => expect.unreachable('the file was accepted'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CheckpointError);
  expect(error).toMatchObject({ code: 'DIFFBIR_INVALID_CHECKPOINT', file });
  expect((error as Error).message).toContain(file);
  return (error as Error).message;
}

const refusedBytes = (bytes: Uint8Array) => refused(write(folder, bytes));

describe('not a checkpoint at all', () => {
  const text = (content: string) => Buffer.from(content);

  it.each([
    ['nothing', Buffer.alloc(0), /is empty/],
    ['one byte', text('P'), /no checkpoint/],
    [
      'LFS pointer',
      text('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n'),
      /LFS pointer.*git lfs pull/,
    ],
    ['web page', text('\n<!DOCTYPE html><html>Sign in</html>'), /web page/],
    ['web page with byte order mark', text('\ufeff<html></html>'), /web page/],
    ['JSON error', text('{"error":"Access denied"}'), /JSON text/],
    ['text', text('not a checkpoint, just words'), /no checkpoint/],
    ['gzip', Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0]), /compressed \(gzip\).*unpack/],
    ['GGUF', text('GGUF\x03\0\0\0'), /GGUF/],
    ['PNG', Buffer.from('\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'latin1'), /PNG picture/],
    ['tar', Buffer.concat([Buffer.alloc(257, 1), text('ustar')]), /tar archive/],
    ['pickle of something else', pickle(dict({ a: 1 })), /not made by torch\.save/],
    ['zip of something else', zip([{ name: 'word/document.xml', data: text('x') }]), /no PyTorch checkpoint/],
    ['zip around a checkpoint', zip([{ name: 'model.ckpt', data: text('x') }]), /"model\.ckpt" inside; unpack/],
    [
      'TorchScript',
      zip(['a/data.pkl', 'a/constants.pkl'].map((name) => ({ name, data: pickle(null) }))),
      /TorchScript/,
    ],
    ['whole pickled model', torchZip(call(global('my.models', 'Net'), [])), /my\.models\.Net object.*state_dict/],
    ['a list', torchZip([tensor()]), /no dict/],
    ['no tensors', torchZip(dict({ epoch: 1 })), /no tensors/],
  ])('%s', async (_, bytes, reason) => {
    expect(await refusedBytes(bytes)).toMatch(reason);
  });

  it('a missing file, a folder', async () => {
    expect(await refused(path.join(folder, 'none.ckpt'))).toMatch(/no such file/);
    const directory = path.join(folder, 'directory.ckpt');
    mkdirSync(directory);
    expect(await refused(directory)).toMatch(/not a regular file/);
  });
});

describe('truncated', () => {
  const whole = {
    zip: torchZip(dict({ a: tensor() })),
    legacy: torchLegacy(dict({ a: tensor() })),
    safetensors: safetensors({ a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }),
  };

  it.each(Object.entries(whole))('%s, at every byte', async (_, bytes) => {
    for (let length = 12; length < bytes.length; length++) await refusedBytes(bytes.subarray(0, length));
  });

  it('says what to do', async () => {
    for (const bytes of Object.values(whole)) {
      expect(await refusedBytes(bytes.subarray(0, -1))).toMatch(/truncated or damaged, download or copy it again/);
    }
  });
});

describe('safetensors', () => {
  const f32 = (begin: number, end: number, shape: unknown = [(end - begin) / 4]) => ({
    dtype: 'F32',
    shape,
    data_offsets: [begin, end],
  });

  it.each([
    ['header of 2^63 bytes', safetensors('{}', floats(), 2n ** 63n), /header of 9223372036854775808 bytes/],
    ['header beyond the file', safetensors('{}', floats(), 1000n), /outside the file/],
    ['header that is no object', safetensors('[1]   ', floats()), /JSON text|no checkpoint/],
    ['broken JSON', safetensors('{"a":', floats()), /header is not valid/],
    ['invalid UTF-8', safetensors(Buffer.from('{"\xff":1}', 'latin1'), floats()), /header is not valid/],
    ['depth bomb', safetensors(`{"a":${'['.repeat(1e6)}`, floats()), /nested deeper/],
    ['key twice', safetensors('{"a":{"dtype":"F32"},"\\u0061":{}}', floats()), /"a" appears twice/],
    ['member twice', safetensors('{"a":{"dtype":"F32","dtype":"F16"}}', floats()), /"dtype" appears twice/],
    ['unknown dtype', safetensors({ a: { ...f32(0, 8), dtype: 'F4' } }), /unknown dtype "F4"/],
    ['no tensor info', safetensors({ a: null }), /unknown dtype/],
    ['offsets beyond the file', safetensors({ a: f32(0, 16) }), /outside the file.*download/],
    ['offsets negative', safetensors({ a: f32(-8, 0) }), /no pair of non-negative/],
    ['offsets reversed', safetensors({ a: f32(8, 0, [2]) }), /needs 8 bytes/],
    ['offsets fractional', safetensors({ a: { ...f32(0, 8), data_offsets: [0.5, 8.5] } }), /no pair/],
    ['offsets overlapping', safetensors({ a: f32(0, 8), b: f32(4, 8) }), /"b" overlaps/],
    ['a gap', safetensors({ a: f32(4, 8) }), /gap before tensor "a"/],
    ['data of nobody', safetensors({ a: f32(0, 4) }), /4 bytes that belong to no tensor/],
    ['shape and size differ', safetensors({ a: f32(0, 8, [3]) }), /needs 12 bytes/],
    ['shape negative', safetensors({ a: f32(0, 8, [-2]) }), /no list of sizes/],
    ['shape that overflows', safetensors({ a: f32(0, 8, [2 ** 52, 2 ** 52, 0.5]) }), /no list of sizes/],
    ['65 axes', safetensors({ a: f32(0, 4, new Array(65).fill(1)) }, floats(1)), /65 axes/],
    ['more axes than native code takes', safetensors({ a: f32(0, 4, new Array(9).fill(1)) }, floats(1)), /9 axes/],
  ])('%s', async (_, bytes, reason) => {
    expect(await refusedBytes(bytes)).toMatch(reason);
  });

  it('a long text before a million colons is read once', async () => {
    const begin = performance.now();
    const header = `{"a":["${'x'.repeat(1_000_000)}"${':'.repeat(1_000_000)}]}`;
    expect(await refusedBytes(safetensors(header))).toMatch(/header is not valid/);
    expect(performance.now() - begin).toBeLessThan(2000);
  });

  it('takes "__proto__" for a name like any other', async () => {
    const file = write(folder, safetensors('{"__proto__":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'));
    expect((await readCheckpoint(file)).tensors.map(({ name }) => name)).toEqual(['__proto__']);
  });
});

describe('zip', () => {
  const data = pickle(dict({ a: tensor() }));
  const part = (change: object, storage: object = {}) =>
    zip([
      { name: 'm/data.pkl', data, ...change },
      { name: 'm/data/0', data: floats(1, 2), ...storage },
    ]);
  const zip64 = (...values: bigint[]) => {
    const extra = Buffer.alloc(4 + 8 * values.length);
    extra.writeUInt16LE(1);
    extra.writeUInt16LE(8 * values.length, 2);
    for (const [i, value] of values.entries()) extra.writeBigUInt64LE(value, 4 + 8 * i);
    return extra;
  };

  /** A locator before the end record, which leads to the start of the file. */
  const needs64 = zip([{ name: 'm/data.pkl', data }], { offset: 0xffffffff });
  const misled = Buffer.concat([needs64.subarray(0, -22), u32(0x07064b50), Buffer.alloc(16), needs64.subarray(-22)]);

  it.each([
    ['compressed pickle', part({ method: 8 }), /"m\/data\.pkl" is compressed.*unpack/],
    ['compressed storage', part({}, { method: 8 }), /"m\/data\/0" is compressed/],
    ['bomb: 4 GB from 8 bytes', part({}, { method: 8, size: 0xfffffffe }), /compressed/],
    ['two sizes', part({}, { size: 4 }), /is compressed/],
    ['header that is none', part({}, { signature: 0 }), /"m\/data\/0" is not where/],
    ['data that begins in the next entry', part({ localExtraSize: 1 }), /reaches into what follows/],
    ['encrypted', part({ flags: 1 }), /encrypted/],
    ['size beyond the file', part({}, { size: 1e9, storedSize: 1e9 }), /overlaps|outside/],
    ['overlapping entries', part({}, { headerOffset: 4 }), /overlaps/],
    ['two entries in one place', part({}, { headerOffset: 0 }), /overlaps/],
    ['header offset that is wrong', part({}, { headerOffset: 60 }), /overlaps|not where/],
    ['header offset beyond the file', part({}, { headerOffset: 1e9 }), /lies outside|overlaps/],
    ['path upwards', part({}, { name: '../../etc/passwd' }), /path "\.\.\/\.\.\/etc\/passwd"/],
    ['path upwards with backslashes', part({}, { name: 'm\\..\\x' }), /which no checkpoint has/],
    ['absolute path', part({}, { name: '/etc/passwd' }), /which no checkpoint has/],
    ['name twice', part({}, { name: 'm/data.pkl' }), /"m\/data\.pkl" twice/],
    ['name not UTF-8', part({}, { name: Buffer.from([0xff, 0xfe]) }), /not UTF-8/],
    ['zip64 without its field', part({}, { size: 0xffffffff, storedSize: 0xffffffff }), /lacks its zip64/],
    [
      'zip64 size of 2^63',
      part({}, { size: 0xffffffff, storedSize: 0xffffffff, extra: zip64(2n ** 63n, 2n ** 63n) }),
      /overlaps/,
    ],
    [
      'zip64 size of 5 GB',
      part({}, { size: 0xffffffff, storedSize: 0xffffffff, extra: zip64(5n << 30n, 5n << 30n) }),
      /overlaps/,
    ],
    ['zip64 offset of 2^60', part({}, { headerOffset: 0xffffffff, extra: zip64(2n ** 60n) }), /overlaps|outside/],
    ['no storage', zip([{ name: 'm/data.pkl', data }]), /no data for tensor "a"/],
    ['storage too small', part({}, { data: floats(1) }), /storage of 8 bytes, the file has 4/],
    [
      'big-endian',
      zip([
        { name: 'm/data.pkl', data },
        { name: 'm/byteorder', data: Buffer.from('big') },
      ]),
      /big-endian/,
    ],
    ['more entries declared', zip([{ name: 'm/data.pkl', data }], { count: 7 }), /1 entries but declares 7/],
    ['directory beyond the file', zip([{ name: 'm/data.pkl', data }], { offset: 1e6 }), /zip directory lies outside/],
    ['directory that is none', zip([{ name: 'm/data.pkl', data }], { offset: 0 }), /directory is bad/],
    ['zip64 locator that points elsewhere', misled, /end record is not where/],
    ['zip64 end without locator', zip([{ name: 'm/data.pkl', data }], { offset: 0xffffffff }), /locator is missing/],
  ])('%s', async (_, bytes, reason) => {
    expect(await refusedBytes(bytes)).toMatch(reason);
  });
});

describe('tensors', () => {
  it.each([
    ['beyond its storage', tensor({ shape: [3] }), /beyond its storage/],
    ['offset beyond its storage', tensor({ offset: 1 }), /beyond its storage/],
    ['stride beyond its storage', tensor({ strides: [2] }), /beyond its storage/],
    ['negative offset', tensor({ offset: -1 }), /negative/],
    ['negative size', tensor({ shape: [-1] }), /negative/],
    ['negative stride', tensor({ strides: [-1] }), /negative/],
    ['offset of 2^70', tensor({ offset: 2n ** 70n }), /too large/],
    ['size that overflows', tensor({ shape: [2 ** 40, 2 ** 40], strides: [0, 0] }), /beyond|large/],
    ['strides missing', tensor({ strides: [] }), /1 axes but 0 strides/],
    ['storage larger than the file has', tensor({ count: 3 }), /needs a storage of 12 bytes/],
    ['storage of negative size', tensor({ count: -1 }), /without a valid size/],
    ['storage size that is text', tensor({ count: 'many' }), /without a valid size/],
    ['complex numbers', tensor({ storage: 'ComplexFloatStorage' }), /unsupported dtype.*ComplexFloatStorage/],
    [
      'one name twice, with and without prefix',
      new Map([
        ['module.a', tensor()],
        ['a', tensor()],
      ]),
      /both with and without/,
    ],
    ['quantised', call(global('torch._utils', '_rebuild_qtensor'), [tensor()]), /unsupported kind.*_rebuild_qtensor/],
  ])('%s', async (_, value, reason) => {
    expect(await refusedBytes(torchZip(value instanceof Map ? value : dict({ a: value })))).toMatch(reason);
  });
});

describe('pickles', () => {
  const start = Buffer.from([0x80, 2]);
  const raw = (...parts: (string | number | Buffer)[]) => torchZip(Buffer.concat([start, code(...parts).bytes]));

  it.each([
    ['unknown opcode', raw(0xff), /unknown pickle opcode 0xff/],
    ['opcode that makes objects', raw('(ios\nsystem\n.'), /unknown pickle opcode 'i'/],
    ['empty stack', raw('.'), /empty stack/],
    ['no mark', raw('t.'), /no mark/],
    ['no end', raw('N'), /cut off/],
    ['memo that was never stored', raw('h', 7, '.'), /never stored/],
    ['string of 4 GB', raw('X', u32(0xffffffff)), /string of 4294967295 bytes/],
    ['string of 2^64', raw(0x8d, Buffer.alloc(8, 0xff)), /holds a string/],
    ['string not UTF-8', raw('X', u32(1), 0xff, '.'), /not UTF-8/],
    ['integer of 2 GB', raw(0x8b, u32(0x7fffffff)), /integer of/],
    ['deep recursion', raw('('.repeat(100_000)), /nested deeper/],
    ['deep lists', raw(']'.repeat(3_000_000)), /too deep a stack/],
    [
      'memo bomb',
      raw(
        'N',
        Buffer.concat(Array.from({ length: 2_100_000 }, (_, i) => Buffer.concat([Buffer.from('r'), u32(i)]))),
        '.',
      ),
      /remembers too many/,
    ],
    [
      'a list of 10000 pairs that is made into 10000 dicts',
      raw(
        ...[']', 'q', 0, '('],
        Buffer.concat(Array.from({ length: 10_000 }, (_, i) => code('K', i % 256, 'N', 0x86).bytes)),
        ...['e', 'ccollections\nOrderedDict\n', 'q', 1],
        Buffer.from('h\x01h\x00\x85R'.repeat(10_000), 'latin1'),
        '.',
      ),
      /too many values/,
    ],
    ['item of no dict', raw('NNNs.'), /no dict/],
    ['append to no list', raw('NNa.'), /no list/],
    ['persistent id that is no storage', raw('NQ.'), /no torch storage/],
  ])('%s', async (_, bytes, reason) => {
    expect(await refusedBytes(bytes)).toMatch(reason);
  });

  describe('tuples that double at every step: 2^60 values for whoever would walk through them', () => {
    const laughs = code('N', Buffer.from('2\x86'.repeat(60), 'latin1'));
    const called = new build.Code(Buffer.concat([laughs.bytes, Buffer.from(')R')]));

    it.each([
      ['as a value', dict({ a: tensor(), b: laughs })],
      ['as a key', dict({ a: tensor(), b: new Map([[laughs, 1]]) })],
      ['as a callable', dict({ a: tensor(), b: called })],
    ])('%s beside the tensors', async (_, value) => {
      expect((await readCheckpoint(write(folder, torchZip(value)))).tensors).toHaveLength(1);
    });

    it.each([
      ['as the root', torchZip(called)],
      ['as an offset', torchZip(dict({ a: tensor({ offset: laughs }) }))],
      ['as a shape', torchZip(dict({ a: tensor({ shape: [laughs] }) }))],
      ['as a storage size', torchZip(dict({ a: tensor({ count: laughs }) }))],
      ['as a legacy storage size', torchLegacy(dict({ a: tensor({ count: laughs }) }))],
      ['as a legacy part', torchLegacy(dict({ a: tensor({ part: ['v', laughs, laughs] }) }))],
      ['as a legacy key', torchLegacy(dict({ a: tensor() }), undefined, { keys: [laughs as never] })],
      ['as a legacy protocol', torchLegacy(dict({ a: tensor() }), undefined, { protocol: laughs as never })],
      ['as a persistent id', torchZip(dict({ a: new build.Code(Buffer.concat([laughs.bytes, Buffer.from('Q')])) }))],
    ])('%s', async (_, bytes) => {
      expect(await refusedBytes(bytes)).toBeTruthy();
    });
  });
});

describe('legacy', () => {
  const value = dict({ a: tensor() });

  it.each([
    ['wrong protocol', torchLegacy(value, undefined, { protocol: 1000 }), /protocol version 1001/],
    ['big-endian', torchLegacy(value, undefined, { littleEndian: false }), /big-endian/],
    ['element count that differs', torchLegacy(value, [['0', 3, floats(1, 2, 3)]]), /has 3 elements/],
    ['storage nobody refers to', torchLegacy(value, undefined, { keys: ['0', '1'] }), /does not fit/],
    ['storage twice', torchLegacy(value, undefined, { keys: ['0', '0'] }), /does not fit/],
    ['storage missing', torchLegacy(value, undefined, { keys: [] }), /no data for tensor "a"/],
    [
      'storage of an unknown type',
      torchLegacy(dict({ a: tensor({ storage: 'QInt8Storage' }) })),
      /unsupported type.*QInt8/,
    ],
    ['part beyond its storage', torchLegacy(dict({ a: tensor({ part: ['v', 1, 2] }) })), /needs a storage/],
  ])('%s', async (_, bytes, reason) => {
    expect(await refusedBytes(bytes)).toMatch(reason);
  });
});

describe('damaged at random', () => {
  const golden = path.join(import.meta.dirname, '..', 'golden', 'ckpt');

  /** Small deterministic generator (Lehmer). */
  function* randomNumbers(seed: number): Generator<number, never> {
    for (let state = seed; ; ) {
      state = (state * 48271) % 2147483647;
      yield state;
    }
  }

  it.each(['zoo.pth', 'zoo_legacy.pth', 'zoo_expected.safetensors'])(
    '%s is read or refused, nothing else',
    async (name) => {
      const whole = readFileSync(path.join(golden, name));
      const random = randomNumbers(20240229);
      const next = (limit: number) => random.next().value % limit;
      let accepted = 0;
      for (let round = 0; round < 600; round++) {
        const bytes = Buffer.from(whole.subarray(0, next(4) === 0 ? 1 + next(whole.length) : whole.length));
        for (let flips = 1 + next(4); flips > 0; flips--) bytes[next(bytes.length)] = next(2) ? next(256) : 0xff;
        try {
          // Every value that the table promises must be there.
          await readTensors(await readCheckpoint(write(folder, bytes, `fuzz-${name}`)));
          accepted++;
        } catch (error) {
          expect(error, `round ${round}`).toBeInstanceOf(CheckpointError);
        }
      }
      expect(accepted).toBeGreaterThan(0);
      expect(accepted).toBeLessThan(600);
    },
  );
});
