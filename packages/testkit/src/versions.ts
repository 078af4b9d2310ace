// Two versions of one tiny model that can be told apart by their answers, with baseline-free self-test vectors. For tests.
import { buildModel, floats, node } from '@drover/onnx/build';

/** x [N, 2] → y [N, 1] = x0 + 2·x1 + offset. The offset says which version answered. `padding` makes the file larger. */
export function buildOffsetModel(offset: number, padding = 0): Uint8Array {
  return buildModel({
    name: 'offset',
    nodes: [node('Gemm', ['x', 'w', 'b'], ['y'])],
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 2] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 1] }],
    initializers: [floats('w', [2, 1], [1, 2]), floats('b', [1], [offset])],
    metadata: { 'drover.kind': 'test', ...(padding > 0 && { padding: 'x'.repeat(padding) }) },
  });
}

/** Self-test vectors of `buildOffsetModel(offset)`; `lie` moves every expected answer, so that the self-test fails. */
export function buildOffsetVectors(offset: number, lie = 0): Uint8Array {
  const x = [[0, 0], [1, 1], [-2, 0.5]]; // biome-ignore format: rows
  const expected = x.map(([a = 0, b = 0]) => [a + 2 * b + offset + lie]);
  return Buffer.from(JSON.stringify({ type: 'drover.vectors/1', tolerance: 1e-5, x, expected }));
}
