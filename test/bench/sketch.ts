// Measures what counting one value costs and how many bytes a window takes, beside plain ways of doing it. Never asserts.

import { NumericSketch } from '@drover/sketch/numeric-sketch';
import { RefHist } from '@drover/sketch/ref-hist';
import { decodeWindow, WindowSketch } from '@drover/sketch/window-sketch';
import { atMost, type BenchReport } from './report.ts';
import { columnsOf, FEATURES, fillWindow, makeMatrix, makeReference, RAW_BYTES, ROWS } from './sample-window.ts';

const ROUNDS = 15;

/** Median nanoseconds for each of `operations` over some rounds, after two to warm up. */
function measure(operations: number, run: () => void): number {
  const times: number[] = [];
  for (let round = -2; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    run();
    if (round >= 0) times.push(Number(process.hrtime.bigint() - start) / operations);
  }
  return times.sort((a, b) => a - b)[ROUNDS >> 1] ?? Number.NaN;
}

function makePlain(cuts: Float64Array): (x: number) => void {
  const counts = new Float64Array(cuts.length + 1);
  return (x) => {
    let from = 0;
    let to = cuts.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (x >= (cuts[middle] ?? 0)) from = middle + 1;
      else to = middle;
    }
    counts[from] = (counts[from] ?? 0) + 1;
  };
}

/** Rows beside a budget; the budget is printed, not enforced. */
export async function bench(): Promise<BenchReport> {
  const live = columnsOf(2);
  const reference = makeReference();

  const hists = reference.numeric.map((n) => new RefHist(n.edges));
  const plain = reference.numeric.map((n) => makePlain(n.edges.cuts));
  const tallies = live.map(() => new Map<number, number>());
  const numeric = reference.numeric.map((n) => new NumericSketch(n));
  const overColumns = (add: (f: number, values: Float32Array) => void): number =>
    measure(FEATURES * ROWS, () => {
      for (let f = 0; f < FEATURES; f++) add(f, live[f] ?? new Float32Array(0));
    });
  const histNs = overColumns((f, values) => {
    const hist = hists[f];
    for (let i = 0; i < values.length; i++) hist?.add(values[i] as number);
  });
  const plainNs = overColumns((f, values) => {
    const add = plain[f];
    for (let i = 0; i < values.length; i++) add?.(values[i] as number);
  });
  const mapNs = overColumns((f, values) => {
    const tally = tallies[f];
    for (const x of values) tally?.set(Math.round(x), (tally.get(Math.round(x)) ?? 0) + 1);
  });
  const setNs = overColumns((f, values) => {
    const sketch = numeric[f];
    for (let i = 0; i < values.length; i++) sketch?.add(values[i] as number, 0);
  });

  const matrix = makeMatrix();
  const window = new WindowSketch(reference);
  const rowNs = measure(FEATURES * ROWS, () => {
    window.reset();
    for (let r = 0; r < ROWS; r++) window.addRow(matrix, r * FEATURES);
  });
  window.reset();
  fillWindow(window, matrix);
  const bytes = window.encode();

  const encodeNs = measure(50, () => {
    for (let i = 0; i < 50; i++) window.encode();
  });
  const spare = new WindowSketch(reference);
  const decodeNs = measure(50, () => {
    for (let i = 0; i < 50; i++) decodeWindow(bytes, reference, spare);
  });
  const roll = new WindowSketch(reference);
  const mergeNs = measure(200, () => {
    for (let i = 0; i < 200; i++) roll.merge(window);
  });
  const json = JSON.stringify(window.numeric.map((n) => [...n.hist.counts])).length;

  return {
    title: 'Sketch: one value, one window (20 features, 10k predictions, two classes)',
    rows: [
      {
        name: 'histogram',
        value: histNs,
        unit: 'ns/value',
        reference: { name: 'plain bisect', value: plainNs },
        budget: atMost(20),
      },
      {
        name: 'whole numeric set',
        value: setNs,
        unit: 'ns/value',
        reference: { name: 'Map of rounded values', value: mapNs },
        budget: atMost(40),
      },
      { name: 'whole numeric set by rows (addRow)', value: rowNs, unit: 'ns/value', budget: atMost(40) },
      {
        name: 'window bytes',
        value: bytes.length,
        unit: 'B',
        reference: { name: 'raw float32 rows', value: RAW_BYTES },
        budget: atMost(4096),
      },
      {
        name: 'window bytes against bins alone as JSON',
        value: bytes.length,
        unit: 'B',
        reference: { name: 'JSON', value: json },
      },
      { name: 'encode', value: encodeNs / 1000, unit: 'µs/window' },
      { name: 'decode', value: decodeNs / 1000, unit: 'µs/window' },
      { name: 'merge', value: mergeNs / 1000 / FEATURES, unit: 'µs/feature', budget: atMost(1) },
    ],
  };
}
