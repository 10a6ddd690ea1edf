/** What the process's exit code says; documented in the help and in README.md. */
export const EXIT = {
  /** Every picture was restored. */
  ok: 0,
  /** The model or at least one picture failed; the others were restored. */
  failed: 1,
  /** The command line does not make sense; nothing was done. */
  usage: 2,
  /** Interrupted by Ctrl-C or SIGTERM; no partial file was left. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
