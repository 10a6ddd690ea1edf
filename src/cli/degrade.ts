import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Command, Option } from 'commander';
import { RECIPE_NAMES, type RecipeName } from '../degradation/recipes';
import { resolveRecipe } from '../degradation/resolveRecipe';
import { DEGRADE_OPTIONS, type DegradeOptions, degrade, type RecipeInput } from '../degrade';
import { DiffBIRError } from '../errors';
import { refuseExisting } from '../output/writeFile';
import { EXIT, type ExitCode } from './exitCodes';
import { expandInputs } from './expandInputs';
import { addFlags, typedOptions } from './flags';
import { type Plan, planOutputs } from './planOutputs';
import type { Terminal } from './reporter';
import { UsageError } from './usageError';

interface Context {
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

interface Run extends Context {
  readonly recipe: RecipeInput;
  readonly options: DegradeOptions;
  readonly force: boolean;
  readonly json: boolean;
}

const FOOTER = `
RECIPE is ${RECIPE_NAMES.join(', ')}, or a JSON file that changes one of them:
  { "base": "medium", "noise": [0, 5], "jpeg": null }
Picture number n of a call gets the seed SEED + n, counted from 0, so that no two have the same noise.

Examples:
  $ diffbir degrade photo.jpg -o worse.png --recipe medium --seed 7
  $ diffbir degrade photos -o worse --recipe my-recipe.json --format png
`;

/** Adds `diffbir degrade`; `done` gets its exit code. */
export function addDegradeCommand(program: Command, context: Context, done: (code: ExitCode) => void): Command {
  const command = addFlags(
    program
      .command('degrade')
      .description('Make pictures worse, to test restorations with.')
      .argument('<IN...>', 'pictures, folders or patterns')
      .requiredOption('-o, --out <OUT>', 'file or folder to write to')
      .requiredOption('--recipe <RECIPE>', `${RECIPE_NAMES.join(', ')}, or a JSON file`)
      .addOption(new Option('-r, --recursive', 'also pictures in folders below; the tree is kept'))
      .addOption(new Option('-f, --force', 'overwrite existing files'))
      .addOption(new Option('--json', 'one JSON object a picture on stdout')),
    DEGRADE_OPTIONS,
  );
  return command.addHelpText('after', FOOTER).action(async (words: string[]) => {
    const { out, recipe: word, recursive = false, force = false, json = false } = command.opts();
    const options = typedOptions(command, DEGRADE_OPTIONS);
    const recipe = await readRecipe(word);
    const inputs = await expandInputs(words, { recursive, exclude: out });
    if (inputs.length === 0) throw new UsageError(`No pictures in ${words.join(', ')}`);
    const plans = planOutputs(inputs, out, options.format);
    done(await degradeFiles(plans, { ...context, recipe, options, force, json }));
  });
}

/** A name, or the content of a file that is named like one. Checked before any picture is read. */
async function readRecipe(word: string): Promise<RecipeInput> {
  let recipe: unknown = word;
  if (/\.json$/i.test(word)) {
    try {
      recipe = JSON.parse(await readFile(word, 'utf8'));
    } catch (cause) {
      throw new UsageError(`${word} cannot be read as a recipe: ${(cause as Error).message}`, { cause });
    }
  }
  resolveRecipe(recipe);
  return recipe as RecipeName;
}

/** One picture after the other; one that fails does not stop the others. */
async function degradeFiles(plans: readonly Plan[], run: Run): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  for (const [i, plan] of plans.entries()) {
    try {
      await degradeFile(plan, i, run);
    } catch (error) {
      if (run.signal.aborted) return EXIT.interrupted;
      code = EXIT.failed;
      reportFailure(plan, error, run);
    }
  }
  return code;
}

async function degradeFile({ input, output }: Plan, index: number, run: Run): Promise<void> {
  const { recipe, options, force, json, signal, terminal } = run;
  if (!force) await refuseExisting(output);
  const seed = BigInt.asUintN(64, BigInt(options.seed ?? 231) + BigInt(index));
  const result = await degrade(input, recipe, { ...options, seed, signal });
  await mkdir(path.dirname(output), { recursive: true });
  const { width, height, size } = await result.toFile(output, { force });
  const record = { ok: true, input, output, width, height, bytes: size, seed: String(seed), warnings: result.warnings };
  terminal.stdout.write(json ? `${JSON.stringify(record)}\n` : `${output}\n`);
}

function reportFailure(plan: Plan, error: unknown, { json, terminal }: Run): void {
  const code = error instanceof DiffBIRError ? error.code : 'DIFFBIR_INTERNAL';
  const message = error instanceof Error ? error.message : String(error);
  if (json) terminal.stdout.write(`${JSON.stringify({ ok: false, ...plan, error: { code, message } })}\n`);
  else terminal.stderr.write(`${plan.input}: error: ${message} [${code}]\n`);
}
