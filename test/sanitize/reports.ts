/**
 * What the sanitizers' reports say of our code. Node.js and ONNX Runtime are not compiled with them, so that there are
 * reports of which others are the subject alone: what Node.js keeps of a promise that nobody can settle any more, and
 * races of V8's threads, which synchronize by atomics that the thread sanitizer does not see.
 */
import path from 'node:path';

/** The option by which a sanitizer writes frames as they are read here. */
export const STACK_FORMAT = 'stack_trace_format="    #%n [%m] %f %S"';

/** Whose functions only do what their caller asks for. */
const HELPERS = /^(lib[atu]san|libubsan|libstdc\+\+|libc|libgcc_s|libm)\.so/;
const OURS = 'diffbir.node';
const NODE = path.basename(process.execPath);

/** Where a thread was started, or memory allocated, is of no account for a race. */
const BACKGROUND = /^ {2}(Thread T\d+|Location is|As if synchronized)/;

/**
 * The reports of a log that are of our code, each whole. A leak is, unless Node.js itself asked for the memory: what ONNX
 * Runtime made for us is ours to free. Anything else is where our code did one of the things that do not go together.
 */
export function ownReports(log: string): string[] {
  return reportsOf(log).filter((report) => {
    const modules = modulesOf(report);
    return isLeak(report) ? modules.some((module) => module !== NODE) : modules.includes(OURS);
  });
}

/** All reports of a log: the warnings of the thread sanitizer, and the single leaks of the leak sanitizer. */
export function reportsOf(log: string): string[] {
  return log
    .split(/^=+\n|^(?=(?:Direct|Indirect) leak of )/m)
    .map((report) => report.trimEnd())
    .filter((report) => /^(WARNING: ThreadSanitizer: |Direct leak of |Indirect leak of )/.test(report));
}

function isLeak(report: string): boolean {
  return /^(Direct|Indirect) leak/.test(report);
}

/** Whose code did it: the module of each stack of a report. */
function modulesOf(report: string): string[] {
  const isThreadLeak = report.startsWith('WARNING: ThreadSanitizer: thread leak');
  return report
    .split(/\n\n/)
    .filter((paragraph) => isThreadLeak || !BACKGROUND.test(paragraph))
    .flatMap((paragraph) => {
      const frames = [...paragraph.matchAll(/^ *#\d+ \[(.*?)\] /gm)].map(([, module]) => path.basename(module ?? ''));
      return frames.find((module) => !HELPERS.test(module)) ?? [];
    });
}
