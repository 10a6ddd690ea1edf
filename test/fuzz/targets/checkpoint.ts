import { readFileSync } from 'node:fs';
import path from 'node:path';
import { FileReader } from '../../../src/checkpoint/fileReader';
import { readTable } from '../../../src/checkpoint/readCheckpoint';
import { ITEM_SIZE } from '../../../src/checkpoint/tensorEntry';
import type { WeightTable } from '../../../src/native/binding';
import { floats, safetensors, torchLegacy, torchZip, zip } from '../../checkpoint/containers';
import { call, dict, global, pickle, tensor, u32 } from '../../checkpoint/pickle';
import { INTERESTING } from '../mutate';
import type { Random } from '../random';
import { demand, type Mutate, type Target } from '../target';

/** Axes that native code takes. */
const MOST_AXES = 8;

const golden = (name: string) => readFileSync(path.resolve(import.meta.dirname, '../../golden/ckpt', name));

async function run(data: Buffer): Promise<boolean> {
  const source = {
    read: async (buffer: Buffer, offset: number, length: number, position: number) => ({
      bytesRead: data.copy(buffer, offset, position, position + length),
    }),
  };
  checkTable(await readTable(new FileReader('fuzz.ckpt', data.length, source)), data.length);
  return true;
}

/** What native code relies on, reckoned anew in integers of any size. */
export function checkTable({ tensors }: WeightTable, size: number): void {
  const names = new Set<string>();
  for (const { name, dtype, shape, strides, offset, end } of tensors) {
    demand(!names.has(name), `tensor ${name} is there twice`);
    names.add(name);
    demand(shape.length === strides.length && shape.length <= MOST_AXES, `${name} has ${shape.length} axes`);
    for (const number of [...shape, ...strides, offset, end]) {
      demand(Number.isSafeInteger(number) && number >= 0, `${name} has the number ${number}`);
    }
    demand(end <= size, `${name} ends at ${end} of ${size}`);
    const last = shape.reduce((sum, length, axis) => sum + BigInt(length - 1) * BigInt(strides[axis] as number), 0n);
    const behind = BigInt(offset) + (shape.includes(0) ? 0n : (last + 1n) * BigInt(ITEM_SIZE[dtype]));
    demand(behind <= BigInt(end), `${name} reaches to ${behind} behind ${end}`);
  }
}

const CODES = ['DIFFBIR_INVALID_CHECKPOINT'] as const;

const JSON_WORDS = [
  ...[
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    '"',
    '""',
    '{"":',
    '[[[[[[[[',
    '"\\u0000"',
    '"\\ud800"',
    'null',
    '-1',
    '0.5',
    '1e400',
  ],
  ...['9007199254740993', '18446744073709551616', '__proto__', 'constructor', '"__metadata__"'],
];

const header = (begin: number, end: number, shape = [2], dtype = 'F32') => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

const safetensorsFiles = () => [
  safetensors({ a: header(0, 8) }),
  safetensors({ __metadata__: { format: 'pt' }, 'module.a': header(0, 8), 'module.b': header(8, 8, [0, 3]) }),
  safetensors({ b: header(4, 8, [2, 1], 'BF16'), a: header(0, 4, [], 'F32') }),
  golden('zoo_expected.safetensors'),
];

export const safetensorsTarget: Target = {
  name: 'safetensors',
  share: 30,
  codes: CODES,
  dictionary: [...JSON_WORDS, 'F32', 'F64', 'BF16', 'I64', 'BOOL', 'data_offsets', 'shape', 'dtype', 'module.'],
  corpus: async () => safetensorsFiles(),
  generate(random, mutate, corpus) {
    const file = random.pick(corpus);
    const length = Number(file.readBigUInt64LE());
    return safetensors(mutate(file.subarray(8, 8 + length)), file.subarray(8 + length));
  },
  run,
};

const OPCODES = [
  ...[
    '.',
    '(',
    ')',
    ']',
    '}',
    't',
    'l',
    'd',
    'a',
    'e',
    's',
    'u',
    '0',
    '1',
    '2',
    'N',
    'R',
    'b',
    'Q',
    'q\0',
    'h\0',
    'q\x01',
  ],
  ...['h\x01', 'K\x02', 'I1\n', 'L9L\n', 'F1e400\n', 'g0\n', 'p0\n', 'X\x01\0\0\0a', '\x81', '\x85', '\x86', '\x87'],
  ...['\x8a\x09\0\0\0\0\0\0\0\0\x01', '\x8f(', '\x90', '\x91', '\x92', '\x93', '\x94', '\x80\x04', '\x95', 'module.'],
  ...['ccollections\nOrderedDict\n', 'ctorch._utils\n_rebuild_tensor_v2\n', 'ctorch._utils\n_rebuild_parameter\n'],
  ...[
    'ctorch\nFloatStorage\n',
    'ctorch\nUntypedStorage\n',
    'ctorch\nSize\n',
    'cos\nsystem\n',
    'ccollections\ndefaultdict\n',
  ],
  // A value of the memo, made into a dict and dropped.
  ...['h\x00\x85R0', 'h\x01h\x00\x85R', 'ccollections\nOrderedDict\nh\x00\x85R'],
];

function* values(): Generator<unknown> {
  yield dict({ a: tensor() });
  yield dict({ state_dict: dict({ 'module.a': tensor(), 'module.b': tensor({ offset: 1, shape: [], strides: [] }) }) });
  yield dict({ params: dict({ a: tensor() }), params_ema: dict({ a: tensor({ shape: [1, 2], strides: [2, 1] }) }) });
  yield dict({ a: call(global('torch._utils', '_rebuild_parameter'), [tensor(), true, null]), n: 1, s: 'text' });
  yield dict({ a: call(global('collections', 'OrderedDict'), [[['x', tensor()]]]), b: tensor({ part: ['v', 1, 1] }) });
}

/** A tensor that lies about itself. */
function lyingTensor(random: Random) {
  const number = () => (random.oneIn(3) ? random.pick(INTERESTING) * (random.oneIn(4) ? -1n : 1n) : random.below(4));
  const list = () => Array.from({ length: random.oneIn(4) ? random.below(70) : random.below(4) }, number);
  const shape = list();
  return tensor({
    count: random.oneIn(2) ? 2 : number(),
    offset: random.oneIn(2) ? 0 : number(),
    shape: random.oneIn(3) ? [2] : shape,
    strides: random.oneIn(3) ? [1] : random.oneIn(3) ? list() : shape.map(() => random.below(3)),
    storage: random.pick(['FloatStorage', 'HalfStorage', 'LongStorage', 'UntypedStorage', 'BoolStorage']),
    ...(random.oneIn(6) && { part: ['v', number(), number()] }),
  });
}

function value(random: Random): unknown {
  return random.oneIn(2) ? random.pick([...values()]) : dict({ a: lyingTensor(random), b: lyingTensor(random) });
}

/** A zip archive whose pickle, storages or directory are wrong, and whose lengths are as its maker says. */
function lyingZip(random: Random, mutate: Mutate): Buffer {
  const data = random.oneIn(2) ? mutate(pickle(value(random))) : pickle(value(random));
  if (random.oneIn(2)) return torchZip(data);
  const lie = () => (random.oneIn(8) ? Number(random.pick(INTERESTING) % 2n ** 32n) : undefined);
  const part = (name: string, content: Buffer) => {
    const [size, storedSize, headerOffset] = [lie(), lie(), lie()];
    const extra = Buffer.alloc(28);
    extra.writeUInt16LE(1);
    extra.writeUInt16LE(24, 2);
    for (const at of [4, 12, 20]) extra.writeBigUInt64LE(BigInt.asUintN(64, random.pick(INTERESTING)), at);
    return {
      name: random.oneIn(8) ? mutate(Buffer.from(name)).subarray(0, 0xffff) : name,
      data: content,
      ...(size !== undefined && { size }),
      ...(storedSize !== undefined && { storedSize }),
      ...(headerOffset !== undefined && { headerOffset }),
      ...(random.oneIn(8) && { size: 0xffffffff, storedSize: 0xffffffff, extra }),
      ...(random.oneIn(16) && { method: 8 }),
      ...(random.oneIn(16) && { flags: 1 }),
      ...(random.oneIn(8) && { localExtraSize: random.below(0x10000) }),
    };
  };
  const storages = Array.from({ length: 1 + random.below(3) }, (_, i) => part(`m/data/${i}`, floats(1, 2)));
  return zip([part('m/data.pkl', data), part('m/byteorder', Buffer.from('little')), ...storages], {
    ...(random.oneIn(8) && { count: random.below(9) }),
    ...(random.oneIn(8) && { size: random.below(1 << 16) }),
    ...(random.oneIn(8) && { offset: Number(random.pick(INTERESTING) % 2n ** 32n) }),
  });
}

const ZIP_WORDS = [
  'PK\x01\x02',
  'PK\x03\x04',
  'PK\x05\x06',
  'PK\x06\x06',
  'PK\x06\x07',
  '\xff\xff\xff\xff',
  'm/data/0',
  '../',
];

export const torchZipTarget: Target = {
  name: 'torch-zip',
  share: 35,
  codes: CODES,
  dictionary: [...OPCODES, ...ZIP_WORDS],
  corpus: async () => [...Array.from(values(), (each) => torchZip(each)), golden('zoo.pth')],
  generate: lyingZip,
  run,
};

export const torchLegacyTarget: Target = {
  name: 'torch-legacy',
  share: 25,
  codes: CODES,
  dictionary: OPCODES,
  corpus: async () => [...Array.from(values(), (each) => torchLegacy(each)), golden('zoo_legacy.pth')],
  generate(random, mutate) {
    const root = random.oneIn(2) ? mutate(pickle(value(random))) : pickle(value(random));
    const count = random.oneIn(4) ? Number(random.pick(INTERESTING) % 2n ** 32n) : 2;
    const keys = random.oneIn(4) ? [random.pick(['0', '1', ''])] : ['0'];
    const file = torchLegacy(null, [['0', count, floats(1, 2)]], {
      keys,
      littleEndian: !random.oneIn(16),
      protocol: random.oneIn(16) ? random.below(2000) : 1001,
    });
    // In place of the root, which is the only pickle of nothing.
    const nothing = pickle(null);
    const at = file.indexOf(nothing);
    return Buffer.concat([file.subarray(0, at), root, file.subarray(at + nothing.length)]);
  },
  run,
};

/** What people hand us in place of weights. */
export const anyFileTarget: Target = {
  name: 'any-file',
  share: 10,
  codes: CODES,
  dictionary: [
    ...ZIP_WORDS,
    'version https://git-lfs',
    '<html>',
    '{',
    '\x1f\x8b',
    'ustar',
    'GGUF',
    '\x80\x02',
    '\ufeff',
  ],
  corpus: async () => [
    Buffer.alloc(0),
    Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n'),
    Buffer.from('<!DOCTYPE html><html>Sign in</html>'),
    Buffer.from('{"error":"Access denied"}'),
    Buffer.concat([Buffer.alloc(257), Buffer.from('ustar')]),
    Buffer.concat([u32(2), u32(0), Buffer.from('{}')]),
    pickle(1),
    ...safetensorsFiles(),
    torchZip(dict({ a: tensor() })),
    torchLegacy(dict({ a: tensor() })),
  ],
  run,
};
