// Lets the n-th call of a kind fail, for one n after the other, and looks at what becomes of it.
import { Restorer } from '../../src/restorer';
import type { Faults, Live, Outcome, Site } from './hook';
import type { Scenario } from './scenarios';

/** The codes that a fault of each kind may end in. */
const CODES: Readonly<Record<Site, readonly string[]>> = {
  allocation: ['DIFFBIR_OUT_OF_MEMORY'],
  workBuffer: ['DIFFBIR_OUT_OF_MEMORY'],
  runtimeCall: ['DIFFBIR_RUNTIME_FAILED'],
  file: ['DIFFBIR_INVALID_CHECKPOINT'],
  thread: ['DIFFBIR_OUT_OF_MEMORY'],
};

/** Nothing here takes a second. */
const LONGEST = 30_000;

interface Faulty {
  /** How many calls fail one after the other. */
  readonly count: number | 'rest';
  readonly onTry?: (call: number, calls: number) => void;
}

export interface Sweep {
  readonly calls: number;
  readonly tried: number;
  /** How often each code came, and `none` where the work survived the fault. */
  readonly codes: Readonly<Record<string, number>>;
  readonly complaints: readonly string[];
}

/** @param pick the calls that shall fail, of so many */
export async function sweep(
  faults: Faults,
  scenario: Scenario,
  site: Site,
  pick: (calls: number) => Iterable<number>,
  { count, onTry }: Faulty,
): Promise<Sweep> {
  const restorer = scenario.restorer && (await Restorer.create(scenario.restorer));
  const run = () => inTime(scenario.run(restorer));
  const expected = await run();
  await run();
  const calls = await faults.count(site, run);
  const before = await faults.live();
  const codes: Record<string, number> = {};
  const complaints: string[] = [];
  let tried = 0;
  for (const call of pick(calls)) {
    onTry?.(call, calls);
    tried++;
    const complain = (text: string) => complaints.push(`${scenario.name}, ${site} ${call} of ${calls}: ${text}`);
    const outcome = await faults.during(site, call, count, run);
    const code = outcome.error ? (outcome.error.code ?? outcome.error.name) : 'none';
    codes[code] = (codes[code] ?? 0) + 1;
    const wrong = wrongOutcome(outcome, expected, CODES[site]);
    if (wrong) complain(wrong);
    await scenario.tidy?.();
    if (!same(await run(), expected)) complain('the next run gives another picture');
    const left = difference(before, await faults.live());
    if (left) complain(`left behind after ${code}: ${left}`);
  }
  await restorer?.dispose();
  return { calls, tried, codes, complaints };
}

function wrongOutcome({ error, value }: Outcome<Uint8Array>, expected: Uint8Array, allowed: readonly string[]) {
  if (!error) return same(value as Uint8Array, expected) ? undefined : 'it gave another picture and no error';
  return allowed.includes(error.code ?? '') ? undefined : `${error.code}: ${error.message}`;
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function difference(before: Live, after: Live): string {
  return (Object.keys(before) as (keyof Live)[])
    .filter((name) => after[name] !== before[name])
    .map((name) => `${after[name] - before[name]} ${name}`)
    .join(', ');
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('It hangs')), LONGEST);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
