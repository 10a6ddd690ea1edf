import { defineConfig } from 'tsup';

/** One build for the library and the command line, so that the two share their chunks. */
export default defineConfig({
  entry: { index: 'src/index.ts', cli: 'src/cli/main.ts' },
  format: ['esm', 'cjs'],
  dts: { entry: { index: 'src/index.ts' } },
  target: 'node20',
  splitting: true,
  clean: true,
  shims: false,
});
