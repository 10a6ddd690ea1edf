import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCheckpoint } from '../../src/checkpoint/readCheckpoint';
import { halfToNumber, readTensor } from '../../src/checkpoint/readTensor';
import * as build from './build';
import { call, dict, floats, global, tensor, torchLegacy, torchZip, write } from './build';

// The recorded zoo, the official layouts and their containers run in test/golden.test.ts.

const folder = build.temporaryFolder();

const names = async (file: string) => (await readCheckpoint(file)).tensors.map(({ name }) => name);

describe('wrappers', () => {
  const two = { a: tensor(), b: tensor({ offset: 1, shape: [], strides: [] }) };

  it.each([
    ['a plain dict', dict(two), ['a', 'b']],
    [
      'state_dict beside other things',
      dict({ epoch: 3, state_dict: dict(two), opt: dict({ x: tensor() }) }),
      ['a', 'b'],
    ],
    ['params', dict({ params: dict(two) }), ['a', 'b']],
    ['params_ema before params', dict({ params: dict(two), params_ema: dict({ ema: tensor() }) }), ['ema']],
    ['module. on every key', dict({ 'module.a': tensor(), 'module.b': tensor() }), ['a', 'b']],
    ['module. on the first key', dict({ 'module.a': tensor(), b: tensor() }), ['a', 'b']],
    ['module. on another key only', dict({ a: tensor(), 'module.b': tensor() }), ['a', 'module.b']],
    ['module. in state_dict', dict({ state_dict: dict({ 'module.a': tensor() }) }), ['a']],
    ['values that are no tensors', dict({ a: tensor(), n: 1, s: 'text', list: [], none: null }), ['a']],
  ])('%s', async (_, value, want) => {
    expect(await names(write(folder, torchZip(value)))).toEqual(want);
    expect(await names(write(folder, torchLegacy(value)))).toEqual(want);
  });

  it('module. in safetensors', async () => {
    const header = { 'module.a': { dtype: 'F32', shape: [2], data_offsets: [0, 8] } };
    expect(await names(write(folder, build.safetensors(header)))).toEqual(['a']);
  });
});

describe('values that only look like data', () => {
  it('never calls what the file names', async () => {
    const marker = path.join(folder, 'was-here');
    const attack = call(global('os', 'system'), [`touch ${marker}`]);
    const file = write(
      folder,
      torchZip(dict({ a: tensor(), evil: attack, state: call(global('builtins', 'eval'), ['1']) })),
    );
    expect(await names(file)).toEqual(['a']);
    expect(() => statSync(marker)).toThrow();
  });

  it('passes classes that it does not know, with their state', async () => {
    const lightning = call(global('pytorch_lightning.callbacks', 'ModelCheckpoint'), []);
    const built = new build.Code(
      Buffer.concat([lightning.bytes, build.pickle(dict({ best: 1 })).subarray(2, -1), Buffer.from('b')]),
    );
    expect(await names(write(folder, torchZip(dict({ callbacks: built, state_dict: dict({ a: tensor() }) }))))).toEqual(
      ['a'],
    );
  });

  it.each([
    ['Parameter', call(global('torch._utils', '_rebuild_parameter'), [tensor(), true, null])],
    [
      'tensor with attributes',
      call(global('torch._tensor', '_rebuild_from_type_v2'), [
        global('torch._utils', '_rebuild_parameter'),
        null,
        [tensor(), true, null],
        null,
      ]),
    ],
  ])('unwraps a %s', async (_, value) => {
    expect(await names(write(folder, torchZip(dict({ a: value }))))).toEqual(['a']);
  });
});

describe('places', () => {
  it('reads legacy parts of a storage (torch before 0.4)', async () => {
    const value = dict({ a: tensor({ count: 3, part: ['view', 1, 2] }) });
    const table = await readCheckpoint(write(folder, torchLegacy(value, [['0', 3, floats(7, 8, 9)]])));
    expect((await readTensor(table, 'a')).data).toEqual(Float32Array.of(8, 9));
  });

  it('finds the end of a legacy pickle of any length', async () => {
    const value = dict({ note: 'x'.repeat(3_000_000), a: tensor() });
    const table = await readCheckpoint(write(folder, torchLegacy(value)));
    expect((await readTensor(table, 'a')).data).toEqual(Float32Array.of(1, 2));
  });

  it('leaves an unused storage alone', async () => {
    const file = write(folder, torchZip(dict({ a: tensor() }), { 0: floats(1, 2), 1: floats(3) }));
    const [entry] = (await readCheckpoint(file)).tensors;
    expect(entry).toMatchObject({ dtype: 'float32', shape: [2], strides: [1] });
    expect((entry?.end ?? 0) - (entry?.offset ?? 0)).toBe(8);
  });

  it('reads an untyped storage through the dtype beside it', async () => {
    const reference = tensor({ storage: 'UntypedStorage', count: 8 }).bytes;
    // The same storage reference, but rebuilt by the version that is told the dtype.
    const id = reference.subarray(reference.indexOf('((') + 1, reference.indexOf('Q') + 1);
    const value = call(global('torch._utils', '_rebuild_tensor_v3'), [
      new build.Code(id),
      0,
      [2],
      [1],
      false,
      null,
      global('torch', 'float32'),
    ]);
    const table = await readCheckpoint(write(folder, torchZip(dict({ a: value }))));
    expect((await readTensor(table, 'a')).data).toEqual(Float32Array.of(1, 2));
  });

  it('detects the format from the content', async () => {
    const header = { a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } };
    expect(await names(write(folder, build.safetensors(header), 'really-safetensors.pth'))).toEqual(['a']);
    expect(await names(write(folder, torchZip(dict({ a: tensor() })), 'really-torch.safetensors'))).toEqual(['a']);
  });
});

describe('a file above 4 GB', () => {
  const GB = 2 ** 30;
  const LARGE = 4.5 * GB;

  /** data.pkl and 4.5 GB of zeros (a hole in the file), then storage 1 behind them. Sizes and offsets need zip64. */
  function writeLarge(file: string): void {
    const fd = openSync(file, 'w');
    let at = 0;
    const put = (bytes: Buffer) => {
      writeSync(fd, bytes, 0, bytes.length, at);
      at += bytes.length;
    };
    const value = dict({
      large: tensor({ count: LARGE / 4, shape: [LARGE / 4], strides: [1] }),
      small: tensor({ key: '1', count: 3, offset: 1 }),
    });
    const parts = [
      { name: 'big/data.pkl', data: build.pickle(value), size: 0 },
      { name: 'big/data/0', data: Buffer.alloc(0), size: LARGE },
      { name: 'big/data/1', data: floats(1, 2, 3), size: 0 },
    ];
    const records: Buffer[] = [];
    for (const { name, data, size } of parts) {
      const header = Buffer.alloc(46);
      header.writeUInt32LE(0x02014b50);
      header.writeUInt32LE(0xffffffff, 20);
      header.writeUInt32LE(0xffffffff, 24);
      header.writeUInt16LE(name.length, 28);
      header.writeUInt16LE(28, 30);
      header.writeUInt32LE(0xffffffff, 42);
      const extra = Buffer.alloc(28);
      extra.writeUInt16LE(1);
      extra.writeUInt16LE(24, 2);
      for (const [i, number] of [size || data.length, size || data.length, at].entries()) {
        extra.writeBigUInt64LE(BigInt(number), 4 + 8 * i);
      }
      records.push(header, Buffer.from(name), extra);
      const local = Buffer.alloc(30);
      local.writeUInt32LE(0x04034b50);
      local.writeUInt16LE(name.length, 26);
      put(Buffer.concat([local, Buffer.from(name), data]));
      at += size;
    }
    const directoryAt = BigInt(at);
    const directory = Buffer.concat(records);
    put(directory);
    const end64 = Buffer.alloc(56);
    end64.writeUInt32LE(0x06064b50);
    end64.writeBigUInt64LE(44n, 4);
    end64.writeBigUInt64LE(BigInt(parts.length), 32);
    end64.writeBigUInt64LE(BigInt(directory.length), 40);
    end64.writeBigUInt64LE(directoryAt, 48);
    const locator = Buffer.alloc(20);
    locator.writeUInt32LE(0x07064b50);
    locator.writeBigUInt64LE(BigInt(at), 8);
    const end = Buffer.alloc(22, 0xff);
    end.writeUInt32LE(0x06054b50);
    end.writeUInt16LE(0, 20);
    put(Buffer.concat([end64, locator, end]));
    closeSync(fd);
  }

  it('is read through zip64, without its data', async () => {
    const file = path.join(folder, 'large.ckpt');
    writeLarge(file);
    const table = await readCheckpoint(file);
    expect(table.fileSize).toBeGreaterThan(LARGE);
    expect(table.tensors[0]).toMatchObject({ name: 'large', shape: [LARGE / 4] });
    expect((await readTensor(table, 'small')).data).toEqual(Float32Array.of(2, 3));
  });
});

describe('halfToNumber', () => {
  it.each([
    [0x0000, 0],
    [0x8000, -0],
    [0x3c00, 1],
    [0xc000, -2],
    [0x7bff, 65504],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x7c00, Number.POSITIVE_INFINITY],
    [0xfc00, Number.NEGATIVE_INFINITY],
    [0x7e00, Number.NaN],
  ])('%i', (bits, want) => expect(halfToNumber(bits)).toBe(want));
});
