import type { Argument, Command, Option } from 'commander';
import { flags, spelling } from '../../src/cli/flags';
import { createProgram } from '../../src/cli/runCli';
import { OPTION_NAMES } from '../../src/options/table';

/** Flags that come from the option table, with the option that each sets. */
const OPTION_FLAGS = new Map(flags(OPTION_NAMES).map((flag) => [spelling(flag), flag.path.join('.')]));

/** Every command with its usage, arguments and flags, from the definitions that the command line itself has. */
export function commandsSection(): string {
  let printed = '';
  const write = (text: string) => {
    printed += text;
  };
  const program = createProgram(
    {
      argv: [],
      terminal: { stdout: { write }, stderr: { write }, env: {} },
      signal: new AbortController().signal,
      createRestorer: () => Promise.reject(new Error('nothing is restored for documentation')),
    },
    () => {},
  );
  const footerOf = (command: Command) => {
    printed = '';
    command.outputHelp();
    return printed.slice(command.helpInformation().length).trim();
  };
  return program
    .createHelp()
    .visibleCommands(program)
    .filter((command) => command.name() !== 'help')
    .flatMap((command) => [command, ...command.commands])
    .map((command) => section(command, footerOf(command)))
    .join('\n\n');
}

function section(command: Command, footer: string): string {
  const name = fullName(command);
  const own = command.options.filter(({ flags: text }) => !OPTION_FLAGS.has(text));
  const shared = command.options.filter(({ flags: text }) => OPTION_FLAGS.has(text));
  return [
    `## ${name}`,
    command.description(),
    `\`\`\`sh\n${name} ${command.usage()}\n\`\`\``,
    [...command.registeredArguments.map(argument), ...own.map(flag)].join('\n'),
    shared.length > 0 ? `Options as flags, each explained there:\n${shared.map(optionFlag).join(',\n')}.` : '',
    footer && `\`\`\`text\n${footer}\n\`\`\``,
  ]
    .filter(Boolean)
    .join('\n\n');
}

function fullName(command: Command): string {
  return command.parent ? `${fullName(command.parent)} ${command.name()}` : command.name();
}

function argument(one: Argument): string {
  const shown = `${one.name()}${one.variadic ? '...' : ''}`;
  const choices = one.argChoices ? `: ${one.argChoices.map((choice) => `\`${choice}\``).join(', ')}` : '';
  return `- \`${one.required ? `<${shown}>` : `[${shown}]`}\`: ${one.description}${choices}`;
}

function flag({ flags: text, description, mandatory }: Option): string {
  return `- \`${text}\`${mandatory ? ' (needed)' : ''}: ${description}`;
}

function optionFlag({ flags: text }: Option): string {
  return `[\`${text}\`](options.md#${OPTION_FLAGS.get(text)?.toLowerCase().replace('.', '-')})`;
}
