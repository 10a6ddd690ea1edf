import type { ModelManifest, NetworkEntry } from '../../src/models/manifest';
import { CLEANERS, rrdbnetLayout, scunetLayout, swinirLayout } from './cleaners';
import { Layout, type TensorPlan } from './layout';
import { controlnetLayout, SD21, textLayout, unetLayout, vaeLayout } from './stableDiffusion';

/** A checkpoint file of a model: its tensors, and how they are wrapped. */
export interface PlannedFile {
  readonly tensors: readonly TensorPlan[];
  readonly wrapper: 'state_dict' | undefined;
}

/** Networks by what a manifest calls them, at the official sizes, under the prefix that official files have. */
const LAYOUTS: Readonly<Record<string, (layout: Layout) => void>> = {
  swinir: (layout) => swinirLayout(layout, CLEANERS.swinir),
  rrdbnet: (layout) => rrdbnetLayout(layout, CLEANERS.rrdbnet),
  scunet: (layout) => scunetLayout(layout, CLEANERS.scunet),
  unet: (layout) => unetLayout(layout.at('model').at('diffusion_model'), SD21.unet),
  vae: (layout) => vaeLayout(layout.at('first_stage_model'), SD21.vae),
  textEncoder: (layout) => textLayout(layout.at('cond_stage_model').at('model'), SD21.text),
  controlnet: (layout) => controlnetLayout(layout, SD21.unet),
};

/**
 * The files that a manifest names, for every task. Lightning made those that end in `.ckpt`, whose tensors stand in a
 * `state_dict`; the others are dicts of tensors (behaviour.md 1.4).
 */
export function filesOf({ networks, tasks = {} }: ModelManifest): Map<string, PlannedFile> {
  const layouts = new Map<string, Layout>();
  const done = new Set<string>();
  for (const group of [networks, ...Object.values(tasks)]) {
    for (const [role, entry] of Object.entries(group) as [string, NetworkEntry & { type?: string }][]) {
      const network = entry.type ?? role;
      const fill = LAYOUTS[network];
      if (!fill || done.has(`${network} ${entry.file}`)) continue;
      done.add(`${network} ${entry.file}`);
      const layout = layouts.get(entry.file) ?? Layout.empty();
      layouts.set(entry.file, layout);
      fill(layout);
    }
  }
  return new Map([...layouts].map(([file, { tensors }]) => [file, { tensors, wrapper: wrapperOf(file) }]));
}

function wrapperOf(file: string): PlannedFile['wrapper'] {
  return file.endsWith('.ckpt') ? 'state_dict' : undefined;
}
