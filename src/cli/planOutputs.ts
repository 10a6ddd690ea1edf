import { statSync } from 'node:fs';
import path from 'node:path';
import type { OutputFormat } from '../options/choices';
import { extensionOf, formatFor, formatOfName } from '../output/format';
import type { InputFile } from './expandInputs';
import { UsageError } from './usageError';

export interface Plan {
  readonly input: string;
  readonly output: string;
  /** Which of several samples of the input goes there, counted from 0. */
  readonly sample?: number;
}

/**
 * Where each picture goes: to the file `out` when there is one input and `out` is named like a picture, else into the
 * folder `out`, under its own name and with the extension of its format. Two pictures never go to one file: those that
 * would (a.jpg and a.png as webp) keep their old extension in the name. Throws UsageError where that does not help.
 * Of several samples, the names end in `_0`, `_1`, ..., as in the reference.
 */
export function planOutputs(
  inputs: readonly InputFile[],
  out: string,
  format: OutputFormat | undefined,
  samples = 1,
): Plan[] {
  const isFolder = statSync(out, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const namesFile = formatOfName(out) !== undefined && !isFolder;
  const [only] = inputs;
  if (namesFile && inputs.length === 1 && only) {
    // Also refuses a name that contradicts the format, before any work is done.
    formatFor(out, format, 'png');
    return sampled([{ input: only.file, output: out }], samples);
  }
  if (namesFile) throw new UsageError(`${out} is one file, but there are ${inputs.length} pictures: name a folder`);

  const simple = inputs.map(({ relative }) => renamed(relative, format));
  const taken = counts(simple);
  const whole = inputs.map(({ file, relative }, i) => {
    const name = simple[i] as string;
    return {
      input: file,
      output: path.join(out, (taken.get(key(name)) ?? 0) > 1 ? withOldExtension(relative, name) : name),
    };
  });
  const plans = sampled(whole, samples);
  refuseClashes(plans);
  return plans;
}

function sampled(plans: readonly Plan[], samples: number): Plan[] {
  if (samples === 1) return [...plans];
  return plans.flatMap(({ input, output }) => {
    const { dir, name, ext } = path.parse(output);
    return Array.from({ length: samples }, (_, sample) => ({
      input,
      output: path.join(dir, `${name}_${sample}${ext}`),
      sample,
    }));
  });
}

/** The name with the extension of the format; the old one stays where it already fits. */
function renamed(relative: string, format: OutputFormat | undefined): string {
  const own = formatOfName(relative);
  if (own && (format === undefined || format === own)) return relative;
  const { dir, name } = path.parse(relative);
  return path.join(dir, name + extensionOf(format ?? 'png'));
}

function withOldExtension(relative: string, name: string): string {
  return path.extname(relative) === path.extname(name) ? name : relative + path.extname(name);
}

function refuseClashes(plans: readonly Plan[]): void {
  const seen = new Map<string, string>();
  for (const { input, output } of plans) {
    const other = seen.get(key(output));
    if (other !== undefined) throw new UsageError(`${other} and ${input} would both be written to ${output}`);
    seen.set(key(output), input);
  }
}

function counts(names: readonly string[]): Map<string, number> {
  const result = new Map<string, number>();
  for (const name of names) result.set(key(name), (result.get(key(name)) ?? 0) + 1);
  return result;
}

/** Many file systems do not tell A.png from a.png. */
function key(file: string): string {
  return path.resolve(file).toLowerCase();
}
