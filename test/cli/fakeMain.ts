/** The command line as its own process, on the JavaScript binding. FAKE_PACE: milliseconds a step takes. */
import { runProcess } from '../../src/cli/runProcess';
import { fakeNative, fakeRestorer } from '../facade/fakes';

const fake = fakeNative();
fake.pace = Number(process.env.FAKE_PACE ?? 0);
runProcess((options) => fakeRestorer(fake, options));
