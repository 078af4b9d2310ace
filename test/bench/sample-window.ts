// Owns the window that several benches speak of: 20 features, 10,000 predictions, two classes. Always the same data.
import { createHash } from 'node:crypto';
import { buildBaseline, encodeBaseline } from '@drover/sketch/baseline';
import { bindBaseline, type WindowReference, WindowSketch } from '@drover/sketch/window-sketch';
import type { Entry } from '@drover/wire/messages';

export const FEATURES = 20;
export const ROWS = 10_000;
/** The same rows as float32: 20 features and one score. */
export const RAW_BYTES = ROWS * (FEATURES + 1) * 4;

/** Uniform numbers of a fixed sequence (mulberry32), so that every run measures the same data. */
export function makeUniform(seed: number): () => number {
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

export const columnsOf = (seed: number): Float32Array[] =>
  Array.from({ length: FEATURES }, (_, f) => makeColumn(f, seed));

/** Scores of class 1, and of both classes row by row. */
export function makeScores(): { positive: Float32Array; both: Float32Array } {
  const uniform = makeUniform(7);
  const positive = Float32Array.from({ length: ROWS }, () => uniform() ** 3);
  const both = Float32Array.from({ length: 2 * ROWS }, (_, i) => {
    const p = positive[i >> 1] ?? 0;
    return i % 2 === 0 ? 1 - p : p;
  });
  return { positive, both };
}

export function makeReference(): WindowReference {
  const built = buildBaseline(
    columnsOf(1).map((values, f) => ({ name: `f${f}`, values })),
    { kind: 'classification', classes: ['ok', 'broken'], probabilities: makeScores().both },
  );
  if (!built.ok) throw new Error(built.detail);
  return bindBaseline(built.value, createHash('sha256').update(encodeBaseline(built.value)).digest('hex'));
}

/** Live rows, one after another. */
export function makeMatrix(): Float32Array {
  const live = columnsOf(2);
  return Float32Array.from({ length: FEATURES * ROWS }, (_, i) => live[i % FEATURES]?.[Math.floor(i / FEATURES)] ?? 0);
}

/** Counts the 10,000 live rows, their scores and latencies in an empty window. */
export function fillWindow(window: WindowSketch, matrix: Float32Array): void {
  const { both } = makeScores();
  const uniform = makeUniform(9);
  for (let r = 0; r < ROWS; r++) {
    window.addRow(matrix, r * FEATURES);
    window.addScores(both, 2 * r, 2);
    window.addLatency(80 * Math.exp(uniform()));
  }
}

/** The bytes of one window as a device sends them. */
export function makeWindowBytes(): Uint8Array {
  const window = new WindowSketch(makeReference());
  fillWindow(window, makeMatrix());
  return window.encode();
}

/** Any id: outbox, boot. */
export const SAMPLE_ID = '0190f2a4c0de7000800000000000abcd';

/** The outbox entry that carries a window. `startAt` in ms since epoch. */
export const makeWindowEntry = (stats: Uint8Array, number: number, startAt: number, bootId = SAMPLE_ID): Entry => ({
  subject: '',
  at: startAt + 900_000,
  body: {
    kind: 'window',
    slot: 'default',
    role: 'active',
    manifest: 'ab'.repeat(32),
    bootId,
    number,
    startAt,
    revision: 0,
    endAt: startAt + 900_000,
    firstMono: 1,
    lastMono: 900_000,
    rows: 10_000,
    errors: 0,
    closedBy: 'boundary',
    stats,
  },
});
