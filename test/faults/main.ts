/**
 * `npm run faults [-- --scenario NAME] [--site SITE] [--all] [--from N] [--to N] [--count N|rest] [--verbose]`: lets the
 * n-th call of a kind, or as many one after the other, fail in small restorations, for 100 or for all n, and prints what
 * came of it. Fails where something is wrong. --verbose prints each n before it is tried.
 */
import { parseArgs } from 'node:util';
import { Faults, isBuilt, SITES } from './hook';
import { SCENARIOS } from './scenarios';
import { all, spread } from './spread';
import { sweep } from './sweep';

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
      count: values.count === 'rest' ? 'rest' : Number(values.count),
      onTry: (call) => values.verbose && console.log(`${scenario.name} ${site} ${call}`),
    });
    const seconds = (performance.now() - begin) / 1000;
    console.log(
      `${scenario.name}, ${site}: ${result.tried} of ${result.calls} in ${seconds.toFixed(1)} s, ${JSON.stringify(result.codes)}`,
    );
    for (const complaint of result.complaints.slice(0, 10)) console.log(`  ${complaint}`);
    if (result.complaints.length > 0) process.exitCode = 1;
  }
}
