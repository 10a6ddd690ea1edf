import { decode } from '../../../src/image/decode';
import { checkInput } from '../../../src/image/readInput';
import { groupOf } from '../../../src/options/groups';
import { resolveOptions } from '../../../src/options/resolve';
import { OPTION_NAMES, specOf } from '../../../src/options/table';
import { type Door, validateOptions } from '../../../src/options/validate';
import { hostileObject, hostileValue, Script } from '../hostileValues';
import { demand, type Target } from '../target';

const DOORS: readonly Door[] = [{}, { scope: 'call' }, { manifest: true, prefix: 'defaults.' }, { only: ['signal'] }];

/** What every object inherits: nobody's options may add to it. */
const INHERITED = Object.getOwnPropertyNames(Object.prototype).length;

function run(data: Buffer): boolean {
  const script = new Script(data);
  const door = script.pick(DOORS);
  const given = script.byte() > 250 ? hostileValue(script) : hostileObject(script, OPTION_NAMES);
  const checked = validateOptions(given, door);
  demand(Object.getPrototypeOf(checked) === null, 'options with a prototype');
  for (const [name, value] of Object.entries(checked)) {
    const known = OPTION_NAMES.find((each) => each === name);
    demand(known !== undefined, `option ${name}`);
    const group = groupOf(known);
    if (!group) demand(specOf(known).kind.is(value), `${name} is out of range`);
    else
      for (const [member, inner] of Object.entries(value as object))
        demand(group[member]?.kind.is(inner) === true, `${name}.${member} is out of range`);
  }
  const resolved = resolveOptions(checked, validateOptions({ steps: 3, guidance: { repeat: 2 } }));
  demand(typeof resolved.seed === 'bigint' && resolved.seed >= 0n && resolved.seed < 2n ** 64n, 'the seed');
  demand(resolved.steps >= 1 && resolved.steps <= 1000, 'the steps');
  demand(Object.getOwnPropertyNames(Object.prototype).length === INHERITED, 'Object.prototype has grown');
  return true;
}

const scripts = async () =>
  Array.from({ length: 32 }, (_, i) => Buffer.from(Array.from({ length: 64 }, (__, j) => i * j)));

export const optionsTarget: Target = {
  name: 'options',
  share: 30,
  codes: ['DIFFBIR_INVALID_OPTION'],
  dictionary: [],
  corpus: scripts,
  generate: (random) => random.bytes(96),
  run,
};

/** What may be handed to `restore()` in place of a picture, pixels among it. */
export const inputTarget: Target = {
  name: 'input',
  share: 10,
  codes: ['DIFFBIR_INVALID_OPTION', 'DIFFBIR_INVALID_IMAGE', 'DIFFBIR_IMAGE_TOO_LARGE'],
  dictionary: [],
  corpus: scripts,
  generate: (random) => random.bytes(96),
  async run(data) {
    const script = new Script(data);
    const input: unknown = script.byte() > 127 ? hostileValue(script) : rawPixels(script);
    checkInput(input);
    const picture = await decode(input, resolveOptions({ limitInputPixels: 1 << 20 }));
    demand(picture.rgb.length === picture.width * picture.height * 3, 'the pixels do not fit their size');
    demand(!picture.alpha || picture.alpha.length === picture.width * picture.height, 'alpha does not fit its size');
    return true;
  },
};

/** Pixels that are nearly right. */
function rawPixels(script: Script): object {
  const [width, height, channels] = [1 + (script.byte() % 4), 1 + (script.byte() % 4), 1 + (script.byte() % 4)];
  const length = width * height * channels;
  const data = script.byte() > 127 ? new Float32Array(length).fill(script.byte() / 200) : new Uint8Array(length);
  const raw = { data, width, height, channels };
  const changes = hostileObject(script, Object.keys(raw));
  return Object.defineProperties(raw, Object.getOwnPropertyDescriptors(changes));
}
