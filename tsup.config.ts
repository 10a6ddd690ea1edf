import { defineConfig } from 'tsup';

/** One build for both, so that the library and the command line share their chunks (which tsup makes for ESM alone). */
export default defineConfig({
  entry: { index: 'src/index.ts', cli: 'src/cli/main.ts' },
  format: ['esm', 'cjs'],
  dts: { entry: { index: 'src/index.ts' } },
  target: 'node20',
  clean: true,
  shims: false,
  // packageRoot.ts asks for __filename first, so that the empty import.meta of CommonJS is never read.
  esbuildOptions: (options) => {
    options.logOverride = { 'empty-import-meta': 'silent' };
  },
});
