/**
 * The command line as its own process, on the JavaScript binding. FAKE_PACE: milliseconds a step of a picture takes;
 * FAKE_SAYS: what is printed on stderr when a picture runs.
 */
import { runProcess } from '../../src/cli/runProcess';
import { fakeNative, fakeRestorer } from '../facade/fakes';

const fake = fakeNative();
fake.pace = 0;
const { FAKE_PACE = 0, FAKE_SAYS } = process.env;
if (FAKE_SAYS) {
  const timer = setInterval(() => {
    if (fake.running.size === 0) return;
    clearInterval(timer);
    process.stderr.write(FAKE_SAYS);
  }, 5);
}
runProcess(async (options) => {
  const restorer = await fakeRestorer(fake, options);
  fake.pace = Number(FAKE_PACE);
  return restorer;
});
