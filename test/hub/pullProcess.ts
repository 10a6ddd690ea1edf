/** Pulls one file as a process of its own, with the hub of its environment. Argument: its name. */
import { pullWeights } from '../../src/hub/pullWeights';
import { impatient, weight } from './fakeHub';

const [name = ''] = process.argv.slice(2);
const hub = impatient(process.env, { stallMs: 10_000, staleLockMs: 60_000 });
const onProgress = ({ received }: { received: number }) => void process.stderr.write(`${received}\n`);
pullWeights(hub, weight(name), { onProgress }).then(
  ([pulled]) => console.log(JSON.stringify(pulled)),
  (error) => {
    console.log(JSON.stringify({ code: error.code, message: error.message }));
    process.exitCode = 1;
  },
);
