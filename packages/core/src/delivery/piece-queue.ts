// Decides which bytes of one artifact go to one device next, from what the device says is missing and what is on the way.
// Never sends and never reads a byte.

export interface PieceSizes {
  readonly chunkBytes: number;
  /** An eighth of a chunk. */
  readonly pieceBytes: number;
}

/** One message: a whole chunk, or one piece of it. */
export interface Unit {
  readonly index: number;
  readonly piece: number | undefined;
  readonly bytes: number;
}

/** What a device says: a byte a chunk from `first` on, a bit a missing piece. Chunks before `first` are there. */
export interface Missing {
  readonly first: number;
  readonly bitmap: Uint8Array;
  /** A new number: the device waits for nothing that was sent before. */
  readonly request: number;
}

interface Flying {
  /** Bits of the pieces. */
  readonly mask: number;
  readonly bytes: number;
  /** Counts messages: on one connection nothing overtakes. */
  readonly order: number;
}

/** Pieces of a chunk at most: the bits of a byte. */
const PIECES = 8;

export class PieceQueue {
  readonly chunks: number;
  /** Bytes of the artifact. */
  readonly size: number;
  readonly #sizes: PieceSizes;
  #missing: Missing = { first: 0, bitmap: new Uint8Array(), request: -1 };
  /** In the order sent. One chunk may fly in several messages. */
  #flying = new Map<string, Flying & { readonly index: number }>();
  #order = 0;
  #cursor = 0;

  /** @param size bytes of the artifact. */
  constructor(size: number, sizes: PieceSizes) {
    this.size = size;
    this.#sizes = sizes;
    this.chunks = Math.ceil(size / sizes.chunkBytes);
  }

  bytesOf(index: number): number {
    return Math.min(this.#sizes.chunkBytes, this.size - index * this.#sizes.chunkBytes);
  }

  #pieceBytesOf(index: number, piece: number): number {
    return Math.min(this.#sizes.pieceBytes, this.bytesOf(index) - piece * this.#sizes.pieceBytes);
  }

  #fullMask(index: number): number {
    return (1 << Math.ceil(this.bytesOf(index) / this.#sizes.pieceBytes)) - 1;
  }

  /** Pieces of a chunk that the device misses, as far as its last report says. */
  #missingOf(index: number): number {
    const { first, bitmap } = this.#missing;
    if (index < first || index >= this.chunks) return 0;
    return (bitmap[index - first] ?? 0) & this.#fullMask(index);
  }

  /** Takes a report. `arrived` and `lost` are bytes of what was on the way. */
  report(missing: Missing): { arrived: number; lost: number } {
    const isNew = missing.request !== this.#missing.request;
    this.#missing = missing;
    this.#cursor = missing.first;
    let arrived = 0;
    let newest = -1;
    for (const { index, mask, order } of this.#flying.values()) {
      if (this.#isBeyond(index) || (this.#missingOf(index) & mask) !== 0) continue;
      newest = Math.max(newest, order);
    }
    let lost = 0;
    for (const [key, { index, mask, bytes, order }] of this.#flying) {
      const isHere = !this.#isBeyond(index) && (this.#missingOf(index) & mask) === 0;
      if (isHere) arrived += bytes;
      // What was sent before something that came, and did not come itself, is lost.
      else if (isNew || order < newest) lost += bytes;
      else continue;
      this.#flying.delete(key);
    }
    return { arrived, lost };
  }

  /** Beyond what one report can tell of. */
  #isBeyond(index: number): boolean {
    return index >= this.#missing.first + this.#missing.bitmap.length;
  }

  /** True when the last report names nothing that is missing. */
  get isDone(): boolean {
    const { bitmap } = this.#missing;
    return bitmap.length > 0 && bitmap.every((mask) => mask === 0);
  }

  /** Chunks that the last report says are missing, whole or in part, or of which it does not tell. */
  isMissing(index: number): boolean {
    return (
      index >= this.#missing.first && index < this.chunks && (this.#isBeyond(index) || this.#missingOf(index) !== 0)
    );
  }

  /** Undefined when nothing fits into `room` bytes or nothing is left. A whole chunk is sent where it takes at most half of `window`. */
  next(room: number, window: number): Unit | undefined {
    const end = Math.min(this.chunks, this.#missing.first + this.#missing.bitmap.length);
    for (; this.#cursor < end; this.#cursor++) {
      const index = this.#cursor;
      let wanted = this.#missingOf(index);
      if (wanted === 0) continue;
      const whole = this.#flying.get(`${index}`);
      if (whole) continue;
      for (let piece = 0; wanted >> piece > 0; piece++)
        if (this.#flying.has(`${index}.${piece}`)) wanted &= ~(1 << piece);
      if (wanted === 0) continue;
      const bytes = this.bytesOf(index);
      if (wanted === this.#fullMask(index) && 2 * bytes <= window) {
        if (bytes > room) return undefined;
        return this.#send({ index, piece: undefined, bytes }, wanted);
      }
      const piece = 31 - Math.clz32(wanted & -wanted);
      const unit = { index, piece, bytes: this.#pieceBytesOf(index, piece) };
      return unit.bytes > room ? undefined : this.#send(unit, 1 << piece);
    }
    return undefined;
  }

  #send(unit: Unit, mask: number): Unit {
    const key = unit.piece === undefined ? `${unit.index}` : `${unit.index}.${unit.piece}`;
    this.#order += 1;
    this.#flying.set(key, { index: unit.index, mask, bytes: unit.bytes, order: this.#order });
    return unit;
  }

  /** Whether anything of a chunk is on the way to the device. */
  #isFlying(index: number): boolean {
    if (this.#flying.has(`${index}`)) return true;
    for (let piece = 0; piece < PIECES; piece++) if (this.#flying.has(`${index}.${piece}`)) return true;
    return false;
  }

  /** The device misses the chunk, and nothing of it is on the way: sent to it again it would come twice. */
  wants(index: number): boolean {
    return this.isMissing(index) && !this.#isFlying(index);
  }

  /** A whole chunk that the device wants goes to it beside others; the report will tell. */
  sendBeside(index: number): void {
    this.#send({ index, piece: undefined, bytes: this.bytesOf(index) }, this.#fullMask(index));
  }
}
