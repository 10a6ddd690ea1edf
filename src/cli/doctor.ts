import { type Command, Option } from 'commander';
import { inWords } from '../device/choose';
import type { Examination, Problem } from '../device/detect';
import { parseDevice } from '../device/parse';
import { runSelfTest, type SelfTestResult } from '../doctor/runSelfTest';
import { type SystemReport, systemReport } from '../doctor/system';
import type { Int8KernelSet } from '../native/int8Kernels';
import { OPTIONS } from '../options/table';
import { EXIT, type ExitCode } from './exitCodes';
import { addFlags, typedOptions } from './flags';
import type { Terminal } from './reporter';
import { sizeText } from './transferMeter';

/** Seconds that the self-test may take; TensorRT builds its engines in it. */
const LIMIT = 120;
const LIMIT_OF_TENSORRT = 900;

const FOOTER = `
The self-test restores a small picture with the embedded model, in a process of its own: a crash there is a message here.
With --device it runs on that device. A bug report with this text is easier to answer; it names folders and what
variables such as CUDA_VISIBLE_DEVICES hold.

Exit codes: ${EXIT.ok} the self-test passed, ${EXIT.failed} it did not, ${EXIT.usage} wrong usage, ${EXIT.interrupted} interrupted.

Examples:
  $ diffbir doctor
  $ diffbir doctor --device cuda --json
`;

interface Context {
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  /** Program and arguments that run the self-test, without the device; tests give another. */
  readonly selfTest?: readonly string[];
}

/** Everything that `diffbir doctor` finds, as `--json` prints it. */
type Report = SystemReport & { readonly selfTest: SelfTestResult };

/** Adds `diffbir doctor`; `done` gets its exit code. */
export function addDoctorCommand(program: Command, context: Context, done: (code: ExitCode) => void): Command {
  const { terminal, signal } = context;
  const command = addFlags(
    program
      .command('doctor')
      .description('Say what this machine has, why a GPU is not used, and whether a restoration works.')
      .addOption(new Option('--json', 'one JSON object on stdout')),
    ['device'],
  );
  return command.addHelpText('after', FOOTER).action(async () => {
    const { device = OPTIONS.device.default } = typedOptions(command, ['device']);
    const child = [...(context.selfTest ?? ownSelfTest()), '--device', device];
    const limit = parseDevice(device)?.provider === 'tensorrt' ? LIMIT_OF_TENSORRT : LIMIT;
    const system = await systemReport();
    const report: Report = { ...system, selfTest: await runSelfTest(child, limit, signal) };
    if (signal.aborted) return done(EXIT.interrupted);
    terminal.stdout.write(command.opts().json ? `${JSON.stringify(report)}\n` : shown(report));
    done(report.selfTest.ok ? EXIT.ok : EXIT.failed);
  });
}

/** This program again. */
function ownSelfTest(): readonly string[] {
  return [process.execPath, ...process.execArgv, process.argv[1] ?? '', 'self-test'];
}

const INT8: Readonly<Record<Int8KernelSet, string>> = {
  avx512: 'int8 takes less than half of the time of float32 here',
  avx2: 'int8 takes somewhat less time than float32 here',
  portable: 'int8 takes more time than float32 here',
};

function shown(report: Report): string {
  const { versions, platform, glibc, cpu, memory, caches, environment, selfTest } = report;
  const { load, devices } = selfTest.found;
  const lines = [
    ['diffbir', `${versions.diffbir}, Node.js ${versions.node}, ${platform}${glibc ? `, glibc ${glibc}` : ''}`],
    ['CPU', `${cpu.model}, ${cpu.processors} processors, ${cpu.threads} threads`],
    ['', cpu.features ? `with ${cpu.features.join(', ') || 'none of the features that help'}` : ''],
    ['', load ? INT8[load.int8Kernels] : ''],
    ['memory', `${sizeText(memory.total)}, ${sizeText(memory.free)} free, budget ${sizeText(memory.budget)}`],
    ...caches.map(({ name, folder, exists, freeBytes }) => [
      `${name} cache`,
      `${folder}${exists ? '' : ' (not there yet)'}, ${sizeText(freeBytes)} free`,
    ]),
    ...Object.entries(environment).map(([name, value]) => ['variable', `${name}=${value}`]),
    ['addon', load?.addon ?? ''],
    ['ONNX Runtime', load ? `${load.onnxruntime}, ${load.runtime}` : ''],
    ['sharp', `${versions.sharp}, libvips ${versions.vips}`],
    ...(devices ? gpuLines(devices) : []),
    ...selfTestLines(selfTest),
  ];
  return lines
    .filter(([, text]) => text)
    .map(([name = '', text = '']) => `${name.padEnd(13)} ${text.replaceAll('\n', `\n${' '.repeat(14)}`)}\n`)
    .join('');
}

function gpuLines({ cuda, kernelDriver, folder, files, examined }: NonNullable<SelfTestResult['found']['devices']>) {
  const driver = kernelDriver ? `driver ${kernelDriver}` : 'no driver in the kernel';
  const own = new Set(examined.cuda.problems.map(({ reason }) => reason));
  const others = {
    ...examined.tensorrt,
    problems: examined.tensorrt.problems.filter(({ reason }) => !own.has(reason)),
  };
  return [
    ['GPU', `${cuda.devices.length} found, ${driver}, CUDA ${cuda.driverVersion ?? 'unknown'}`],
    ...cuda.devices.map(({ index, name, computeCapability, totalBytes, freeBytes }) => [
      `  cuda:${index}`,
      `${name}, compute capability ${computeCapability}, ${sizeText(freeBytes)} of ${sizeText(totalBytes)} free`,
    ]),
    ['libraries', files.length > 0 ? folder : `${folder} (not there)`],
    ...files.map(({ name, bytes }) => ['', `${name} ${sizeText(bytes)}`]),
    ...problemLines('cuda', examined.cuda),
    ...problemLines('tensorrt', others),
  ];
}

function problemLines(provider: string, { problems, devices }: Examination): string[][] {
  const all: readonly Problem[] = [...problems, ...devices.flatMap((device) => device.problems)];
  return all.map((problem) => [provider, inWords([problem])]);
}

function selfTestLines({ ok, found: { model, restore }, failure }: SelfTestResult): string[][] {
  const device = model ? [['device', `${model.device.name ?? model.device.provider}. ${model.device.reason}`]] : [];
  if (ok) return [...device, ['self-test', `passed in ${restore?.seconds.toFixed(1)} s`]];
  const code = failure?.code ? ` [${failure.code}]` : '';
  const printed = failure?.printed ? [['printed', failure.printed]] : [];
  return [...device, ['self-test', `FAILED: ${failure?.message}${code}`], ...printed];
}

/** Adds the child of `diffbir doctor`, which nobody else needs to know of. */
export function addSelfTestCommand(program: Command, { terminal }: Context, done: (code: ExitCode) => void): Command {
  const command = addFlags(program.command('self-test', { hidden: true }), ['device']);
  return command.action(async () => {
    const { device = OPTIONS.device.default } = typedOptions(command, ['device']);
    const { selfTest } = await import('../doctor/selfTest');
    const passed = await selfTest(device, (event) => terminal.stdout.write(`${JSON.stringify(event)}\n`));
    done(passed ? EXIT.ok : EXIT.failed);
  });
}
