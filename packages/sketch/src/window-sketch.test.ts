// Proves the laws of a whole window and of its bytes, on a mixed baseline. Never measures time.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Baseline, buildBaseline, encodeBaseline, parseBaseline } from './baseline.ts';
import { MAX_FLOAT32 } from './float32.ts';
import { bindBaseline, decodeWindow, peekWindow, WindowSketch } from './window-sketch.ts';

const DIGEST = 'ab'.repeat(32);
const OTHER = 'cd'.repeat(32);

function mixedBaseline(kind: 'classification' | 'regression'): Baseline {
  const rows = 500;
  const wave = Float64Array.from({ length: rows }, (_, i) => 300 + 4 * Math.sin(i * 0.7) + (i % 13) / 7);
  const codes = Float64Array.from({ length: rows }, (_, i) => (i % 17 === 0 ? Number.NaN : i % 4));
  const colours = Array.from({ length: rows }, (_, i) => (i % 5 === 0 ? undefined : ['red', 'green', 'blue'][i % 3]));
  const columns = [
    { name: 'temperature', values: wave, hardLow: 200, hardHigh: 400 },
    { name: 'colour', values: colours },
    { name: 'code', values: codes },
  ];
  const probabilities = Float32Array.from({ length: 2 * rows }, (_, i) =>
    i % 2 === 0 ? (i % 97) / 97 : 1 - ((i - 1) % 97) / 97,
  );
  const built = buildBaseline(
    columns,
    kind === 'classification'
      ? { kind, classes: ['ok', 'broken'], probabilities, labels: Int32Array.from({ length: rows }, (_, i) => i % 2) }
      : { kind, predictions: wave },
  );
  if (!built.ok) throw new Error(built.detail);
  return built.value;
}

const REFERENCES = {
  classification: bindBaseline(mixedBaseline('classification'), DIGEST),
  regression: bindBaseline(mixedBaseline('regression'), DIGEST),
};

interface Row {
  numbers: [number, number];
  causes: [number, number];
  colour: string | undefined;
  score: number;
  latency: number;
}

const anyNumber = fc.oneof(
  fc.float({ min: 290, max: 310, noNaN: true }),
  fc.constantFrom(
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    0,
    1,
    2,
    3,
    -0,
    MAX_FLOAT32,
    150,
    450,
  ),
);
const row: fc.Arbitrary<Row> = fc.record({
  numbers: fc.tuple(anyNumber, anyNumber),
  causes: fc.tuple(fc.nat(2), fc.nat(2)),
  colour: fc.constantFrom('red', 'green', 'blue', 'mauve', '__proto__', undefined),
  score: fc.float({ min: 0, max: 1, noNaN: true }),
  latency: fc.oneof(fc.double({ min: 0, max: 1e10, noNaN: true }), fc.integer({ min: 1, max: 5000 })),
});
const rows = fc.array(row, { maxLength: 80 });
const kinds = fc.constantFrom('classification' as const, 'regression' as const);

function count(kind: keyof typeof REFERENCES, list: readonly Row[]): WindowSketch {
  const window = new WindowSketch(REFERENCES[kind]);
  for (const r of list) {
    window.addRow(Float32Array.from([9, ...r.numbers]), 1, Uint8Array.from(r.causes));
    window.addCategorical(0, r.colour);
    window.addScores(Float32Array.of(r.score), 0, 1);
    window.addRegression(290 + 20 * r.score);
    window.addLatency(r.latency);
  }
  return window;
}

/** Everything that is exact: counts and extremes. */
const exactly = (w: WindowSketch) => ({
  rows: w.rowCount,
  numeric: [...w.numeric, ...(w.regression === undefined ? [] : [w.regression])].map((n) => ({
    bins: [...n.hist.counts],
    unusable: [...n.validity.counts],
    count: n.moments.count,
    min: n.moments.min,
    max: n.moments.max,
    seen: n.seen,
  })),
  categorical: w.categorical.map((c) => [...c.counts]),
  scores: w.scores === undefined ? [] : [[...w.scores.counts], [...w.scores.confidence], w.scores.invalid],
  latency: [...w.latency.counts],
});

const sums = (w: WindowSketch): number[] =>
  [...w.numeric, ...(w.regression === undefined ? [] : [w.regression])].flatMap((n) => [
    n.moments.sum,
    n.moments.squares,
  ]);
const batches = (w: WindowSketch): number[] => w.numeric.flatMap((n) => [n.batchMeans.batches, n.batchMeans.squares]);

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  actual.forEach((value, i) => {
    const wanted = expected[i] ?? Number.NaN;
    expect(Math.abs(value - wanted)).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(wanted)));
  });
}

const clone = (w: WindowSketch): WindowSketch => {
  const back = decodeWindow(w.encode(), w.reference);
  if (!back.ok) throw new Error(back.detail);
  return back.value;
};

describe('the laws of a window', () => {
  it('merge is concatenation', () => {
    fc.assert(
      fc.property(kinds, rows, rows, (kind, a, b) => {
        const merged = count(kind, a);
        expect(merged.merge(count(kind, b)).ok).toBe(true);
        const whole = count(kind, [...a, ...b]);
        expect(exactly(merged)).toEqual(exactly(whole));
        expectClose(sums(merged), sums(whole));
      }),
    );
  });

  it('merge is associative and commutative', () => {
    fc.assert(
      fc.property(kinds, rows, rows, rows, (kind, a, b, c) => {
        const left = count(kind, a);
        left.merge(count(kind, b));
        left.merge(count(kind, c));
        const right = count(kind, c);
        right.merge(count(kind, b));
        const turned = count(kind, a);
        turned.merge(right);
        expect(exactly(turned)).toEqual(exactly(left));
        expectClose([...sums(turned), ...batches(turned)], [...sums(left), ...batches(left)]);
        expect(turned.numeric.map((n) => n.validity.longestRun)).toEqual(
          left.numeric.map((n) => n.validity.longestRun),
        );
      }),
    );
  });

  it('subtract undoes merge for all that is a sum, and the rest can still be sent', () => {
    fc.assert(
      fc.property(kinds, rows, rows, (kind, a, b) => {
        const window = count(kind, a);
        window.merge(count(kind, b));
        window.subtract(count(kind, b));
        const withoutExtremes = (w: WindowSketch) => {
          const all = exactly(w);
          return { ...all, numeric: all.numeric.map((n) => ({ ...n, min: 0, max: 0 })) };
        };
        expect(withoutExtremes(window)).toEqual(withoutExtremes(count(kind, a)));
        expect(clone(window).encode()).toEqual(window.encode());
      }),
    );
  });

  it('reset is zero, and zero changes nothing', () => {
    fc.assert(
      fc.property(kinds, rows, (kind, a) => {
        const used = count(kind, a);
        used.reset();
        expect(used.encode()).toEqual(new WindowSketch(REFERENCES[kind]).encode());
        used.merge(count(kind, a));
        expect(used.encode()).toEqual(count(kind, a).encode());
      }),
    );
  });
});

describe('the bytes of a window', () => {
  it('come back as the same window', () => {
    fc.assert(
      fc.property(kinds, rows, (kind, a) => {
        const window = count(kind, a);
        const back = clone(window);
        expect(exactly(back)).toEqual(exactly(window));
        expect([...sums(back), ...batches(back)]).toEqual([...sums(window), ...batches(window)]);
        expect(back.numeric.map((n) => n.validity.longestRun)).toEqual(
          window.numeric.map((n) => n.validity.longestRun),
        );
        expect(back.encode()).toEqual(window.encode());
        expect(peekWindow(window.encode())).toEqual({
          ok: true,
          value: { prefix: DIGEST.slice(0, 16), rowCount: a.length },
        });
      }),
    );
  });

  it('of anything are answered, never thrown on', () => {
    const window = count('classification', []);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (noise, withHeader) => {
        const bytes = withHeader ? Uint8Array.from([...window.encode().subarray(0, 10), ...noise]) : noise;
        const answer = decodeWindow(bytes, REFERENCES.classification);
        if (answer.ok) expect(answer.value.encode().length).toBeGreaterThan(0);
        else expect(['sketch_malformed', 'sketch_version', 'sketch_baseline_mismatch']).toContain(answer.code);
      }),
      { numRuns: 2000 },
    );
  });

  it('with one byte changed, cut or added are refused or are another window', () => {
    fc.assert(
      fc.property(
        kinds,
        fc.array(row, { minLength: 1, maxLength: 40 }),
        fc.nat(),
        fc.nat(255),
        (kind, a, at, value) => {
          const bytes = count(kind, a).encode();
          const place = at % bytes.length;
          expect(decodeWindow(bytes.subarray(0, place), REFERENCES[kind]).ok).toBe(false);
          expect(decodeWindow(Uint8Array.from([...bytes, value]), REFERENCES[kind]).ok).toBe(false);
          const changed = Uint8Array.from(bytes);
          changed[place] = value;
          const answer = decodeWindow(changed, REFERENCES[kind]);
          if (answer.ok) expect(clone(answer.value).encode()).toEqual(answer.value.encode());
        },
      ),
    );
  });

  it('of another baseline or version are refused by name', () => {
    const bytes = count('regression', []).encode();
    const foreign = bindBaseline(mixedBaseline('regression'), OTHER);
    expect(decodeWindow(bytes, foreign)).toMatchObject({ ok: false, code: 'sketch_baseline_mismatch' });
    expect(decodeWindow(bytes, undefined)).toMatchObject({ ok: false, code: 'sketch_baseline_mismatch' });
    const mine = count('regression', []);
    expect(mine.merge(new WindowSketch(foreign))).toMatchObject({ ok: false, code: 'sketch_baseline_mismatch' });
    expect(mine.subtract(new WindowSketch(foreign))).toMatchObject({ ok: false, code: 'sketch_baseline_mismatch' });
    bytes[1] = 4;
    expect(decodeWindow(bytes, REFERENCES.regression)).toMatchObject({ ok: false, code: 'sketch_version' });
    expect(decodeWindow(new Uint8Array(0), undefined)).toMatchObject({ ok: false, code: 'sketch_malformed' });
  });

  it('without a baseline carry rows and latency', () => {
    const window = new WindowSketch();
    window.addRow(new Float32Array(0), 0);
    window.addScores(Float32Array.of(0.5), 0, 1);
    window.addLatency(120);
    const back = decodeWindow(window.encode(), undefined);
    expect(back).toMatchObject({ ok: true, value: { rowCount: 1, latency: { total: 1 } } });
  });

  it('count a row against the baseline that went through its own document', () => {
    const baseline = mixedBaseline('classification');
    const parsed = parseBaseline(encodeBaseline(baseline));
    expect(parsed).toEqual({ ok: true, value: baseline });
  });

  it('refuse to be written with a count below zero', () => {
    const window = new WindowSketch(REFERENCES.regression);
    window.subtract(
      count('regression', [{ numbers: [300, 1], causes: [0, 0], colour: 'red', score: 0.5, latency: 3 }]),
    );
    expect(() => window.encode()).toThrow(RangeError);
  });
});
