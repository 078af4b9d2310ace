// Checks the recomputation against a small agent whose answers are known: tensors asked for, and metrics of the answers.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Manifest } from '@drover/trust/documents';
import { describe, expect, it } from 'vitest';
import { buildInputs, measureReference } from './reference.ts';
import type { Source } from './source.ts';

const source: Source = {
  says: 'test',
  rows: 6,
  columns: [
    { kind: 'number', name: 'heat', values: Float64Array.from([1, 2, Number.NaN, 4, 5, 6]) },
    { kind: 'text', name: 'type', codes: Int32Array.from([0, 1, -1, 0, 1, 0]), levels: ['L', 'M'] },
    { kind: 'number', name: 'load', values: Float64Array.from([10, 20, 30, 40, 50, 60]) },
    { kind: 'number', name: 'failed', values: Float64Array.from([0, 1, 0, 1, Number.NaN, 1]) },
  ],
  order: Int32Array.from([0, 1, 2, 3, 4, 5]),
  devices: undefined,
  label: 'failed',
  deviceColumn: undefined,
  timeColumn: undefined,
  exclude: [],
};

const manifest: Manifest = {
  type: 'drover.manifest/1',
  project: 'default',
  model: 'm',
  version: 1,
  createdAt: '2026-01-01T00:00:00Z',
  release: 1,
  blobs: { model: { sha256: 'ab'.repeat(32), size: 1 } },
  inputs: [
    { name: 'x', dtype: 'float32', shape: ['N', 2] },
    { name: 'c', dtype: 'string', shape: ['N', 1] },
  ],
  outputs: [
    { name: 'label', dtype: 'int64', shape: ['N'] },
    { name: 'probabilities', dtype: 'float32', shape: ['N', 2] },
  ],
  features: [
    { name: 'load', kind: 'numeric', input: 'x', index: 1 },
    { name: 'heat', kind: 'numeric', input: 'x', index: 0 },
    { name: 'type', kind: 'categorical', input: 'c', index: 0 },
  ],
  task: { kind: 'classification', classes: ['0', '1'], label: 'label', probabilities: 'probabilities', threshold: 0.5 },
  runtime: { irVersion: 10, opset: 18, mlOpset: 5 },
  lineage: { source: 'trained' },
};

describe('buildInputs', () => {
  it('lays rows out as the manifest says, null for a missing number and empty text for a missing category', () => {
    const columns = new Map(source.columns.map((c) => [c.name, c]));
    expect(buildInputs(manifest, columns, [0, 2])).toEqual([
      { name: 'x', datatype: 'FP32', shape: [2, 2], data: [1, 10, null, 30] },
      { name: 'c', datatype: 'BYTES', shape: [2, 1], data: ['L', ''] },
    ]);
  });
});

describe('measureReference', () => {
  it('measures all labelled rows, each once', async () => {
    const asked: unknown[] = [];
    // By load, so that one of the two negatives ranks above one of the three positives.
    const positive: Record<number, number> = { 10: 0.1, 20: 0.3, 30: 0.4, 40: 0.8, 60: 0.9 };
    const server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const body = JSON.parse(Buffer.concat(parts).toString()) as { inputs: { data: number[] }[] };
        asked.push(request.url);
        const loads = (body.inputs[0]?.data ?? []).filter((_, i) => i % 2 === 1);
        const data = loads.flatMap((load) => [1 - (positive[load] ?? 0), positive[load] ?? 0]);
        response.end(
          JSON.stringify({ outputs: [{ name: 'probabilities', shape: [loads.length, 2], datatype: 'FP32', data }] }),
        );
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const { rows, metrics } = await measureReference({ url }, 'default', manifest, source, [0, 1, 2, 3, 4, 5]);
      expect(asked).toEqual(['/v2/models/default/infer']);
      expect(rows).toBe(5);
      expect(metrics['accuracy']).toBeCloseTo(4 / 5, 12);
      expect(metrics['recall']).toBeCloseTo(2 / 3, 12);
      expect(metrics['auc']).toBeCloseTo(5 / 6, 12);
      expect(metrics['aucInBins']).toBeCloseTo(5 / 6, 12);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });
});
