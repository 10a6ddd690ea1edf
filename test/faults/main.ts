/**
 * `npm run faults [-- --scenario NAME] [--site SITE] [--all] [--from N] [--count N]`: lets the n-th call of a kind fail in
 * small restorations, for a spread of n or for all of them, and prints what came of it. Fails where something is wrong.
 */
import { parseArgs } from 'node:util';
import { Faults, isBuilt, SITES } from './hook';
import { SCENARIOS } from './scenarios';
import { sweep } from './sweep';
import { all, spread } from './spread';

const { values } = parseArgs({
  options: {
    scenario: { type: 'string' },
    site: { type: 'string' },
    all: { type: 'boolean', default: false },
    from: { type: 'string', default: '1' },
    to: { type: 'string' },
    count: { type: 'string', default: '1' },
    verbose: { type: 'boolean', default: false },
  },
});
if (!isBuilt) throw new Error('Run npm run build:faults first');

const faults = new Faults();
for (const scenario of SCENARIOS.filter(({ name }) => values.scenario === undefined || name === values.scenario)) {
  for (const site of SITES.filter((each) => values.site === undefined || each === values.site)) {
    const begin = performance.now();
    const pick = (calls: number) => {
      const chosen = values.all ? all(calls) : spread(calls, 100);
      return chosen.filter((n) => n >= Number(values.from) && n <= Number(values.to ?? calls));
    };
    const result = await sweep(faults, scenario, site, pick, {
      count: values.count === 'rest' ? undefined : Number(values.count),
      onTry: (call) => process.stdout.isTTY || !values.verbose ? undefined : console.log(`${scenario.name} ${site} ${call}`),
    });
    const seconds = (performance.now() - begin) / 1000;
    console.log(
      `${scenario.name}, ${site}: ${result.tried} of ${result.calls} in ${seconds.toFixed(1)} s, ${JSON.stringify(result.codes)}`,
    );
    for (const complaint of result.complaints.slice(0, 10)) console.log(`  ${complaint}`);
    if (result.complaints.length > 0) process.exitCode = 1;
  }
}
