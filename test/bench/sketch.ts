// Measures what counting one value costs and how many bytes a window takes, beside plain ways of doing it. Never asserts.

import { buildBaseline } from '@drover/sketch/baseline';
import { NumericSketch } from '@drover/sketch/numeric-sketch';
import { RefHist } from '@drover/sketch/ref-hist';
import { bindBaseline, decodeWindow, WindowSketch } from '@drover/sketch/window-sketch';

export interface BenchRow {
  name: string;
  value: number;
  unit: string;
  reference?: string;
  ratio?: number;
  budget?: string;
}

const FEATURES = 20;
const ROWS = 10_000;
const ROUNDS = 15;

/** Uniform numbers of a fixed sequence (mulberry32), so that every run measures the same data. */
function makeUniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Column f of the training or the live data: normal around an offset, log-normal, or codes 0..9. */
function makeColumn(f: number, seed: number): Float32Array {
  const uniform = makeUniform(seed * 1000 + f);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const shape = f % 4;
  return Float32Array.from({ length: ROWS }, () => {
    if (shape === 3) return Math.floor(uniform() * 10);
    return shape === 2 ? Math.exp(normal()) : 300 + f + 2 * normal();
  });
}

const columnsOf = (seed: number): Float32Array[] => Array.from({ length: FEATURES }, (_, f) => makeColumn(f, seed));

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
export async function bench(): Promise<{ title: string; rows: BenchRow[] }> {
  const training = columnsOf(1);
  const live = columnsOf(2);
  const scores = makeUniform(7);
  const probabilities = Float32Array.from({ length: ROWS }, () => scores() ** 3);
  const both = Float32Array.from({ length: 2 * ROWS }, (_, i) => {
    const p = probabilities[i >> 1] ?? 0;
    return i % 2 === 0 ? 1 - p : p;
  });
  const built = buildBaseline(
    training.map((values, f) => ({ name: `f${f}`, values })),
    { kind: 'classification', classes: ['ok', 'broken'], probabilities: both },
  );
  if (!built.ok) throw new Error(built.detail);
  const reference = bindBaseline(built.value, 'ab'.repeat(32));

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

  const matrix = new Float32Array(FEATURES * ROWS);
  for (let r = 0; r < ROWS; r++) for (let f = 0; f < FEATURES; f++) matrix[r * FEATURES + f] = live[f]?.[r] ?? 0;
  const window = new WindowSketch(reference);
  const rowNs = measure(FEATURES * ROWS, () => {
    window.reset();
    for (let r = 0; r < ROWS; r++) window.addRow(matrix, r * FEATURES);
  });
  const latencies = makeUniform(9);
  const times = Float64Array.from({ length: ROWS }, () => 80 * Math.exp(latencies()));
  for (let r = 0; r < ROWS; r++) window.addScores(probabilities, r, 1);
  for (let r = 0; r < ROWS; r++) window.addLatency(times[r] ?? 0);
  const bytes = window.encode();
  const raw = ROWS * (FEATURES + 1) * 4;

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
        reference: `bisect ${plainNs.toFixed(1)}`,
        ratio: histNs / plainNs,
        budget: '20',
      },
      {
        name: 'whole numeric set',
        value: setNs,
        unit: 'ns/value',
        reference: `Map of rounded ${mapNs.toFixed(1)}`,
        ratio: setNs / mapNs,
        budget: '40',
      },
      { name: 'whole numeric set by rows (addRow)', value: rowNs, unit: 'ns/value', budget: '40' },
      {
        name: 'window bytes',
        value: bytes.length,
        unit: 'B',
        reference: `raw float32 ${raw}`,
        ratio: bytes.length / raw,
        budget: '4096',
      },
      {
        name: 'window bytes against bins alone as JSON',
        value: bytes.length,
        unit: 'B',
        reference: `JSON ${json}`,
        ratio: bytes.length / json,
      },
      { name: 'encode', value: encodeNs / 1000, unit: 'µs/window' },
      { name: 'decode', value: decodeNs / 1000, unit: 'µs/window' },
      { name: 'merge', value: mergeNs / 1000 / FEATURES, unit: 'µs/feature', budget: '1' },
    ],
  };
}
