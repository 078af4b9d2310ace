// Two versions of one tiny model that can be told apart by their answers, with baseline-free self-test vectors. For tests.
import { createCipheriv } from 'node:crypto';
import { buildModel, floats, i, ints64, node } from '@drover/onnx/build';

/** Numbers that nothing makes smaller and no two versions share, so that what is padded travels whole; the same each time. */
function noise(offset: number, bytes: number): BigInt64Array {
  const seed = Buffer.alloc(16);
  seed.writeDoubleLE(offset);
  const made = createCipheriv('aes-128-ctr', seed, Buffer.alloc(16)).update(Buffer.alloc(8 * Math.ceil(bytes / 8)));
  return new BigInt64Array(Uint8Array.from(made).buffer);
}

/** x [N, 2] → y [N, 1] = x0 + 2·x1 + offset. The offset says which version answered. `padding` makes the file larger. */
export function buildOffsetModel(offset: number, padding = 0): Uint8Array {
  return buildModel({
    name: 'offset',
    nodes: [node('Gemm', ['x', 'w', 'b'], ['y'])],
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 2] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 1] }],
    initializers: [
      floats('w', [2, 1], [1, 2]),
      floats('b', [1], [offset]),
      ...(padding > 0 ? [ints64('padding', [Math.ceil(padding / 8)], noise(offset, padding))] : []),
    ],
    metadata: { 'drover.kind': 'test' },
  });
}

/**
 * The same with two weak places: where x0 is 1000 or more the run fails, where x1 is negative the answer is not a number.
 * y = x0 + 2·√x1² + offset otherwise.
 */
export function buildFragileModel(offset: number): Uint8Array {
  return buildModel({
    name: 'fragile',
    nodes: [
      node('Gather', ['x', 'zero'], ['x0'], { axis: i(1) }),
      node('Gather', ['x', 'one'], ['x1'], { axis: i(1) }),
      node('Cast', ['x0'], ['index'], { to: i(7) }),
      // An index beyond the table is what the runtime refuses while it runs.
      node('Gather', ['table', 'index'], ['none']),
      node('Sqrt', ['x1'], ['root']),
      node('Mul', ['root', 'root'], ['x1again']),
      node('Mul', ['x1again', 'two'], ['twice']),
      node('Add', ['x0', 'twice'], ['sum']),
      node('Add', ['sum', 'none'], ['sum2']),
      node('Add', ['sum2', 'b'], ['y']),
    ],
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 2] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 1] }],
    initializers: [
      ints64('zero', [1], [0]),
      ints64('one', [1], [1]),
      floats('table', [1000], new Array<number>(1000).fill(0)),
      floats('two', [1], [2]),
      floats('b', [1], [offset]),
    ],
  });
}

/** Self-test vectors of `buildOffsetModel(offset)`; `lie` moves every expected answer, so that the self-test fails. */
export function buildOffsetVectors(offset: number, lie = 0): Uint8Array {
  const x = [[0, 0], [1, 1], [-2, 0.5]]; // biome-ignore format: rows
  const expected = x.map(([a = 0, b = 0]) => [a + 2 * b + offset + lie]);
  return Buffer.from(JSON.stringify({ type: 'drover.vectors/1', tolerance: 1e-5, x, expected }));
}
