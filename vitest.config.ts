import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: 'test/setup/temporaryFolder.ts',
    testTimeout: 60_000,
    // Native inference already uses every core: files side by side would only time each other out.
    fileParallelism: false,
    pool: 'forks',
  },
});
