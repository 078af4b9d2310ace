// Owns the file of one artifact that is being brought: chunks in place and in any order, and a record of those that are
// there, which never claims more than is durable. Never fetches and never decides what to bring.
import { createHash, timingSafeEqual } from 'node:crypto';
import { closeSync, existsSync, fdatasync, fdatasyncSync, fstatSync, ftruncateSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs'; // biome-ignore format: one list
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import {
  ChunkMap,
  type ChunksHeld,
  decodeProgress,
  encodeProgress,
  progressBytes,
} from '@drover/core/delivery/chunk-map';
import { accept, type Result, refuse } from '@drover/core/reasons';
import { CHUNK_BYTES } from '@drover/wire/limits';
import { syncDir } from './durable-file.ts';

export interface PartRef {
  readonly sha256: string;
  readonly size: number;
}

export type Written = 'taken' | 'duplicate' | 'bad';

export interface PartFile {
  readonly held: ChunksHeld;
  /** Bytes that are there. */
  readonly bytes: number;
  /**
   * Puts one chunk in its place. `bad`: it is not the chunk that the list of hashes names, or has another size; nothing was
   * written. Throws what the disk throws, also for an earlier chunk that could not be flushed.
   */
  write(index: number, chunk: Uint8Array): Written;
  /** A chunk that is there and was checked by its hash; undefined for any other. */
  read(index: number): Uint8Array | undefined;
  /** Checks the digest of the whole, then moves the file in place; wrong bytes are thrown away. */
  finish(): Promise<Result<undefined>>;
  /** Keeps what is there for the next try. */
  close(): void;
}

/** At most this much is fetched again after a power cut. */
const SYNC_EVERY_BYTES = 1024 * 1024;
const HASH_BYTES = 32;
/** Two records that are written in turn and flushed, so that a torn one leaves the other, and one that is only a hint. */
const HINT = 2;

export const mapFileOf = (partFile: string): string => `${partFile}.map`;

function readRecord(fd: number, slot: number, chunks: number): { map: ChunkMap; seq: number } | undefined {
  const record = new Uint8Array(progressBytes(chunks));
  const n = readSync(fd, record, 0, record.length, slot * record.length);
  return n === record.length ? decodeProgress(record, chunks) : undefined;
}

/** What the records say: `durable` is on the disk for certain, `hint` may be and has to be looked at. */
function readRecords(fd: number, chunks: number) {
  const slots = [readRecord(fd, 0, chunks), readRecord(fd, 1, chunks)].filter((record) => record !== undefined);
  const durable = slots.toSorted((a, b) => b.seq - a.seq)[0];
  return { durable, hint: readRecord(fd, HINT, chunks) };
}

/** Chunks that the records of a part that is not open claim; nothing is looked at. */
export function peekHeld(partFile: string, chunks: number): ChunkMap | undefined {
  if (!existsSync(mapFileOf(partFile)) || !existsSync(partFile)) return undefined;
  const fd = openSync(mapFileOf(partFile), 'r');
  try {
    const { durable, hint } = readRecords(fd, chunks);
    return hint?.map ?? durable?.map;
  } finally {
    closeSync(fd);
  }
}

const isSame = (chunk: Uint8Array, list: Uint8Array, index: number): boolean =>
  timingSafeEqual(
    createHash('sha256').update(chunk).digest(),
    list.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES),
  );

class OpenPart implements PartFile {
  readonly #ref: PartRef;
  readonly #file: string;
  readonly #target: string;
  readonly #list: Uint8Array | undefined;
  readonly #fd: number;
  readonly #mapFd: number;
  readonly #held: ChunkMap;
  #seq: number;
  /** Of the whole, as far as chunks came in order. */
  readonly #hash = createHash('sha256');
  #hashed = 0;
  #unsynced = 0;
  #isFlushing = false;
  #isClosed = false;
  #trouble: Error | undefined;

  constructor(
    ref: PartRef,
    file: string,
    target: string,
    list: Uint8Array | undefined,
    fds: { readonly data: number; readonly map: number },
    start: { readonly held: ChunkMap; readonly seq: number },
  ) {
    this.#ref = ref;
    this.#file = file;
    this.#target = target;
    this.#list = list;
    this.#fd = fds.data;
    this.#mapFd = fds.map;
    this.#held = start.held;
    this.#seq = start.seq;
  }

  get held(): ChunksHeld {
    return this.#held;
  }

  get bytes(): number {
    const { chunks, count } = this.#held;
    const hasLast = chunks > 0 && this.#held.has(chunks - 1);
    return count * CHUNK_BYTES - (hasLast ? chunks * CHUNK_BYTES - this.#ref.size : 0);
  }

  #sizeOf(index: number): number {
    return Math.min(CHUNK_BYTES, this.#ref.size - index * CHUNK_BYTES);
  }

  write(index: number, chunk: Uint8Array): Written {
    if (this.#trouble) throw this.#trouble;
    if (!Number.isInteger(index) || index < 0 || index >= this.#held.chunks) return 'bad';
    if (this.#held.has(index)) return 'duplicate';
    if (chunk.length !== this.#sizeOf(index)) return 'bad';
    if (this.#list && !isSame(chunk, this.#list, index)) return 'bad';
    this.#put(this.#fd, chunk, index * CHUNK_BYTES);
    this.#held.add(index);
    // Without a flush it survives the end of the process, not of the power: at the next start its chunks are looked at.
    this.#put(this.#mapFd, encodeProgress(this.#held, 0), HINT * progressBytes(this.#held.chunks));
    if (index === this.#hashed) {
      this.#hash.update(chunk);
      this.#hashed += 1;
    }
    this.#unsynced += chunk.length;
    if (this.#unsynced >= SYNC_EVERY_BYTES) this.#flush();
    return 'taken';
  }

  #put(fd: number, bytes: Uint8Array, at: number): void {
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, at + done);
  }

  /** In the background: the record that is written after the data was flushed tells of no chunk that came later. */
  #flush(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.#unsynced = 0;
    const safe = this.#held.clone();
    const end = (error: NodeJS.ErrnoException | null): void => {
      this.#isFlushing = false;
      if (error) this.#trouble = error;
      if (this.#isClosed) this.#closeFiles();
    };
    fdatasync(this.#fd, (error) => {
      if (error) return end(error);
      try {
        this.#seq += 1;
        this.#put(this.#mapFd, encodeProgress(safe, this.#seq), (this.#seq % 2) * progressBytes(safe.chunks));
      } catch (thrown) {
        // A full disk, said by the next write.
        return end(thrown as NodeJS.ErrnoException);
      }
      return fdatasync(this.#mapFd, end);
    });
  }

  read(index: number): Uint8Array | undefined {
    if (this.#isClosed || !this.#list || !this.#held.has(index)) return undefined;
    return this.#readChunk(index);
  }

  #readChunk(index: number): Uint8Array {
    const chunk = Buffer.allocUnsafe(this.#sizeOf(index));
    let done = 0;
    while (done < chunk.length) {
      const n = readSync(this.#fd, chunk, done, chunk.length - done, index * CHUNK_BYTES + done);
      if (n === 0) return chunk.subarray(0, done);
      done += n;
    }
    return chunk;
  }

  async finish(): Promise<Result<undefined>> {
    const { sha256, size } = this.#ref;
    if (!this.#held.isFull) {
      const { bytes } = this;
      this.#discard();
      return refuse('artifact_size_mismatch', `${sha256.slice(0, 12)}… has ${bytes} bytes and not ${size}.`);
    }
    for (; this.#hashed < this.#held.chunks; this.#hashed++) {
      this.#hash.update(this.#readChunk(this.#hashed));
      // Predictions are answered by the same thread.
      await turn();
    }
    const digest = this.#hash.digest('hex');
    if (digest !== sha256) {
      this.#discard();
      return refuse('artifact_digest_mismatch', `${sha256.slice(0, 12)}… came as ${digest.slice(0, 12)}….`);
    }
    fdatasyncSync(this.#fd);
    this.close();
    renameSync(this.#file, this.#target);
    rmSync(mapFileOf(this.#file), { force: true });
    syncDir(path.dirname(this.#file));
    return accept(undefined);
  }

  #discard(): void {
    this.close();
    // The record first: a record without bytes would be believed.
    rmSync(mapFileOf(this.#file), { force: true });
    rmSync(this.#file, { force: true });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (!this.#isFlushing) this.#closeFiles();
  }

  #closeFiles(): void {
    closeSync(this.#fd);
    closeSync(this.#mapFd);
  }
}

/**
 * Opens or goes on with a part. Chunks that the durable record claims are believed; those that only the hint names, or all
 * that the file may hold when no record can be read, are believed by their hash. Without a list of hashes only the durable
 * record counts. @param list 32 bytes for each chunk, checked by its own digest.
 */
export async function openPartFile(
  ref: PartRef,
  files: { readonly part: string; readonly target: string },
  list: Uint8Array | undefined,
): Promise<PartFile> {
  const { part, target } = files;
  if (!existsSync(part)) rmSync(mapFileOf(part), { force: true });
  const isNew = !existsSync(part);
  const data = openForUpdate(part);
  let map: number | undefined;
  try {
    map = openForUpdate(mapFileOf(part));
    if (isNew) syncDir(path.dirname(part));
    const start = await lookAt(ref, data, map, list);
    return new OpenPart(ref, part, target, list, { data, map }, start);
  } catch (error) {
    for (const fd of [data, map]) if (fd !== undefined) closeSync(fd);
    throw error;
  }
}

const openForUpdate = (file: string): number => openSync(file, existsSync(file) ? 'r+' : 'w+', 0o600);

async function lookAt(ref: PartRef, data: number, map: number, list: Uint8Array | undefined) {
  const chunks = Math.ceil(ref.size / CHUNK_BYTES);
  const { durable, hint } = readRecords(map, chunks);
  const held = new ChunkMap(chunks);
  const length = fstatSync(data).size;
  if (length > ref.size) ftruncateSync(data, ref.size);
  const whole = length >= ref.size ? chunks : Math.floor(length / CHUNK_BYTES);
  for (let index = 0; index < whole; index++) {
    if (durable?.map.has(index)) held.add(index);
    else if (list && (hint?.map.has(index) ?? true)) {
      const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, ref.size - index * CHUNK_BYTES));
      readSync(data, chunk, 0, chunk.length, index * CHUNK_BYTES);
      if (isSame(chunk, list, index)) held.add(index);
      await turn();
    }
  }
  return { held, seq: durable?.seq ?? 0 };
}
