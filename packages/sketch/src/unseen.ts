// Owns which categories came that training never met, and how often each: a sample of them by the hash of their names, with exact
// counts. Never keeps a name.

import type { ByteReader, ByteWriter } from './codec.ts';
import { HASHES } from './siphash.ts';
import type { Sketch } from './sketch.ts';

/** Categories that are kept: up to so many all of them, of more those with the least hashes. */
export const UNSEEN_KEPT = 64;

/**
 * The categories with the least hashes, each with its exact count (bottom-k sketch: Cohen, Kaplan 2007; distinct values by Bar-Yossef et
 * al. 2002). Whoever is among the least of all is among the least of every part that it is in: so merging parts gives what
 * counting them together gives, to the bit, in any order. After `subtract` what was dropped before stays dropped.
 */
export class Unseen implements Sketch<Unseen> {
  private readonly counts = new Map<number, number>();
  /** Hashes below this are kept, all others dropped. */
  private below = HASHES;

  /** Kept categories: hash and how often. */
  get kept(): ReadonlyMap<number, number> {
    return this.counts;
  }

  /** Different categories. Exact up to 64; beyond estimated, without bias, with a standard error of an eighth. */
  get distinct(): number {
    return this.below === HASHES ? this.counts.size : this.counts.size * (HASHES / this.below);
  }

  /** How often the most frequent of those kept came. */
  get most(): number {
    let most = 0;
    for (const count of this.counts.values()) if (count > most) most = count;
    return most;
  }

  /** How often all of those kept came. */
  get total(): number {
    let total = 0;
    for (const count of this.counts.values()) total += count;
    return total;
  }

  get isEmpty(): boolean {
    return this.counts.size === 0 && this.below === HASHES;
  }

  /** @param hash whole number below 2^52. */
  add(hash: number): void {
    if (hash >= this.below) return;
    this.counts.set(hash, (this.counts.get(hash) ?? 0) + 1);
    if (this.counts.size > UNSEEN_KEPT) this.dropLargest();
  }

  private dropLargest(): void {
    let largest = 0;
    for (const hash of this.counts.keys()) if (hash > largest) largest = hash;
    this.counts.delete(largest);
    this.below = largest;
  }

  merge(other: Unseen): void {
    this.lower(other.below);
    for (const [hash, count] of other.counts)
      if (hash < this.below) {
        this.counts.set(hash, (this.counts.get(hash) ?? 0) + count);
        if (this.counts.size > UNSEEN_KEPT) this.dropLargest();
      }
  }

  subtract(other: Unseen): void {
    for (const [hash, count] of other.counts) {
      // It was dropped from the sum, and is not there to be taken from.
      if (hash >= this.below) continue;
      const left = (this.counts.get(hash) ?? 0) - count;
      if (left === 0) this.counts.delete(hash);
      else this.counts.set(hash, left);
    }
  }

  private lower(below: number): void {
    if (below >= this.below) return;
    this.below = below;
    for (const hash of this.counts.keys()) if (hash >= below) this.counts.delete(hash);
  }

  reset(): void {
    this.counts.clear();
    this.below = HASHES;
  }

  /** How many are kept; how far below 2^52 the limit is; by ascending hash the step from the one before, and its count. */
  write(writer: ByteWriter): void {
    writer.varint(this.counts.size);
    writer.varint(HASHES - this.below);
    let before = -1;
    for (const hash of [...this.counts.keys()].sort((a, b) => a - b)) {
      writer.varint(hash - before - 1);
      writer.varint(this.counts.get(hash) as number);
      before = hash;
    }
  }

  /** Fills an empty instance. */
  read(reader: ByteReader): void {
    const size = reader.varint(UNSEEN_KEPT);
    this.below = HASHES - reader.varint(HASHES);
    let hash = -1;
    for (let i = 0; i < size && !reader.failed; i++) {
      hash += 1 + reader.varint(HASHES);
      const count = reader.varint();
      if (hash >= this.below || count === 0) reader.fail();
      this.counts.set(hash, count);
    }
  }
}
