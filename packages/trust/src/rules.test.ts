import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseManifest } from './documents.ts';

const hash = 'a'.repeat(64);
const base = {
  type: 'drover.manifest/1', project: 'default', model: 'm', version: 1, createdAt: '2026-01-02T03:04:05Z', release: 1,
  blobs: { model: { sha256: hash, size: 1 }, baseline: { sha256: hash, size: 1 } },
  inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 1] }, { name: 'c', dtype: 'string', shape: ['N', 1] }],
  outputs: [{ name: 'label', dtype: 'int64', shape: ['N'] }, { name: 'p', dtype: 'float32', shape: ['N', 2] }],
  features: [{ name: 'heat', kind: 'numeric', input: 'x', index: 0 }, { name: 'kind', kind: 'categorical', input: 'c', index: 0 }],
  task: { kind: 'classification', classes: ['no', 'yes'], label: 'label', probabilities: 'p' },
  runtime: { irVersion: 10, opset: 18, mlOpset: 5 }, lineage: { source: 'uploaded' },
}; // biome-ignore format: one record

const parse = (rules: unknown, change: object = {}) =>
  parseManifest(Buffer.from(JSON.stringify({ ...base, ...change, rules })));

describe('the rules of a manifest', () => {
  it('are taken whole', () => {
    const rules = {
      limits: { action: 'abstain', fields: [{ field: 'heat', low: -1 }] },
      novelty: { action: 'flag', share: 0.001 },
      confidence: { action: 'abstain', least: 0.7 },
      latency: { action: 'flag', mostMs: 20 },
      fallback: { label: 'no' },
    };
    expect(parse(rules)).toMatchObject({ ok: true, value: { rules } });
    expect(parse(undefined)).toMatchObject({ ok: true });
    expect(parse({})).toMatchObject({ ok: true });
  });

  it('are refused when they are misspelt, or could never hold', () => {
    const limit = (fields: unknown) => ({ limits: { action: 'flag', fields } });
    const bad: [unknown, object?][] = [
      [{ limit: {} }],
      [{ limits: { fields: [] } }],
      [{ limits: { action: 'abstian', fields: [] } }],
      [limit([{ field: 'heat', low: 1, max: 2 }])],
      [limit([{ field: 'kind', low: 1 }])],
      [limit([{ field: 'cold', low: 1 }])],
      [limit([{ field: 'heat' }])],
      [limit([{ field: 'heat', low: 2, high: 2 }])],
      [limit([{ field: 'heat', low: 1 }, { field: 'heat', high: 2 }])],
      [limit([]), { blobs: { model: base.blobs.model } }],
      [{ novelty: { action: 'flag', share: 0.05 } }],
      [{ novelty: { action: 'flag', share: 0 } }, { blobs: { model: base.blobs.model } }],
      [{ confidence: { action: 'flag', least: 0 } }],
      [{ confidence: { action: 'flag', least: 0.5 } }, { task: { kind: 'regression', output: 'p' } }],
      [{ latency: { action: 'flag', mostMs: 0 } }],
      [{ fallback: { label: 'maybe' } }],
      [{ fallback: { value: 1 } }],
      [{ fallback: { label: 'no', value: 1 } }],
      [{ fallback: { label: 'no' } }, { task: { kind: 'regression', output: 'p' } }],
      [{}, { features: [], task: undefined }],
      ['rules'],
    ]; // biome-ignore format: one a line
    for (const [rules, change] of bad)
      expect(parse(rules, change), JSON.stringify(rules)).toMatchObject({ ok: false, code: 'manifest_invalid' });
  });

  it('are answered whatever they are', () => {
    fc.assert(fc.property(fc.jsonValue(), (rules) => void parse(rules)));
  });
});
