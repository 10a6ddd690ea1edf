import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { PictureResult } from '../pictureResult';
import type { RestoreResult } from '../restoreResult';
import type { Plan } from './planOutputs';

/** Where the restored background of a picture goes. */
export function backgroundFile({ output }: Plan): string {
  const { dir, name } = path.parse(output);
  return path.join(dir, 'restored_backgrounds', `${name}.png`);
}

/**
 * Writes the faces of a picture, as they were and restored, and its background into folders beside it, named as in the
 * reference (behaviour.md 9.6): a face by its number, and by that of the sample where there are several. The crops are
 * the same in all samples and written with the first. Rejects as `toFile` does.
 */
export async function saveFaces(
  { faces, background }: RestoreResult,
  plan: Plan,
  { force }: { readonly force: boolean },
): Promise<void> {
  const { output, sample } = plan;
  const { dir, name } = path.parse(output);
  const ending = sample === undefined ? '' : `_${sample}`;
  const stem = name.slice(0, name.length - ending.length);
  const save = async (picture: PictureResult, file: string) => {
    await mkdir(path.dirname(file), { recursive: true });
    await picture.toFile(file, { format: 'png', force });
  };
  for (const [k, { cropped, restored }] of faces.entries()) {
    if (!sample) await save(cropped, path.join(dir, 'cropped_faces', `${stem}_face_${k}.png`));
    await save(restored, path.join(dir, 'restored_faces', `${stem}_face_${k}${ending}.png`));
  }
  if (background) await save(background, backgroundFile(plan));
}
