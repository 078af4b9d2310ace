// Owns the counters of values that could not be counted on the bins, and the longest unchanged run. Never judges them.

import type { ByteReader, ByteWriter } from './codec.ts';
import { addCounts, subtractCounts, sumCounts } from './counts.ts';
import type { Sketch } from './sketch.ts';

/** Why a value is NaN in the row: absent, given as NaN, or of a wrong type. */
export const ABSENT = 0;
export const GIVEN_NAN = 1;
export const WRONG_TYPE = 2;

const POSITIVE_INFINITY = 3;
const NEGATIVE_INFINITY = 4;
const BELOW_HARD = 5;
const ABOVE_HARD = 6;
const COUNTERS = 7;

/** What one feature's unusable values were. "Seen" and the counts beyond the reference range follow from the histogram and stand in NumericSketch. */
export class Validity implements Sketch<Validity> {
  readonly counts = new Float64Array(COUNTERS);
  /** Last value, length of its run, longest run. */
  private readonly runs = new Float64Array([Number.NaN, 0, 0]);

  /** A usable value: follows the run of equal values. Runs do not cross windows. */
  follow(x: number): void {
    const { runs } = this;
    if (x === runs[0]) {
      const run = (runs[1] as number) + 1;
      runs[1] = run;
      if (run > (runs[2] as number)) runs[2] = run;
      return;
    }
    runs[0] = x;
    runs[1] = 1;
    if (runs[2] === 0) runs[2] = 1;
  }

  /** @param cause ABSENT, GIVEN_NAN or WRONG_TYPE; anything else counts as absent. It ends a run only if a value follows. */
  addNotANumber(cause: number): void {
    this.count(cause === GIVEN_NAN || cause === WRONG_TYPE ? cause : ABSENT);
  }

  /** A value outside the hard range, or infinite. */
  addBeyond(x: number, below: boolean): void {
    if (x === Number.POSITIVE_INFINITY) this.count(POSITIVE_INFINITY);
    else if (x === Number.NEGATIVE_INFINITY) this.count(NEGATIVE_INFINITY);
    else this.count(below ? BELOW_HARD : ABOVE_HARD);
  }

  get missing(): number {
    return this.counts[ABSENT] as number;
  }
  get notANumber(): number {
    return this.counts[GIVEN_NAN] as number;
  }
  get wrongType(): number {
    return this.counts[WRONG_TYPE] as number;
  }
  get positiveInfinity(): number {
    return this.counts[POSITIVE_INFINITY] as number;
  }
  get negativeInfinity(): number {
    return this.counts[NEGATIVE_INFINITY] as number;
  }
  get belowHard(): number {
    return this.counts[BELOW_HARD] as number;
  }
  get aboveHard(): number {
    return this.counts[ABOVE_HARD] as number;
  }
  /** All values that are not in the histogram. */
  get unusable(): number {
    return sumCounts(this.counts);
  }
  /** Longest run of equal usable values within one window; merging keeps the longest. */
  get longestRun(): number {
    return this.runs[2] as number;
  }

  /** After a subtraction: no run is longer than the values that are left. */
  capRun(usable: number): void {
    if (this.longestRun > usable) this.runs[2] = usable;
  }

  merge(other: Validity): void {
    addCounts(this.counts, other.counts);
    this.runs[2] = Math.max(this.longestRun, other.longestRun);
  }

  subtract(other: Validity): void {
    subtractCounts(this.counts, other.counts);
  }

  reset(): void {
    this.counts.fill(0);
    this.runs[0] = Number.NaN;
    this.runs[1] = 0;
    this.runs[2] = 0;
  }

  write(writer: ByteWriter): void {
    writer.counts(this.counts);
    writer.varint(this.longestRun);
  }

  /** Fills an empty instance. */
  read(reader: ByteReader): void {
    reader.counts(this.counts);
    this.runs[2] = reader.varint();
  }

  private count(place: number): void {
    this.counts[place] = (this.counts[place] as number) + 1;
  }
}
