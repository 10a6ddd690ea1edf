// Restores all photographs of a folder, and of the folders in it, into another folder.
//   npm install diffbir
//   node batch.mjs photos restored
// Run it again after Ctrl-C, a crash or an error: what is done is skipped. The exit code is 1 if a picture failed, and
// 130 after Ctrl-C.
import { existsSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { Restorer } from 'diffbir';

const [from, to] = process.argv.slice(2);
if (!from || !to || (path.resolve(to) + path.sep).startsWith(path.resolve(from) + path.sep)) {
  console.error('node batch.mjs FROM TO, where TO is not inside FROM');
  process.exit(2);
}
const outputOf = (input) => path.join(to, path.relative(from, input));

const names = await readdir(from, { recursive: true });
const pictures = names.filter((name) => /\.(jpe?g|png|webp|tiff?|avif)$/i.test(name)).sort();
// Results are written whole or not at all: a file that is there is done.
const inputs = pictures.map((name) => path.join(from, name)).filter((input) => !existsSync(outputOf(input)));

let restored = 0;
const failures = [];
const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => interrupt.abort());

/** One line on a terminal, written again and again. */
function show(line) {
  if (process.stderr.isTTY) process.stderr.write(`\r${line}\x1b[K`);
}

async function write({ input, result, error }) {
  try {
    if (error) throw error;
    await mkdir(path.dirname(outputOf(input)), { recursive: true });
    await result.toFile(outputOf(input));
    restored++;
  } catch (cause) {
    failures.push(`${input}: ${cause.message}`);
  }
}

const restorer = await Restorer.create();
const options = {
  signal: interrupt.signal,
  onProgress: ({ fraction }) => {
    const done = restored + failures.length;
    show(`${done} of ${inputs.length} done, ${failures.length} failed; the next ${Math.floor(fraction * 100)} %`);
  },
};
try {
  for await (const item of restorer.restoreAll(inputs, options)) await write(item);
} catch (error) {
  if (!interrupt.signal.aborted) throw error;
} finally {
  show('');
  await restorer.dispose();
}

for (const failure of failures) console.error(failure);
console.log(`${restored} restored, ${failures.length} failed, ${pictures.length - inputs.length} were done before`);
if (interrupt.signal.aborted) process.exitCode = 130;
else if (failures.length > 0) process.exitCode = 1;
