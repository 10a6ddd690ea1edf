/**
 * `npm run fuzz -- [--target NAME]... [--cases N] [--seed S] [--seconds T]`: random inputs for every reader of what comes
 * from strangers. A case fails when it ends its process, answers with another error than that reader may give, accepts
 * what it must not, takes more than a second or 512 MiB. Its input is written to `fuzz-failures`, and
 * `npm run fuzz -- --replay FILE` runs it again. The same seed gives the same cases. Exit code 1 when one failed.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { fuzz, replay, type TargetResult } from './run';

const { values } = parseArgs({
  options: {
    target: { type: 'string', multiple: true },
    cases: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    seconds: { type: 'string' },
    replay: { type: 'string' },
  },
});

function positive(name: string, text: string): number {
  if (Number(text) > 0) return Number(text);
  throw new Error(`Expected a number above 0 for --${name} but received ${text}`);
}

function line({ target, accepted, refused, seconds, failures, unconfirmed }: TargetResult): string {
  const cases = accepted + refused + failures.length;
  const words = [
    `${target.padEnd(14)} ${String(cases).padStart(8)} cases, ${accepted} accepted`,
    `${Math.round(cases / seconds)} a second`,
    `${failures.length} failed`,
  ];
  if (unconfirmed > 0) words.push(`${unconfirmed} failed once and not again`);
  return words.join(', ');
}

try {
  if (values.replay !== undefined) {
    const reason = await replay(path.basename(values.replay).split('@')[0] as string, values.replay);
    console.log(reason ?? 'no failure');
    process.exitCode = reason === undefined ? 0 : 1;
  } else {
    const results = await fuzz({
      seed: values.seed,
      cases: positive('cases', values.cases),
      folder: 'fuzz-failures',
      ...(values.seconds !== undefined && { seconds: positive('seconds', values.seconds) }),
      ...(values.target && { targets: values.target }),
      report: (result) => console.log(line(result)),
    });
    for (const { file, reason } of results.flatMap(({ failures }) => failures)) {
      console.log(`\n${reason}\n  npm run fuzz -- --replay ${file}`);
      process.exitCode = 1;
    }
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
