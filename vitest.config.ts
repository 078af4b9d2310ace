import { defineConfig } from 'vitest/config';

// `unit` sits beside its source and runs in seconds; `system` drives real processes, two files at a time.
export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: ['{packages/*,agent,hub}/src/**/*.test.ts'], testTimeout: 20_000 } },
      {
        test: {
          name: 'system',
          include: ['test/{integration,attacks,faults,e2e,replay,vectors,house}/**/*.test.ts'],
          exclude: ['test/house/canary/**'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
        },
      },
    ],
  },
});
