// Measures what a window of drift costs: bytes on the wire, and nanoseconds to read, observe and fold. Never asserts.
import { observeNumeric } from '@drover/core/drift/observe';
import { type FeatureState, foldWindow, newFeature } from '@drover/core/drift/verdict';
import { drawReference, openNullFeature } from '@drover/sim/streams/null-fleet';
import { decodeWindow, WindowSketch } from '@drover/sketch/window-sketch';
import { makeGround } from './fleet.ts';
import { medianOf, say, show, type Table } from './table.ts';

const FEATURES = 20;
const WINDOWS = 200;
const ROUNDS = 9;

function makeWindows(rows: number) {
  const ground = makeGround(Array.from({ length: FEATURES }, (_, f) => drawReference(f, 'normal', 5000)));
  const features = Array.from({ length: FEATURES }, (_, f) => openNullFeature(1, `f${f}`, 'normal'));
  const columns = features.map(() => new Float64Array(rows));
  const sketch = new WindowSketch(ground.reference);
  const row = new Float32Array(FEATURES);
  const sent = Array.from({ length: WINDOWS }, () => {
    for (const [f, feature] of features.entries()) feature.fill(columns[f] as Float64Array);
    sketch.reset();
    for (let r = 0; r < rows; r++) {
      for (let f = 0; f < FEATURES; f++) row[f] = (columns[f] as Float64Array)[r] as number;
      sketch.addRow(row, 0);
    }
    return sketch.encode();
  });
  return { ground, sent };
}

export function measureCost(): Table {
  say('cost');
  const rows = [100, 1000, 10_000].map((size) => {
    const { ground, sent } = makeWindows(size);
    const decoded = new WindowSketch(ground.reference);
    const times: Record<'decode' | 'observe' | 'fold', number[]> = { decode: [], observe: [], fold: [] };
    for (let round = 0; round < ROUNDS; round++) {
      const states: FeatureState[] = Array.from({ length: FEATURES }, () => newFeature());
      let [decode, observe, fold] = [0, 0, 0];
      for (const bytes of sent) {
        const at = [performance.now()];
        const read = decodeWindow(bytes, ground.reference, decoded);
        if (!read.ok) throw new Error(read.detail);
        at.push(performance.now());
        const { numeric } = read.value;
        const seen = ground.trainings.map(({ feature }, f) =>
          observeNumeric(numeric[f] as (typeof numeric)[number], feature),
        );
        at.push(performance.now());
        for (let f = 0; f < FEATURES; f++)
          states[f] = foldWindow(states[f] as FeatureState, seen[f] as (typeof seen)[number]).state;
        at.push(performance.now());
        const [a, b, c, d] = at as [number, number, number, number];
        decode += b - a;
        observe += c - b;
        fold += d - c;
      }
      // The first rounds are not compiled yet.
      if (round < 2) continue;
      const each = 1e6 / (WINDOWS * FEATURES);
      times.decode.push(decode * each);
      times.observe.push(observe * each);
      times.fold.push(fold * each);
    }
    const mean = sent.reduce((sum, bytes) => sum + bytes.length, 0) / sent.length;
    const raw = size * FEATURES * 4;
    return [
      show(size),
      show(mean),
      show(raw / mean),
      ...(['decode', 'observe', 'fold'] as const).map((what) => show(medianOf(times[what]))),
    ];
  });
  return {
    title: `What a window of ${FEATURES} numeric features costs`,
    heads: [
      'rows',
      'bytes',
      'times smaller than its rows',
      'decode, ns a feature',
      'observe, ns a feature',
      'fold, ns a feature',
    ],
    rows,
    notes: [`Median of ${ROUNDS - 2} rounds of ${WINDOWS} windows; bytes without transport and signature.`],
  };
}
