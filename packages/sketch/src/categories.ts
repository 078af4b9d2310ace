// Owns counts of known categories by dictionary place, of other ones and of missing ones. Never keeps unknown text.

import type { ByteReader, ByteWriter } from './codec.ts';
import { addCounts, subtractCounts, sumCounts } from './counts.ts';
import type { Sketch } from './sketch.ts';

/** Counts for a dictionary of a baseline; the map from text to place is shared by all sketches of the feature. */
export class Categories implements Sketch<Categories> {
  /** One place for each dictionary entry, then other, then missing. */
  readonly counts: Float64Array;
  private readonly places: ReadonlyMap<string, number>;

  constructor(places: ReadonlyMap<string, number>) {
    this.places = places;
    this.counts = new Float64Array(places.size + 2);
  }

  /** @param value undefined is missing. */
  add(value: string | undefined): void {
    const size = this.places.size;
    const place = value === undefined ? size + 1 : (this.places.get(value) ?? size);
    this.counts[place] = (this.counts[place] as number) + 1;
  }

  get other(): number {
    return this.counts[this.places.size] as number;
  }

  get missing(): number {
    return this.counts[this.places.size + 1] as number;
  }

  get seen(): number {
    return sumCounts(this.counts);
  }

  merge(other: Categories): void {
    addCounts(this.counts, other.counts);
  }

  subtract(other: Categories): void {
    subtractCounts(this.counts, other.counts);
  }

  reset(): void {
    this.counts.fill(0);
  }

  write(writer: ByteWriter): void {
    writer.counts(this.counts);
  }

  /** Fills an empty instance. */
  read(reader: ByteReader): void {
    reader.counts(this.counts);
  }
}
