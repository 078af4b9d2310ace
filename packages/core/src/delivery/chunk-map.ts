// Owns which chunks of an artifact are there, in memory and as a record on the disk. Never touches a file.

/** What may be read of a ChunkMap by those who do not own it. */
export interface ChunksHeld {
  readonly chunks: number;
  readonly count: number;
  readonly isFull: boolean;
  has(index: number): boolean;
  /** The first chunk from `from` on that is missing; `chunks` when none is. */
  nextMissing(from: number): number;
}

/** One bit a chunk, the lowest bit of the first byte first. */
export class ChunkMap implements ChunksHeld {
  readonly chunks: number;
  readonly #bits: Uint8Array;
  #count = 0;

  /** `bits`: as `bytes` gives them; stray bits beyond the last chunk are dropped. */
  constructor(chunks: number, bits?: Uint8Array) {
    this.chunks = chunks;
    this.#bits = new Uint8Array(Math.ceil(chunks / 8));
    if (!bits) return;
    for (let index = 0; index < chunks; index++) if (((bits[index >> 3] ?? 0) >> (index & 7)) & 1) this.add(index);
  }

  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count === this.chunks;
  }

  has(index: number): boolean {
    return (((this.#bits[index >> 3] ?? 0) >> (index & 7)) & 1) === 1;
  }

  /** False when it was there already, or there is no such chunk. */
  add(index: number): boolean {
    if (!Number.isInteger(index) || index < 0 || index >= this.chunks || this.has(index)) return false;
    this.#bits[index >> 3] = (this.#bits[index >> 3] ?? 0) | (1 << (index & 7));
    this.#count += 1;
    return true;
  }

  nextMissing(from: number): number {
    let index = from;
    while (index < this.chunks && this.has(index))
      index += (index & 7) === 0 && this.#bits[index >> 3] === 0xff ? 8 : 1;
    return Math.min(index, this.chunks);
  }

  clone(): ChunkMap {
    return new ChunkMap(this.chunks, this.#bits);
  }

  bytes(): Uint8Array {
    return this.#bits.slice();
  }
}

/** "DPR1", little-endian. */
const MAGIC = 0x31_52_50_44;
const HEAD_BYTES = 12;
const CHECK_BYTES = 4;

/** Bytes of one progress record. */
export const progressBytes = (chunks: number): number => HEAD_BYTES + Math.ceil(chunks / 8) + CHECK_BYTES;

/** CRC-32 (IEEE 802.3, reflected 0xEDB88320): it finds what a power cut tears; nobody is kept from forging by it. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xff_ff_ff_ff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xed_b8_83_20 : 0);
  }
  return ~crc >>> 0;
}

/** A record: magic, chunks, sequence number, bits, CRC-32. `seq` tells the newer of two records; it wraps at 2^32. */
export function encodeProgress(map: ChunkMap, seq: number): Uint8Array {
  const record = new Uint8Array(progressBytes(map.chunks));
  const view = new DataView(record.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, map.chunks, true);
  view.setUint32(8, seq >>> 0, true);
  record.set(map.bytes(), HEAD_BYTES);
  view.setUint32(record.length - CHECK_BYTES, crc32(record.subarray(0, -CHECK_BYTES)), true);
  return record;
}

/** Undefined for anything but a whole record of exactly so many chunks. */
export function decodeProgress(record: Uint8Array, chunks: number): { map: ChunkMap; seq: number } | undefined {
  if (record.length !== progressBytes(chunks)) return undefined;
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  if (view.getUint32(0, true) !== MAGIC || view.getUint32(4, true) !== chunks) return undefined;
  if (view.getUint32(record.length - CHECK_BYTES, true) !== crc32(record.subarray(0, -CHECK_BYTES))) return undefined;
  return { map: new ChunkMap(chunks, record.subarray(HEAD_BYTES, -CHECK_BYTES)), seq: view.getUint32(8, true) };
}
