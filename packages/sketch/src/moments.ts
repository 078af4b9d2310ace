// Owns shifted power sums with minimum and maximum. Never keeps values.

import type { ByteReader, ByteWriter } from './codec.ts';
import { MAX_FLOAT32, nextDown, nextUp } from './float32.ts';
import type { Sketch } from './sketch.ts';

const N = 0;
const SUM = 1;
const SQUARES = 2;
const MIN = 3;
const MAX = 4;

/** The next multiple of an eighth of the power of two that is below |d|, strictly above d. */
function outwards(d: number): number {
  const step = 2 ** (Math.floor(Math.log2(Math.max(Math.abs(d), 2 ** -10))) - 3);
  return (Math.floor(d / step) + 1) * step;
}

/**
 * Σd and Σd² of d = (x − shift)/scale, with shift and scale the reference median and interquartile range: sums of numbers near
 * one keep their digits where Σx² of air temperatures in kelvin would lose them.
 */
export class Moments implements Sketch<Moments> {
  readonly shift: number;
  readonly scale: number;
  private readonly inverse: number;
  // One typed array: number fields of an object may be boxed anew at each store.
  private readonly state = new Float64Array(5);

  /** @param scale above 0, in the unit of x. */
  constructor(shift: number, scale: number) {
    this.shift = shift;
    this.scale = scale;
    this.inverse = 1 / scale;
    this.reset();
  }

  /** Adds a finite x and answers its d. */
  add(x: number): number {
    const { state } = this;
    const d = (x - this.shift) * this.inverse;
    state[N] = (state[N] as number) + 1;
    state[SUM] = (state[SUM] as number) + d;
    state[SQUARES] = (state[SQUARES] as number) + d * d;
    // Adding 0 makes -0 a 0: equal multisets have equal bytes whatever their order.
    if (x < (state[MIN] as number)) state[MIN] = x + 0;
    if (x > (state[MAX] as number)) state[MAX] = x + 0;
    return d;
  }

  get count(): number {
    return this.state[N] as number;
  }

  /** Σd, without unit. */
  get sum(): number {
    return this.state[SUM] as number;
  }

  /** Σd², without unit. */
  get squares(): number {
    return this.state[SQUARES] as number;
  }

  /** In the unit of x; NaN when empty. */
  get mean(): number {
    return this.shift + (this.scale * this.sum) / this.count;
  }

  /** Sample variance in the unit of x squared; NaN below two values. */
  get variance(): number {
    const n = this.count;
    if (n < 2) return Number.NaN;
    return (Math.max(0, this.squares - (this.sum * this.sum) / n) / (n - 1)) * this.scale * this.scale;
  }

  /** In the unit of x; +Infinity when empty. */
  get min(): number {
    return this.state[MIN] as number;
  }

  /** In the unit of x; -Infinity when empty. */
  get max(): number {
    return this.state[MAX] as number;
  }

  /** What Σd² cannot exceed with this count between these extremes, with room for rounding: bytes that claim more are damaged. */
  get squaresLimit(): number {
    const reach = Math.max(Math.abs(this.min - this.shift), Math.abs(this.max - this.shift)) * this.inverse;
    return this.count * reach * reach * (1 + 1e-9);
  }

  /**
   * Rounds the extremes outwards, to the next eighth of their power of two in units of the scale: no value that was read is
   * among them any more, and the bounds still hold.
   */
  blurExtremes(): void {
    if (this.count === 0) return;
    const { state } = this;
    const low = Math.fround(this.shift - this.scale * outwards((this.shift - this.min) * this.inverse));
    const high = Math.fround(this.shift + this.scale * outwards((this.max - this.shift) * this.inverse));
    // A scale far below the step between two float32 numbers does not move them.
    state[MIN] = Math.max(-MAX_FLOAT32, Math.min(low, nextDown(this.min)));
    state[MAX] = Math.min(MAX_FLOAT32, Math.max(high, nextUp(this.max)));
  }

  merge(other: Moments): void {
    const { state } = this;
    for (let i = N; i <= SQUARES; i++) state[i] = (state[i] as number) + (other.state[i] as number);
    state[MIN] = Math.min(this.min, other.min);
    state[MAX] = Math.max(this.max, other.max);
  }

  subtract(other: Moments): void {
    const { state } = this;
    for (let i = N; i <= SQUARES; i++) state[i] = (state[i] as number) - (other.state[i] as number);
    state[SQUARES] = Math.max(0, this.squares);
    // Nothing left has no rounding residue and no extremes.
    if (state[N] === 0) this.reset();
  }

  reset(): void {
    this.state.fill(0);
    this.state[MIN] = Number.POSITIVE_INFINITY;
    this.state[MAX] = Number.NEGATIVE_INFINITY;
  }

  /** Nothing when empty; the count is that of the histogram written before. Extremes are float32, as the values were. */
  write(writer: ByteWriter): void {
    if (this.count === 0) return;
    writer.float64(this.sum);
    writer.float64(this.squares);
    writer.float32(this.min);
    writer.float32(this.max);
  }

  /** Fills an empty instance. */
  read(reader: ByteReader, count: number): void {
    if (count === 0) return;
    const { state } = this;
    state[N] = count;
    state[SUM] = reader.float64();
    state[SQUARES] = reader.float64();
    state[MIN] = reader.float32() + 0;
    state[MAX] = reader.float32() + 0;
    const limit = this.squaresLimit;
    const possible = this.squares >= 0 && this.squares <= limit && this.sum * this.sum <= limit * count;
    if (this.min > this.max || !possible) reader.fail();
  }
}
