// npm run demo [-- MODEL_FOLDER]
// Restores a degraded photograph with the embedded model and shows it beside what it was made from.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { restore } from 'diffbir';
import sharp from 'sharp';
import { labelled } from './labelled.mjs';

const root = path.resolve(import.meta.dirname, '..');
const input = path.join(root, 'examples', 'sample', 'degraded.jpg');
const out = path.join(root, 'out');
const restored = path.join(out, 'restored.png');
const beforeAfter = path.join(out, 'before-after.png');
const [model] = process.argv.slice(2);
const bar = process.stderr.isTTY ? (text) => process.stderr.write(`\r${text}\x1b[K`) : () => {};

const result = await restore(input, {
  model,
  onProgress: ({ stage, fraction }) => bar(`${stage} ${Math.round(fraction * 100)} %`),
});
bar('');

await mkdir(out, { recursive: true });
await result.toFile(restored, { format: 'png', force: true });

const { width, height } = result;
const before = await sharp(input).resize(width, height, { fit: 'fill' }).png().toBuffer();
await sharp({ create: { width: width * 2, height, channels: 3, background: 'black' } })
  .composite([
    { input: await labelled(before, 'BEFORE'), left: 0, top: 0 },
    { input: await labelled(restored, 'AFTER'), left: width, top: 0 },
  ])
  .png()
  .toFile(beforeAfter);

const seconds = result.times.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / 1000;
console.log(`Restored ${width} x ${height} pixels in ${seconds.toFixed(1)} s.`);
for (const warning of result.warnings) console.log(`Warning: ${warning}`);
if (!model) {
  console.log(
    'The embedded model is small; its second stage invents detail. A full model: npm run demo -- MODEL_FOLDER',
  );
}
console.log(restored);
console.log(beforeAfter);
