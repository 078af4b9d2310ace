// Owns counts of known categories by dictionary place, of other ones together and by hash, and of missing ones. Never keeps
// unknown text.

import type { ByteReader, ByteWriter } from './codec.ts';
import { addCounts, subtractCounts, sumCounts } from './counts.ts';
import { SipHash, type SipKey } from './siphash.ts';
import type { Sketch } from './sketch.ts';
import { Unseen } from './unseen.ts';

/** Counts for a dictionary of a baseline; the map from text to place is shared by all sketches of the feature. */
export class Categories implements Sketch<Categories> {
  /** One place for each dictionary entry, then other, then missing. */
  readonly counts: Float64Array;
  /** Those that are not in the dictionary, one by one. */
  readonly unseen = new Unseen();
  private readonly places: ReadonlyMap<string, number>;
  private readonly hasher: SipHash;

  /** @param key of the hashes of other categories: sketches meet usefully only where it is the same. */
  constructor(places: ReadonlyMap<string, number>, key: SipKey) {
    this.places = places;
    this.hasher = new SipHash(key);
    this.counts = new Float64Array(places.size + 2);
  }

  /** @param value undefined is missing. */
  add(value: string | undefined): void {
    const size = this.places.size;
    const place = value === undefined ? size + 1 : (this.places.get(value) ?? size);
    this.counts[place] = (this.counts[place] as number) + 1;
    if (place === size) this.unseen.add(this.hasher.hash(value as string));
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
    this.unseen.merge(other.unseen);
  }

  subtract(other: Categories): void {
    subtractCounts(this.counts, other.counts);
    this.unseen.subtract(other.unseen);
  }

  reset(): void {
    this.counts.fill(0);
    this.unseen.reset();
  }

  /** Without the others one by one: they are a part of their own. */
  write(writer: ByteWriter): void {
    writer.counts(this.counts);
  }

  /** Fills an empty instance. */
  read(reader: ByteReader): void {
    reader.counts(this.counts);
  }
}
