import { type Command, Option } from 'commander';
import { registriesFrom } from '../device/install/addresses';
import { checkPlatform, installLibraries, removeLibraries, unpackedBytes } from '../device/install/install';
import { PACKAGES } from '../device/install/packages';
import { librariesFolder, ONNXRUNTIME, readLibraries } from '../device/libraries';
import { DiffBIRError } from '../errors';
import { type Hub, hubFrom } from '../hub/hub';
import { EXIT, type ExitCode } from './exitCodes';
import { createReporter, type Terminal } from './reporter';
import { createTransferMeter, sizeText } from './transferMeter';

export type InstallCuda = typeof installLibraries;

interface Context {
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  readonly installCuda?: InstallCuda;
}

const FOOTER = `
The libraries are ONNX Runtime's (MIT) from npm, and NVIDIA's own from PyPI, under NVIDIA's terms; --list names them all.
Each archive has a pinned SHA-256. What was interrupted goes on where it stopped. NVIDIA's driver, 580 or newer, is needed
beside them and not installed. Linux on x64 alone so far.

With --cache-dir, set DIFFBIR_CACHE to the same folder for restorations.

Environment: DIFFBIR_CACHE, npm_config_registry, PIP_INDEX_URL, HF_HUB_OFFLINE, HTTPS_PROXY, NO_PROXY.

Examples:
  $ diffbir install-cuda
  $ diffbir install-cuda --list
  $ diffbir install-cuda --remove
`;

/** Adds `diffbir install-cuda`; `done` gets its exit code. */
export function addInstallCudaCommand(program: Command, context: Context, done: (code: ExitCode) => void): Command {
  const command = program
    .command('install-cuda')
    .description('Install the libraries that a GPU needs into the cache folder, or remove them.')
    .addOption(new Option('--cache-dir <DIR>', 'in place of DIFFBIR_CACHE (~/.cache/diffbir)'))
    .addOption(new Option('--list', 'print packages, sizes, licences and what is there; no network'))
    .addOption(new Option('--remove', 'remove what this command installed').conflicts('list'))
    .addOption(new Option('--registry <URL>', "npm's registry, or a mirror of it"))
    .addOption(new Option('--index-url <URL>', 'index of Python packages, or a mirror of it'))
    .addOption(new Option('--json', 'one JSON object on stdout'))
    .addOption(new Option('-q, --quiet', 'print errors alone'))
    .addHelpText('after', FOOTER)
    .action(async () => {
      const { cacheDir, list = false, remove = false } = command.opts();
      const { env } = context.terminal;
      const hub = hubFrom(cacheDir === undefined ? env : { ...env, DIFFBIR_CACHE: cacheDir });
      if (list) return done(await printList(hub, context, command));
      if (remove) return done(await removeAll(hub, context, command));
      done(await install(hub, context, command));
    });
  return command;
}

async function install(hub: Hub, context: Context, command: Command): Promise<ExitCode> {
  const { terminal, signal, installCuda = installLibraries } = context;
  const { json = false, quiet = false, registry, indexUrl } = command.opts();
  const reporter = createReporter(terminal, quiet || json);
  const say = (text: string) => {
    if (!quiet && !json) reporter.line(text);
  };
  try {
    const registries = registriesFrom(terminal.env, { registry, indexUrl });
    const onProgress = createTransferMeter(reporter, quiet || json);
    const onUnpack = (file: string) => say(`unpacking ${file}`);
    const { folder, manifest, isNew } = await installCuda(hub, { registries, signal, onProgress, onUnpack });
    reporter.clear();
    if (json) terminal.stdout.write(`${JSON.stringify({ ok: true, folder, isNew, ...manifest })}\n`);
    else terminal.stdout.write(`${folder}\n`);
    return EXIT.ok;
  } catch (error) {
    reporter.clear();
    if (signal.aborted) {
      say('interrupted; the same command goes on from here');
      return EXIT.interrupted;
    }
    if (!json) throw error;
    const code = error instanceof DiffBIRError ? error.code : 'DIFFBIR_INTERNAL';
    terminal.stdout.write(`${JSON.stringify({ ok: false, error: { code, message: (error as Error).message } })}\n`);
    return EXIT.failed;
  }
}

async function removeAll(hub: Hub, { terminal, signal }: Context, command: Command): Promise<ExitCode> {
  const folder = await removeLibraries(hub, signal);
  const { json = false, quiet = false } = command.opts();
  if (json) terminal.stdout.write(`${JSON.stringify({ ok: true, removed: folder ?? null })}\n`);
  else if (!quiet) terminal.stderr.write(folder ? `removed ${folder}\n` : 'there was nothing to remove\n');
  return EXIT.ok;
}

async function printList(hub: Hub, { terminal }: Context, command: Command): Promise<ExitCode> {
  checkPlatform();
  const folder = librariesFolder(hub.ownCache);
  const { manifest } = await readLibraries(folder);
  const packages = PACKAGES.map((one) => ({
    name: one.name,
    version: one.version,
    file: one.file,
    bytes: one.bytes,
    unpackedBytes: unpackedBytes(one),
    sha256: one.sha256,
    license: one.license,
  }));
  if (command.opts().json) {
    const record = { onnxruntime: ONNXRUNTIME, folder, isInstalled: manifest !== undefined, packages };
    terminal.stdout.write(`${JSON.stringify(record)}\n`);
    return EXIT.ok;
  }
  const sum = (of: 'bytes' | 'unpackedBytes') => sizeText(packages.reduce((all, one) => all + one[of], 0));
  const rows = packages.map(
    ({ name, version, bytes, license }) =>
      `  ${`${name} ${version}`.padEnd(50)} ${sizeText(bytes).padStart(8)}  ${license}\n`,
  );
  const state = manifest ? `installed in ${folder}` : 'not installed';
  const size = `${sum('bytes')} to download, ${sum('unpackedBytes')} unpacked`;
  terminal.stdout.write(`GPU libraries for ONNX Runtime ${ONNXRUNTIME}: ${size}, ${state}\n${rows.join('')}`);
  return EXIT.ok;
}
