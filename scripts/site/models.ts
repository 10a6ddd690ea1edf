import type { Weight } from '../../src/hub/weight';
import { officialManifest, weightsOf } from '../../src/models/officialModels';
import { OFFICIAL_MODEL_NAMES, OFFICIAL_MODELS, WEIGHTS } from '../../src/models/registry';

/** The official models, their files, and the terms of each file, from the registry. */
export async function modelsSection(): Promise<string> {
  const models = await Promise.all(
    OFFICIAL_MODEL_NAMES.map(async (name) => {
      const files = [...weightsOf(await officialManifest(name))];
      const bytes = files.reduce((sum, [, weight]) => sum + bytesOf(weight), 0);
      const tasks = OFFICIAL_MODELS[name].tasks.map((task) => `\`${task}\``).join(', ');
      const list = files.map(([file, weight]) => `- \`${file}\`, ${size(bytesOf(weight))}`).join('\n');
      return `### \`${name}\`\n\n${size(bytes)} for all tasks: ${tasks}.\n\n${list}`;
    }),
  );
  const files = Object.entries(WEIGHTS).map(
    ([file, { origin, license, places }]) =>
      `### ${file}\n\n${origin}.\n\n- licence: ${license}\n- from: ${places
        .map((place) => ('url' in place ? place.url : `\`${place.repo}\` on the Hugging Face hub`))
        .join(', else ')}`,
  );
  return [`## The models`, ...models, `## The files`, ...files].join('\n\n');
}

function bytesOf({ size, about }: Weight): number {
  return size ?? about;
}

function size(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(2)} GB` : `${(bytes / 1e6).toFixed(0)} MB`;
}
