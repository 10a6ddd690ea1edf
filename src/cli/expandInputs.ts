import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';

/** One picture to restore. */
export interface InputFile {
  readonly file: string;
  /** Where it lies below the folder it was found in: its output keeps that place. */
  readonly relative: string;
}

const PICTURE = /\.(png|jpe?g|jpe|webp|tiff?|avif|gif)$/i;

/**
 * The pictures that the words of a command line stand for, each once, in the order of the words and by name inside a
 * folder. A word is a file, a folder, or a pattern; one that stands for nothing comes back as a file, so that it is
 * reported like any other picture that cannot be read.
 */
export async function expandInputs(
  words: readonly string[],
  { recursive, exclude }: { recursive: boolean; exclude: string },
): Promise<InputFile[]> {
  const found = new Map<string, InputFile>();
  for (const word of words) {
    for (const input of await expandWord(word, recursive, path.resolve(exclude))) {
      if (!found.has(path.resolve(input.file))) found.set(path.resolve(input.file), input);
    }
  }
  return [...found.values()];
}

async function expandWord(word: string, recursive: boolean, exclude: string): Promise<InputFile[]> {
  const kind = await stat(word).catch(() => undefined);
  if (kind?.isDirectory()) return walk(word, '', recursive, exclude);
  // A file named like a pattern is that file.
  if (kind || !isDynamicPattern(word)) return [asFile(word)];
  const files = await glob(word.replaceAll('\\', '/'), { expandDirectories: false, followSymbolicLinks: false });
  const pictures = files.filter((file) => PICTURE.test(file)).sort();
  return pictures.length > 0 ? pictures.map(asFile) : [asFile(word)];
}

/** Pictures below a folder. The output folder is left out, which may lie inside; links to folders are not followed. */
async function walk(root: string, below: string, recursive: boolean, exclude: string): Promise<InputFile[]> {
  const entries = await readdir(path.join(root, below), { withFileTypes: true });
  const inputs: InputFile[] = [];
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const relative = path.join(below, entry.name);
    const file = path.join(root, relative);
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) {
      if (recursive && path.resolve(file) !== exclude) inputs.push(...(await walk(root, relative, recursive, exclude)));
    } else if (PICTURE.test(entry.name)) {
      inputs.push({ file, relative });
    }
  }
  return inputs;
}

function asFile(file: string): InputFile {
  return { file, relative: path.basename(file) };
}
