// Bundles of files that others exported: what serves by fields, what serves as raw tensors only.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openRuntime } from '@drover/infer/open';
import { buildModel, floats, i, node } from '@drover/onnx/build';
import type { Manifest } from '@drover/trust/documents';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openBlobStore } from '../store/blobs.ts';
import { loadBundle } from './bundle.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'drover-bundle-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** a [N, 1] and b [N, 1], b in whole numbers → y = a + 2 b. */
const buildMixedModel = (): Uint8Array =>
  buildModel({
    name: 'mixed',
    nodes: [
      node('Cast', ['b'], ['real'], { to: i(1) }),
      node('Mul', ['real', 'two'], ['twice']),
      node('Add', ['a', 'twice'], ['y']),
    ],
    inputs: [
      { name: 'a', dtype: 'float32', shape: ['N', 1] },
      { name: 'b', dtype: 'int64', shape: ['N', 1] },
    ],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 1] }],
    initializers: [floats('two', [1], [2])],
  });

describe('a model with an input whose columns are no features', () => {
  it.each(['native', 'wasm'] as const)('serves tensors on %s, as was said when it was registered', async (name) => {
    const bytes = buildMixedModel();
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const blobs = openBlobStore(dir);
    const part = await blobs.openPart({ sha256, size: bytes.length });
    part.write(0, bytes);
    await part.finish();
    const manifest: Manifest = {
      type: 'drover.manifest/1',
      project: 'default',
      model: 'mixed',
      version: 1,
      createdAt: '2026-01-01T00:00:00Z',
      release: 1,
      blobs: { model: { sha256, size: bytes.length } },
      inputs: [
        { name: 'a', dtype: 'float32', shape: ['N', 1] },
        { name: 'b', dtype: 'int64', shape: ['N', 1] },
      ],
      outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 1] }],
      // The hub names columns of numbers and texts only; it warns that the rest has no names and no statistics.
      features: [{ name: 'a', kind: 'numeric', input: 'a', index: 0 }],
      task: { kind: 'regression', output: 'y' },
      runtime: { irVersion: 8, opset: 18, mlOpset: 0 },
      lineage: { source: 'uploaded' },
    };
    const runtime = await openRuntime(name);
    if (!runtime.ok) throw new Error(runtime.detail);
    const loaded = await loadBundle({ digest: 'd'.repeat(64), manifest }, blobs, runtime.value);
    if (!loaded.ok) throw new Error(`${loaded.code}: ${loaded.detail}`);
    expect(loaded.value.predictor).toBeUndefined();
    const outputs = await loaded.value.session.run({
      a: { dtype: 'float32', data: Float32Array.of(1), dims: [1, 1] },
      b: { dtype: 'int64', data: BigInt64Array.of(3n), dims: [1, 1] },
    });
    await loaded.value.session.release();
    expect(outputs).toMatchObject({ y: { data: Float32Array.of(7) } });
  });
});
