import { type ChildProcess, fork } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

/** Seconds that a process has to end once it is asked to, and again once it is killed. */
const GRACE = 5;
/** Seconds for what it said last to arrive. */
const DRAIN = 1;

export const ENDED_WELL = endedWith('exit code 0');
const UNDEAD = 'the process does not end, even killed';

/** A module in a process of its own, for which nobody ever waits without an end. */
export class OwnProcess<Message> {
  /** How it ended, in words; never rejects. */
  readonly ended: Promise<string>;
  private readonly child: ChildProcess;
  private over: (how: string) => void = () => {};
  private isEnding = false;

  constructor(file: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
    this.child = fork(file, args, {
      execArgv: ['--import', 'tsx'],
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    // What libraries print must not come into a table. Through here, so that a process which stays keeps nobody else's pipe open.
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (text: Buffer) => process.stderr.write(text));
    }
    this.ended = new Promise((resolve) => {
      this.over = resolve;
    });
    this.child.on('error', (error) => this.over(`the process failed: ${error.message}`));
    this.child.once('exit', async (code, signal) => {
      // Its last message may come after its end, but not after that of the channel.
      if (this.child.connected) await Promise.race([this.disconnected(), sleep(1000 * DRAIN)]);
      this.over(endedWith(signal ?? `exit code ${code}`));
      this.letGo();
    });
  }

  onMessage(listener: (message: Message) => void): void {
    this.child.on('message', listener);
  }

  /** One that is gone by then is heard of by `ended`. */
  send(message: object): void {
    this.child.send(message, () => {});
  }

  /**
   * Ends it: asks, so that CUDA can be left in order, then kills, then gives up, since a driver can keep a process for minutes.
   * Done when `ended` is.
   */
  async end(): Promise<void> {
    if (this.isEnding) return;
    this.isEnding = true;
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      this.child.kill(signal);
      const isOver = await Promise.race([this.ended.then(() => true), sleep(1000 * GRACE)]);
      if (isOver) return;
    }
    this.over(UNDEAD);
    this.letGo();
  }

  private disconnected(): Promise<void> {
    return new Promise((resolve) => this.child.once('disconnect', resolve));
  }

  /** Nothing of it keeps this process. */
  private letGo(): void {
    if (this.child.connected) this.child.disconnect();
    this.child.unref();
  }
}

function endedWith(what: string): string {
  return `the process ended with ${what}`;
}
