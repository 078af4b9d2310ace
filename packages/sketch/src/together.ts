// Owns how the numeric features of a model lie together: sums of their products, from which means, covariances and correlations follow.
// Never keeps a row.

import type { ByteReader, ByteWriter } from './codec.ts';
import { addCounts, subtractCounts } from './counts.ts';
import type { Sketch } from './sketch.ts';
import { splitMix } from './split-mix.ts';

/** More features than this are not multiplied with each other but projected first. */
export const MOST_MULTIPLIED = 32;
/** Sums of all features with random signs: distances keep within about a quarter (Achlioptas 2003). */
export const PROJECTIONS = 16;
/**
 * Values are taken in steps of a 32nd interquartile range from the median, up to six ranges. Whole numbers add exactly in any order; the
 * rounding adds less than 0.0001 to a variance of about a half.
 */
export const STEPS = 32;
const REACH = 6 * STEPS;
/** A projection of independent features varies as one of them does; dependent ones add up. */
const PROJECTED_REACH = 4 * REACH;

/** What of each numeric feature is needed, in the order of the rows. */
export interface TogetherFeature {
  readonly median: number;
  readonly iqr: number;
  readonly hardLow: number;
  readonly hardHigh: number;
}

export interface TogetherReference {
  readonly features: readonly TogetherFeature[];
  /** Numbers that are multiplied with each other: the features, or their projections. */
  readonly size: number;
  /** By projection and feature 1 or −1; undefined where features are multiplied themselves. */
  readonly signs: Int8Array | undefined;
}

/** @param seed of the projection; without one the features are multiplied themselves. */
export function prepareTogether(features: readonly TogetherFeature[], seed: number | undefined): TogetherReference {
  if (seed === undefined) return { features, size: features.length, signs: undefined };
  const signs = new Int8Array(PROJECTIONS * features.length);
  for (let i = 0; i < signs.length; i++) signs[i] = splitMix(seed, i) < 0 ? -1 : 1;
  return { features, size: PROJECTIONS, signs };
}

/** Rows that are added together. */
export const BLOCK_ROWS = 64;

/** Of a number within a thousand steps: a quarter of the time of Math.round. */
const round = (steps: number): number => ((steps + 4096.5) | 0) - 4096;

/** Sums over complete rows: those in which every numeric feature has a usable value. */
export class Together implements Sketch<Together> {
  readonly reference: TogetherReference;
  /** Σz by number, in steps. */
  readonly sums: Float64Array;
  /** Σz·z by pair, in squared steps: the lower triangle, row by row. */
  readonly products: Float64Array;
  private complete = 0;
  /** Number i of waiting row r at i·BLOCK_ROWS + r. */
  private readonly z: Int16Array;
  private readonly projected: Int16Array;
  private readonly isWhole = new Uint8Array(BLOCK_ROWS);

  constructor(reference: TogetherReference) {
    const { features, size, signs } = reference;
    this.reference = reference;
    this.sums = new Float64Array(size);
    this.products = new Float64Array((size * (size + 1)) / 2);
    this.z = new Int16Array(features.length * BLOCK_ROWS);
    this.projected = signs ? new Int16Array(size * BLOCK_ROWS) : this.z;
  }

  /** Complete rows. */
  get rows(): number {
    return this.complete;
  }

  /** @param x feature i of row r at i·64 + r. @param rows 0 to 64. */
  addBlock(x: Float32Array, rows: number): void {
    const { z, isWhole } = this;
    const { features } = this.reference;
    isWhole.fill(1);
    for (let i = 0; i < features.length; i++) {
      const { median, iqr, hardLow, hardHigh } = features[i] as TogetherFeature;
      const toSteps = STEPS / iqr;
      for (let r = 0; r < rows; r++) {
        const value = x[i * BLOCK_ROWS + r] as number;
        const isUsable = value >= hardLow && value <= hardHigh;
        if (!isUsable) isWhole[r] = 0;
        const steps = isUsable ? (value - median) * toSteps : 0;
        z[i * BLOCK_ROWS + r] = round(steps > REACH ? REACH : steps < -REACH ? -REACH : steps);
      }
    }
    let whole = 0;
    for (let r = 0; r < rows; r++) whole += isWhole[r] as number;
    this.complete += whole;
    if (whole < rows)
      for (let r = 0; r < rows; r++)
        if (isWhole[r] === 0) for (let i = 0; i < features.length; i++) z[i * BLOCK_ROWS + r] = 0;
    if (this.reference.signs) this.project(this.reference.signs, rows);
    this.multiply(rows);
  }

  /** Two numbers with two others at a time: each value is read from memory half as often. */
  private multiply(rows: number): void {
    const { sums, products, projected: numbers } = this;
    const { size } = this.reference;
    for (let i = 0; i < size; i += 2) {
      const a = i * BLOCK_ROWS;
      const isPair = i + 1 < size;
      // The last of an odd number goes with itself, and what that gives is left out.
      const b = isPair ? a + BLOCK_ROWS : a;
      let sumA = 0;
      let sumB = 0;
      for (let r = 0; r < rows; r++) {
        sumA += numbers[a + r] as number;
        sumB += numbers[b + r] as number;
      }
      sums[i] = (sums[i] as number) + sumA;
      if (isPair) sums[i + 1] = (sums[i + 1] as number) + sumB;
      const [rowA, rowB] = [(i * (i + 1)) / 2, ((i + 1) * (i + 2)) / 2];
      for (let j = 0; j <= i; j += 2) {
        const c = j * BLOCK_ROWS;
        const d = j + 1 < size ? c + BLOCK_ROWS : c;
        let ac = 0;
        let ad = 0;
        let bc = 0;
        let bd = 0;
        for (let r = 0; r < rows; r++) {
          const x = numbers[a + r] as number;
          const y = numbers[b + r] as number;
          const v = numbers[c + r] as number;
          const w = numbers[d + r] as number;
          ac += x * v;
          ad += x * w;
          bc += y * v;
          bd += y * w;
        }
        products[rowA + j] = (products[rowA + j] as number) + ac;
        if (j < i) products[rowA + j + 1] = (products[rowA + j + 1] as number) + ad;
        if (!isPair) continue;
        products[rowB + j] = (products[rowB + j] as number) + bc;
        products[rowB + j + 1] = (products[rowB + j + 1] as number) + bd;
      }
    }
  }

  private project(signs: Int8Array, rows: number): void {
    const count = this.reference.features.length;
    const share = 1 / Math.sqrt(count);
    for (let k = 0; k < PROJECTIONS; k++) {
      for (let r = 0; r < rows; r++) {
        let sum = 0;
        for (let i = 0; i < count; i++)
          sum += (signs[k * count + i] as number) * (this.z[i * BLOCK_ROWS + r] as number);
        const steps = Math.round(sum * share);
        this.projected[k * BLOCK_ROWS + r] =
          steps > PROJECTED_REACH ? PROJECTED_REACH : steps < -PROJECTED_REACH ? -PROJECTED_REACH : steps;
      }
    }
  }

  merge(other: Together): void {
    this.complete += other.complete;
    addCounts(this.sums, other.sums);
    addCounts(this.products, other.products);
  }

  subtract(other: Together): void {
    this.complete -= other.complete;
    subtractCounts(this.sums, other.sums);
    subtractCounts(this.products, other.products);
  }

  reset(): void {
    this.complete = 0;
    this.sums.fill(0);
    this.products.fill(0);
  }

  /** Rows, then signed sums, then products; without rows nothing more. */
  write(writer: ByteWriter): void {
    writer.varint(this.complete);
    if (this.complete === 0) return;
    for (const values of [this.sums, this.products])
      for (let i = 0; i < values.length; i++) {
        const value = values[i] as number;
        writer.varint(value < 0 ? -2 * value - 1 : 2 * value);
      }
  }

  /** Fills an empty instance. */
  read(reader: ByteReader): void {
    const rows = reader.varint();
    if (rows === 0) return;
    const reach = this.reference.signs ? PROJECTED_REACH : REACH;
    for (const [values, limit] of [
      [this.sums, rows * reach],
      [this.products, rows * reach * reach],
    ] as const)
      for (let i = 0; i < values.length; i++) {
        const raw = reader.varint();
        const value = raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
        // No rows can have such sums.
        if (!(Math.abs(value) <= limit)) reader.fail();
        values[i] = value;
      }
    if (!this.isPossible(rows)) reader.fail();
    this.complete = rows;
  }

  /** Cauchy and Schwarz: no product is above what its squares allow, no square of a sum above rows times the sum of squares. */
  private isPossible(rows: number): boolean {
    const { sums, products } = this;
    const squareOf = (i: number): number => products[(i * (i + 1)) / 2 + i] as number;
    const slack = 1 + 1e-9;
    for (let i = 0, place = 0; i < sums.length; i++) {
      const sum = sums[i] as number;
      if (squareOf(i) < 0 || sum * sum > rows * squareOf(i) * slack) return false;
      for (let j = 0; j <= i; j++, place++) {
        const product = products[place] as number;
        if (product * product > squareOf(i) * squareOf(j) * slack) return false;
      }
    }
    return true;
  }
}
