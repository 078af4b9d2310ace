// Proves how cut points follow the training data, and that a document is trusted only where it holds. Never counts windows.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Baseline,
  buildBaseline,
  encodeBaseline,
  MAX_BASELINE_BYTES,
  type NumericFeature,
  parseBaseline,
  type TrainingColumn,
  type TrainingOutputs,
} from './baseline.ts';
import { nextUp } from './float32.ts';
import { MAX_CUTS, TAIL_BINS } from './ref-hist.ts';
import { SCORE_BINS } from './scores.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

function build(columns: readonly TrainingColumn[], outputs?: TrainingOutputs): Baseline {
  const built = buildBaseline(columns, outputs);
  if (!built.ok) throw new Error(built.detail);
  return built.value;
}

function describeColumn(values: Float64Array | Float32Array): NumericFeature {
  const feature = build([{ name: 'x', values }]).features[0];
  if (feature?.kind !== 'numeric') throw new Error('not numeric');
  return feature;
}

const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);
const PROBABILITIES = Float32Array.of(0.25, 0.75, 0.9, 0.1, 0.4, 0.6);

function example(): Baseline {
  return build(
    [
      { name: 'temperature', values: Float64Array.of(20.1, 21.5, 22.25), hardLow: -40, hardHigh: 125.5 },
      { name: 'größe', values: ['ä', undefined, 'b'] },
    ],
    { kind: 'classification', classes: ['ok', 'broken'], probabilities: PROBABILITIES, labels: [1, 1, 0] },
  );
}

describe('a baseline built from columns', () => {
  it('has 64 bins of equal mass on continuous data, and 8 around them', () => {
    const n = 64_000;
    const feature = describeColumn(Float64Array.from({ length: n }, (_, i) => 300 + ((i * 7919) % n)));
    expect(feature.edges.length).toBe(MAX_CUTS);
    const inside = feature.refCounts.slice(TAIL_BINS + 1, -TAIL_BINS - 1);
    expect(inside.length).toBe(64);
    expect(Math.max(...inside) - Math.min(...inside)).toBeLessThanOrEqual(2);
    expect(sum(feature.refCounts)).toBe(n);
    expect(sum(feature.refCounts) - sum(inside)).toBeLessThanOrEqual(0.0011 * n);
    expect(feature.iqr).toBe(n / 2);
  });

  it('gives frequent values bins of their own', () => {
    const values = Float64Array.from({ length: 4000 }, (_, i) => (i % 10 === 0 ? 5 : ((i * 31) % 4000) / 100));
    const { edges, refCounts } = describeColumn(values);
    const at = edges.indexOf(5);
    expect(edges[at + 1]).toBe(nextUp(5));
    expect(refCounts[at + 1]).toBe(values.filter((x) => x === 5).length);
  });

  it('holds for any column: edges ascend as float32, all usable values are counted, and the document is read back', () => {
    const value = fc.oneof(
      fc.double({ min: -1e28, max: 1e28 }),
      fc.integer({ min: -3, max: 3 }),
      fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, 1e9, 1e-40, 0.1),
    );
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 120 }), (list) => {
        const usable = list.filter((x) => Number.isFinite(x)).length;
        const built = buildBaseline([{ name: 'x', values: Float64Array.from(list) }]);
        expect(built.ok).toBe(usable > 0);
        if (!built.ok) return;
        expect(parseBaseline(encodeBaseline(built.value))).toEqual({ ok: true, value: built.value });
        const feature = built.value.features[0];
        // Of 0 and 1 alone, both of them, a column is a truth value: a category with nothing to cut.
        const isTruth =
          list.includes(0) && list.includes(1) && list.every((x) => x === 0 || x === 1 || Number.isNaN(x));
        expect(feature?.kind).toBe(isTruth ? 'categorical' : 'numeric');
        if (feature?.kind !== 'numeric') return;
        expect(feature.edges).toEqual(feature.edges.map(Math.fround));
        expect([sum(feature.refCounts), feature.missing]).toEqual([usable, list.length - usable]);
      }),
      { examples: [[[0, 1]], [[1, 0, Number.NaN]], [[0, 1, Number.POSITIVE_INFINITY]]] },
    );
  });

  it('leaves values beyond the hard range out, and measures a constant in its own size', () => {
    const limited = build([{ name: 'x', values: Float64Array.of(1, 2, 500, -500), hardLow: 0, hardHigh: 10 }]);
    expect(limited.features[0]).toMatchObject({ missing: 2, refLow: 1, refHigh: 2, hardLow: 0, hardHigh: 10 });
    expect(describeColumn(Float64Array.of(5000, 5000, 5000))).toMatchObject({ iqr: 5, refLow: 5000, refHigh: 5000 });
    expect(describeColumn(Float64Array.of(0, 0)).iqr).toBe(1);
  });

  it('keeps the 256 most frequent categories', () => {
    const values = Array.from({ length: 600 }, (_, i) => (i < 300 ? `common${i % 100}` : `rare${i}`));
    const feature = build([{ name: 'c', values: [...values, undefined] }]).features[0];
    if (feature?.kind !== 'categorical') throw new Error('not categorical');
    expect(feature.dictionary.length).toBe(256);
    expect(feature.dictionary.slice(0, 100).every((text) => text.startsWith('common'))).toBe(true);
    expect(feature.refCounts.slice(-2)).toEqual([144, 1]);
    expect(sum(feature.refCounts)).toBe(601);
  });

  it('counts scores, answers and right answers', () => {
    const { output } = example();
    if (output?.kind !== 'classification') throw new Error('not a classification');
    expect(output.confidenceCounts.map(sum)).toEqual([1, 2]);
    expect(output.scoreCounts.map(sum)).toEqual([3, 3]);
    expect(output.correctCounts?.map(sum)).toEqual([0, 1]);
    expect(output.scoreCounts[1]?.[48]).toBe(1);
    expect(output.scoreCounts[0]?.length).toBe(SCORE_BINS);
  });

  it('is refused for columns and outputs that cannot be', () => {
    const one = { name: 'x', values: Float64Array.of(1, 2) };
    const scored = { kind: 'classification', classes: ['a', 'b'], probabilities: PROBABILITIES } as const;
    const attempts = [
      buildBaseline([one, one]),
      buildBaseline([{ ...one, name: '' }]),
      buildBaseline([one, { name: 'y', values: ['a'] }]),
      buildBaseline([{ name: 'x', values: Float64Array.of(Number.NaN) }]),
      buildBaseline([{ ...one, hardLow: 3, hardHigh: 2 }]),
      buildBaseline([{ name: 'x', values: Float64Array.of(1e35, 2e35) }]),
      buildBaseline([one], { ...scored, classes: ['a'] }),
      buildBaseline([one], { ...scored, classes: ['a', 'a'] }),
      buildBaseline([one], { ...scored, labels: [1] }),
      buildBaseline([one], { ...scored, probabilities: Float32Array.of(0.5, 1.5) }),
      buildBaseline([one], { kind: 'regression', predictions: new Float64Array(0) }),
      buildBaseline(Array.from({ length: 4097 }, (_, i) => ({ ...one, name: `f${i}` }))),
    ];
    for (const attempt of attempts) expect(attempt).toMatchObject({ ok: false, code: 'baseline_invalid' });
  });
});

describe('a baseline document', () => {
  it('shows cut points with the digits that a float32 has', () => {
    const text = decodeUtf8(encodeBaseline(example())) ?? '';
    expect(text).toContain('"type":"drover.baseline/1"');
    expect(text).toContain('20.1,');
    expect(text).not.toContain('20.100000381');
    expect(parseBaseline(encodeBaseline(example()))).toEqual({ ok: true, value: example() });
  });

  it('is refused as soon as one field does not hold', () => {
    const text = decodeUtf8(encodeBaseline(example())) ?? '';
    const changes: [RegExp, string][] = [
      [/baseline\/1/, 'baseline/2'],
      [/"rows":3/, '"rows":-1'],
      [/"rows":3/, '"rows":1e400'],
      [/"größe"/, '"temperature"'],
      [/"kind":"numeric"/, '"kind":"text"'],
      [/"edges":\[/, '"edges":[9e9,'],
      [/"edges":\[/, '"edges":[-1e31,'],
      [/"edges":\[[^\]]*\]/, '"edges":7'],
      [/"iqr":[^,]*/, '"iqr":0'],
      [/"refLow":[^,]*/, '"refLow":3'],
      [/"hardLow":-40/, '"hardLow":126'],
      [/"missing":0/, '"missing":0.5'],
      [/"dictionary":\["b","ä"\]/, '"dictionary":["ä","ä"]'],
      [/"dictionary":\["b","ä"\]/, '"dictionary":["ä"]'],
      [/"classes":\["ok","broken"\]/, '"classes":["ok"]'],
      [/"classes":\["ok","broken"\]/, '"classes":["ok","ok"]'],
      [/"kind":"classification"/, '"kind":"ranking"'],
      [/"correctCounts":\[\[0/, '"correctCounts":[[1'],
      [/"refCounts":\[0/, '"refCounts":[9007199254740991'],
      [/\}$/, ''],
    ];
    for (const [pattern, replacement] of changes) {
      const changed = text.replace(pattern, replacement);
      expect(changed).not.toBe(text);
      expect(parseBaseline(encodeUtf8(changed)), `${pattern}`).toMatchObject({ ok: false, code: 'baseline_invalid' });
    }
  });

  it('may hold fields of a later minor version', () => {
    const text = (decodeUtf8(encodeBaseline(example())) ?? '').replace('{', '{"later":[1],"__proto__":{"rows":1},');
    expect(parseBaseline(encodeUtf8(text))).toEqual({ ok: true, value: example() });
  });

  it('of any bytes or any JSON is answered, never thrown on', () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.json().map(encodeUtf8)), (bytes) => {
        expect(parseBaseline(bytes)).toMatchObject({ ok: false, code: 'baseline_invalid' });
      }),
      { numRuns: 1000 },
    );
    expect(parseBaseline(new Uint8Array(MAX_BASELINE_BYTES + 1)).ok).toBe(false);
    expect(parseBaseline(new Uint8Array(MAX_BASELINE_BYTES).fill(0x5b)).ok).toBe(false);
  });

  it('with any value changed is refused or is a baseline that is read back', () => {
    const bytes = encodeBaseline(example());
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 0x20, max: 0x7e }), (at, value) => {
        const changed = Uint8Array.from(bytes);
        changed[at] = value;
        const answer = parseBaseline(changed);
        if (answer.ok) expect(parseBaseline(encodeBaseline(answer.value))).toEqual(answer);
      }),
      { numRuns: 500 },
    );
  });
});

describe('UTF-8', () => {
  it('is the same as that of the platform, for any text and any bytes', () => {
    const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(encodeUtf8(text)).toEqual(new TextEncoder().encode(text));
        expect(decodeUtf8(encodeUtf8(text))).toBe(text);
      }),
    );
    const byte = fc.oneof(fc.nat(255), fc.constantFrom(0xc0, 0xc2, 0xe0, 0xed, 0xf0, 0xf4, 0x80, 0x9f, 0xa0, 0xbf));
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 6 }), (list) => {
        const bytes = Uint8Array.from(list);
        let expected: string | undefined;
        try {
          expected = strict.decode(bytes);
        } catch {
          expected = undefined;
        }
        expect(decodeUtf8(bytes)).toBe(expected);
      }),
      { numRuns: 3000 },
    );
  });
});
