// Checks sums of products: the laws of a sketch exactly, what a straight computation gives, and bytes that cannot be.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildBaseline, parseBaseline } from './baseline.ts';
import { encodeBaseline } from './baseline-document.ts';
import { ByteReader, ByteWriter } from './codec.ts';
import { SKETCH_VERSION } from './sketch.ts';
import { BLOCK_ROWS, PROJECTIONS, prepareTogether, STEPS, Together } from './together.ts';
import { bindBaseline, decodeWindow, WindowSketch } from './window-sketch.ts';

const feature = (median: number, iqr: number) => ({ median, iqr, hardLow: -1000, hardHigh: 1000 });
const plain = prepareTogether([feature(0, 1), feature(10, 4), feature(-3, 0.5)], undefined);
const wide = prepareTogether(
  Array.from({ length: 40 }, (_, i) => feature(i, 1 + i / 10)),
  12345,
);

const value = fc.oneof(
  { weight: 5, arbitrary: fc.float({ min: -40, max: 40, noNaN: true }) },
  fc.constantFrom(Number.NaN, 5000, -5000, Number.POSITIVE_INFINITY),
);
const rowsOf = (width: number) => fc.array(fc.array(value, { minLength: width, maxLength: width }), { maxLength: 150 });

function count(reference: typeof plain, rows: readonly (readonly number[])[]): Together {
  const sketch = new Together(reference);
  const width = reference.features.length;
  for (let from = 0; from < rows.length; from += BLOCK_ROWS) {
    const some = rows.slice(from, from + BLOCK_ROWS);
    // What an earlier block left there must not count.
    const block = new Float32Array(width * BLOCK_ROWS).fill(7);
    for (const [r, row] of some.entries()) for (const [i, x] of row.entries()) block[i * BLOCK_ROWS + r] = x;
    sketch.addBlock(block, some.length);
  }
  return sketch;
}
const all = ({ rows, sums, products }: Together) => ({ rows, sums: [...sums], products: [...products] });
function bytesOf(sketch: Together): Uint8Array {
  const writer = new ByteWriter();
  sketch.write(writer);
  return writer.finish();
}
function read(reference: typeof plain, bytes: Uint8Array): Together | undefined {
  const sketch = new Together(reference);
  const reader = new ByteReader(bytes);
  sketch.read(reader);
  return reader.failed || !reader.atEnd ? undefined : sketch;
}

describe('sums of products', () => {
  it('are those of the complete rows, in steps from the median and clipped', () => {
    fc.assert(
      fc.property(rowsOf(3), (rows) => {
        const usable = rows.filter((row) => row.every((x) => x >= -1000 && x <= 1000));
        const z = usable.map((row) =>
          row.map((x, i) => {
            const { median, iqr } = plain.features[i] ?? feature(0, 1);
            return Math.max(-6 * STEPS, Math.min(6 * STEPS, Math.round((Math.fround(x) - median) * (STEPS / iqr)))) + 0;
          }),
        );
        const { rows: whole, sums, products } = all(count(plain, rows));
        expect(whole).toBe(usable.length);
        expect(sums).toEqual([0, 1, 2].map((i) => z.reduce((sum, row) => sum + (row[i] ?? 0), 0)));
        const pairs = [[0, 0], [1, 0], [1, 1], [2, 0], [2, 1], [2, 2]] as const; // biome-ignore format: one line
        expect(products).toEqual(
          pairs.map(([i, j]) => z.reduce((sum, row) => sum + (row[i] as number) * (row[j] as number), 0)),
        );
      }),
    );
  });

  for (const [name, reference] of [
    ['of features', plain],
    ['of projections', wide],
  ] as const)
    it(`${name}: merge is concatenation in any order, subtract undoes it, bytes come back`, () => {
      const some = rowsOf(reference.features.length);
      fc.assert(
        fc.property(some, some, (a, b) => {
          const merged = count(reference, a);
          merged.merge(count(reference, b));
          const other = count(reference, b);
          other.merge(count(reference, a));
          expect(all(merged)).toEqual(all(count(reference, [...a, ...b])));
          expect(all(other)).toEqual(all(merged));
          const back = read(reference, bytesOf(merged));
          expect(back && all(back)).toEqual(all(merged));
          merged.subtract(count(reference, b));
          expect(all(merged)).toEqual(all(count(reference, a)));
        }),
        { numRuns: 60 },
      );
    });

  it('of any bytes are answered, and those that no rows can have are refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const sketch = read(plain, bytes);
        if (sketch) expect(read(plain, bytesOf(sketch))).toEqual(sketch);
      }),
      { numRuns: 2000 },
    );
    const impossible = (sums: readonly number[], products: readonly number[]): Uint8Array => {
      const writer = new ByteWriter();
      writer.varint(2);
      for (const n of [...sums, ...products]) writer.varint(n < 0 ? -2 * n - 1 : 2 * n);
      return writer.finish();
    };
    expect(read(plain, impossible([2, 0, 0], [2, 0, 0, 0, 0, 0]))).toBeDefined();
    // A sum of 2 from two rows takes squares of 2; a product cannot exceed its squares; nothing lies beyond the reach.
    expect(read(plain, impossible([2, 0, 0], [1, 0, 0, 0, 0, 0]))).toBeUndefined();
    expect(read(plain, impossible([0, 0, 0], [4, 5, 4, 0, 0, 0]))).toBeUndefined();
    expect(read(plain, impossible([0, 0, 0], [1e6, 0, 0, 0, 0, 0]))).toBeUndefined();
  });

  it('of a window stand in the baseline when there are enough rows, and go through its document', () => {
    const columns = (rows: number, features: number) =>
      Array.from({ length: features }, (_, f) => ({
        name: `f${f}`,
        values: Float32Array.from({ length: rows }, (_, i) => Math.sin(i * (f + 1)) + (f > 0 ? Math.sin(i) : 0)),
      }));
    const build = (rows: number, features: number) => {
      const made = buildBaseline(columns(rows, features));
      if (!made.ok) throw new Error(made.detail);
      return made.value;
    };
    expect(build(19, 2).together).toBeUndefined();
    expect(build(500, 1).together).toBeUndefined();
    const two = build(500, 2);
    expect(two.together?.means).toHaveLength(2);
    expect(two.together?.seed).toBeUndefined();
    const many = build(500, 40);
    expect(many.together?.means).toHaveLength(PROJECTIONS);
    expect(many.together?.seed).toBeGreaterThan(0);
    for (const baseline of [two, many])
      expect(parseBaseline(encodeBaseline(baseline))).toEqual({ ok: true, value: baseline });
    const damaged = { ...two, together: { means: [0, 0], covariance: [-1, 0, 1] } };
    expect(parseBaseline(encodeBaseline(damaged))).toMatchObject({ ok: false, code: 'baseline_invalid' });
    expect(
      parseBaseline(encodeBaseline({ ...many, together: { ...two.together, means: [1] } as never })),
    ).toMatchObject({
      ok: false,
    });
  });

  it('are empty in a window of an agent that did not know them', () => {
    const made = buildBaseline(
      [0, 1].map((f) => ({ name: `f${f}`, values: Float32Array.from({ length: 100 }, (_, i) => i * (f + 1)) })),
    );
    if (!made.ok) throw new Error(made.detail);
    const { together, ...before } = made.value;
    expect(together).toBeDefined();
    const digest = 'a'.repeat(64);
    const old = new WindowSketch(bindBaseline(before, digest));
    old.addRow(Float32Array.of(1, 2), 0);
    const bytes = old.encode();
    expect(bytes[1]).toBe(SKETCH_VERSION);
    const reference = bindBaseline(made.value, digest);
    const back = decodeWindow(bytes, reference);
    expect(back.ok && back.value.together?.rows).toBe(0);
    expect(back.ok && back.value.rowCount).toBe(1);
    const now = new WindowSketch(reference);
    now.addRow(Float32Array.of(1, 2), 0);
    const again = decodeWindow(now.encode(), reference);
    expect(again.ok && again.value.together?.rows).toBe(1);
  });
});
