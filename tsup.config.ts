import { defineConfig } from 'tsup';

export default defineConfig([
  { entry: { index: 'src/index.ts' }, format: ['esm', 'cjs'], dts: true, target: 'node20', clean: true, shims: false },
  { entry: { cli: 'src/cli/main.ts' }, format: ['esm'], target: 'node20' },
]);
