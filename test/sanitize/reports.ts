/**
 * What the sanitizers' reports say of our code. Node.js and ONNX Runtime are not compiled with them, so that there are
 * reports of which they are the subject alone: leaks that Node.js leaves to the end of the process, and races of V8's
 * threads that synchronize by atomics which the thread sanitizer does not see.
 */
import path from 'node:path';

/** The option by which a sanitizer writes frames as they are read here. */
export const STACK_FORMAT = 'stack_trace_format="    #%n [%m] %f %S"';

/** Whose functions only do what their caller asks for. */
const HELPERS = /^(lib[atu]san|libubsan|libstdc\+\+|libc|libgcc_s|libm)\.so/;
const OURS = 'diffbir.node';

/** Threads are created, and memory is allocated, where nothing is wrong: of no account for a race. */
const BACKGROUND = /^ {2}(Thread T\d+|Location is|As if synchronized)/;

/** The reports of a log that are of our code, each whole. */
export function ownReports(log: string): string[] {
  return reportsOf(log).filter((report) => stacksOf(report).some(isOwn));
}

/** All reports of a log: the warnings of the thread sanitizer, and the single leaks of the leak sanitizer. */
export function reportsOf(log: string): string[] {
  return log
    .split(/^=+\n|^(?=(?:Direct|Indirect) leak of )/m)
    .map((report) => report.trimEnd())
    .filter((report) => /^(WARNING: ThreadSanitizer: |Direct leak of |Indirect leak of )/.test(report));
}

/** The modules of each stack of a report, innermost first. */
function stacksOf(report: string): string[][] {
  const isThreadLeak = report.startsWith('WARNING: ThreadSanitizer: thread leak');
  return report
    .split(/\n\n/)
    .filter((paragraph) => isThreadLeak || !BACKGROUND.test(paragraph))
    .map((paragraph) =>
      [...paragraph.matchAll(/^ *#\d+ \[(.*?)\] /gm)].map(([, module]) => path.basename(module ?? '')),
    );
}

function isOwn(modules: readonly string[]): boolean {
  return modules.find((module) => !HELPERS.test(module)) === OURS;
}
