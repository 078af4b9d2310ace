import { describe, expect, it } from 'vitest';
import { METRICS, MODEL_METRICS } from './catalogue.ts';

describe('the catalogue of metrics', () => {
  it('names each once, most of them of models, and shows few by default', () => {
    const names = METRICS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThanOrEqual(40);
    expect(MODEL_METRICS.length).toBeGreaterThanOrEqual(28);
    expect(METRICS.filter(({ isDefault }) => isDefault).length).toBeLessThanOrEqual(10);
    for (const { name, means } of METRICS) {
      expect(name).toMatch(/^(device|model)\.[a-z0-9_]+$/);
      expect(means).toMatch(/^[A-Z0-9].*\.$/);
    }
  });
});
