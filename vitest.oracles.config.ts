import { defineConfig } from 'vitest/config';

// What others published judges us: needs what `npm test` never needs, and fails when it is not there.
export default defineConfig({ test: { include: ['test/oracles/*.test.ts'] } });
