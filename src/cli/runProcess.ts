import { EXIT } from './exitCodes';
import type { CreateRestorer } from './restoreFiles';
import { runCli } from './runCli';

/** Runs this process's command line. Ctrl-C and SIGTERM cancel the work and leave no partial file; twice ends at once. */
export async function runProcess(createRestorer: CreateRestorer): Promise<void> {
  const controller = new AbortController();
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    controller.abort();
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  // The reader has gone away (`| head`): there is nobody to tell.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok);
    throw error;
  });
  process.exitCode = await runCli({
    argv: process.argv.slice(2),
    terminal: process,
    signal: controller.signal,
    createRestorer,
  });
  process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
}
