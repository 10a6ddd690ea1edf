/**
 * `node scripts/golden-subset.mjs SOURCE [DEST]` copies the part of a golden folder that the repository keeps
 * (`test/golden`, at most 15 MB): same layout, `manifest.json` reduced to what was copied. Checkpoints and configurations
 * that a kept entry needs come along.
 *
 * What is kept, and why: every stage of a restoration once, on configuration b, whose Stable Diffusion file is the small
 * one. Whatever runs networks of configuration a (17.7 MB of incompressible float32) stays in the full set alone; that
 * includes the end-to-end case with the `spaced` sampler. The end-to-end case of b is kept for its stages before and
 * after the sampler.
 */
import { cpSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const LIMIT = 15_000_000;

const KEEP = [
  /^ckpt\/(zoo|loader_report|bsrnet)/,
  /^color\//,
  /^configs\//,
  /^degradation\/(kernels|jpeg_cv2|realesrgan_runs)/,
  /^guidance\/gradients/,
  /^nets\/(cldm|vae)_b/,
  /^nets\/swinir_a_(b2_64x64|60x124_padded)/,
  /^pipeline\/swinir_v2\.1_/,
  /^resize\//,
  /^rng\//,
  /^samplers_mock\/(spaced|inputs|index)/,
  /^schedule\//,
  /^text\/(clip_b|tokenizer)/,
];

const README = `# Recorded results of the PyTorch reference

Made by \`scripts/golden-subset.mjs\` from the full set of recordings; \`manifest.json\` says what each file is. Recorded
from DiffBIR (XPixelGroup) at commit 3f8b530, run unmodified on a CPU in float32 with random weights, so the pictures are
textures. Input photographs are from scikit-image's data folder: astronaut (NASA, public domain), chelsea, coffee, rocket
(CC0).

\`npm run golden -- test/golden\` compares this project with them; \`npm test\` does the same.
`;

const [source, dest = 'test/golden'] = process.argv.slice(2);
if (!source) {
  console.error('Usage: node scripts/golden-subset.mjs SOURCE [DEST]');
  process.exit(2);
}

const manifest = JSON.parse(readFileSync(path.join(source, 'manifest.json'), 'utf8'));
const kept = manifest.files.filter(({ file }) => KEEP.some((pattern) => pattern.test(file)));
const wanted = new Set(
  kept.flatMap(({ file, models = {}, configs = [] }) =>
    // A checkpoint needs no other one, whatever model it is a part of.
    file.startsWith('ckpt/') ? [file] : [file, ...Object.values(models), ...configs],
  ),
);
const files = manifest.files.filter(({ file }) => wanted.has(file));

rmSync(dest, { recursive: true, force: true });
let bytes = 0;
for (const { file } of files) {
  mkdirSync(path.dirname(path.join(dest, file)), { recursive: true });
  cpSync(path.join(source, file), path.join(dest, file));
  bytes += statSync(path.join(dest, file)).size;
}
const text = `${JSON.stringify({ ...manifest, files })}\n`;
writeFileSync(path.join(dest, 'manifest.json'), text);
writeFileSync(path.join(dest, 'README.md'), README);
bytes += text.length;
console.log(`${files.length} of ${manifest.files.length} files, ${(bytes / 1e6).toFixed(1)} MB`);
if (bytes > LIMIT) {
  console.error(`More than the ${LIMIT / 1e6} MB that the repository may keep`);
  process.exit(1);
}
