import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { groupOf } from '../../src/options/groups';
import { OPTION_NAMES } from '../../src/options/table';

const [, section = ''] = readFileSync('README.md', 'utf8').split('### Coming from the PyTorch reference');
const rows = section
  .split('\n### ')[0]
  ?.split('\n')
  .filter((line) => line.startsWith('| `--'))
  .map((line) => line.split('|').map((cell) => cell.trim()));

/** behaviour.md 1.1 */
const FLAGS =
  'task upscale version train_cfg ckpt sampler steps start_point_type cleaner_tiled cleaner_tile_size ' +
  'cleaner_tile_stride vae_encoder_tiled vae_encoder_tile_size vae_decoder_tiled vae_decoder_tile_size cldm_tiled ' +
  'cldm_tile_size cldm_tile_stride captioner pos_prompt neg_prompt cfg_scale rescale_cfg noise_aug s_churn s_tmin ' +
  's_tmax s_noise eta order strength batch_size guidance g_loss g_scale input n_samples output seed device precision ' +
  'llava_bit';

it("README.md has every flag of the reference's command line, once", () => {
  const flags = rows?.flatMap(([, cell = '']) => [...cell.matchAll(/`--(\w+)`/g)].map(([, flag]) => flag));
  expect(flags?.sort()).toEqual(FLAGS.split(' ').sort());
});

it('README.md names options that there are', () => {
  const names =
    rows?.flatMap(([, , cell = '']) => [...cell.matchAll(/`([a-z][\w.]+)`/gi)].map(([, name]) => name as string)) ?? [];
  expect(names.length).toBeGreaterThan(25);
  const known: readonly string[] = OPTION_NAMES.flatMap((name) => [
    name,
    ...Object.keys(groupOf(name) ?? {}).map((member) => `${name}.${member}`),
  ]);
  expect(names.filter((name) => !known.includes(name))).toEqual([]);
});
