/** Writes a file of so many bytes, and ends in the way that it reads from stdin meanwhile. */
import { writeFileAtomic } from '../../src/output/writeFile';

const [file, size] = process.argv.slice(2) as [string, string];
process.stdin.once('data', (way) => {
  if (String(way) === 'process.exit') process.exit(7);
  throw new Error('thrown by the fixture');
});
await writeFileAtomic(file, Buffer.alloc(Number(size), 1), { force: true });
