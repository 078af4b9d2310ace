// Owns the sum that shows autocorrelation: squares of means of consecutive values. Never keeps more than 32 of them.

import type { ByteReader, ByteWriter } from './codec.ts';
import type { Sketch } from './sketch.ts';

const MAX_OPEN = 32;
const FILL = 0;
const SUM = 1;
const SIZE = 2;
const CLOSED = 3;
const SETTLED_BATCHES = 4;
const SETTLED_SQUARES = 5;
const HEAD = 6;

/**
 * Batch means (Flegal and Jones 2010) for a stream whose length is not known before: batches of a values, 16 to 32 of them; when
 * there are 32, neighbours are joined and a doubles. What goes out is additive: the number B of batches and Q = Σ (batch sum)²/a,
 * the last batch with as many values as it has. With n and Σd of the same values, (Q − (Σd)²/n)/(B − 1) estimates the long-run
 * variance, also after windows of different a were merged. Batches never cross windows, so this part of a window depends on where the window was cut.
 */
export class BatchMeans implements Sketch<BatchMeans> {
  private readonly state = new Float64Array(HEAD + MAX_OPEN);

  constructor() {
    this.reset();
  }

  /** @param d a finite value, centred near zero by the caller. */
  add(d: number): void {
    const { state } = this;
    const fill = (state[FILL] as number) + 1;
    state[SUM] = (state[SUM] as number) + d;
    state[FILL] = fill;
    if (fill === state[SIZE]) this.closeBatch();
  }

  /** B, the number of batches. */
  get batches(): number {
    const { state } = this;
    return (state[SETTLED_BATCHES] as number) + (state[CLOSED] as number) + (state[FILL] === 0 ? 0 : 1);
  }

  /** Q = Σ (batch sum)²/(batch size). */
  get squares(): number {
    const { state } = this;
    const size = state[SIZE] as number;
    let open = 0;
    for (let i = 0; i < (state[CLOSED] as number); i++) open += (state[HEAD + i] as number) ** 2 / size;
    if (state[FILL] !== 0) open += (state[SUM] as number) ** 2 / (state[FILL] as number);
    return (state[SETTLED_SQUARES] as number) + open;
  }

  /**
   * Variance inflation of the mean: long-run variance over sample variance; the effective number of values is n/max(1, this).
   * NaN where there are fewer than 8 batches or no spread. @param moments of the same values.
   */
  inflation(moments: { readonly count: number; readonly sum: number; readonly squares: number }): number {
    const { count, sum, squares } = moments;
    if (this.batches < 8) return Number.NaN;
    const centre = (sum * sum) / count;
    const variance = (squares - centre) / (count - 1);
    if (!(variance > 0)) return Number.NaN;
    return Math.max(0, this.squares - centre) / (this.batches - 1) / variance;
  }

  merge(other: BatchMeans): void {
    this.state[SETTLED_BATCHES] = (this.state[SETTLED_BATCHES] as number) + other.batches;
    this.state[SETTLED_SQUARES] = (this.state[SETTLED_SQUARES] as number) + other.squares;
  }

  subtract(other: BatchMeans): void {
    const batches = this.batches - other.batches;
    const squares = this.squares - other.squares;
    this.reset();
    this.state[SETTLED_BATCHES] = batches;
    this.state[SETTLED_SQUARES] = batches === 0 ? 0 : Math.max(0, squares);
  }

  reset(): void {
    this.state.fill(0);
    this.state[SIZE] = 1;
  }

  /** Nothing for no values. @param count number of values, as the reader will know it. */
  write(writer: ByteWriter, count: number): void {
    if (count === 0) return;
    writer.varint(this.batches);
    writer.float64(this.squares);
  }

  /** Fills an empty instance. @param count number of values, 0 for none. @param limit what Σd², and so Q, cannot exceed. */
  read(reader: ByteReader, count: number, limit: number): void {
    if (count === 0) return;
    const batches = reader.varint(count);
    const squares = reader.float64();
    if (batches === 0 || !(squares >= 0 && squares <= limit)) reader.fail();
    this.state[SETTLED_BATCHES] = batches;
    this.state[SETTLED_SQUARES] = squares;
  }

  private closeBatch(): void {
    const { state } = this;
    const closed = state[CLOSED] as number;
    state[HEAD + closed] = state[SUM] as number;
    state[FILL] = 0;
    state[SUM] = 0;
    if (closed + 1 < MAX_OPEN) {
      state[CLOSED] = closed + 1;
      return;
    }
    for (let i = 0; i < MAX_OPEN / 2; i++) {
      state[HEAD + i] = (state[HEAD + 2 * i] as number) + (state[HEAD + 2 * i + 1] as number);
    }
    state[CLOSED] = MAX_OPEN / 2;
    state[SIZE] = (state[SIZE] as number) * 2;
  }
}
