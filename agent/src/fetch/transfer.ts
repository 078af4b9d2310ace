// Owns one artifact on its way: every chunk of every source goes through `take`, which checks, writes and counts it. Never
// asks anyone for anything.
import type { ChunksHeld } from '@drover/core/delivery/chunk-map';
import { type Refusal, type Result, refuse } from '@drover/core/reasons';
import { CHUNK_BYTES } from '@drover/wire/limits';
import type { Source } from '@drover/wire/messages';
import type { BlobRef } from '../store/blobs.ts';
import type { PartFile } from '../store/part-file.ts';

/** Where chunks come from; counted apart. */
export type SourceName = Source['kind'] | 'mqtt' | 'broadcast';

export interface SourceCounts {
  chunks: number;
  bytes: number;
  bad: number;
  duplicate: number;
}

/** `full`: the disk took nothing more; the transfer is over. */
export type Taken = 'taken' | 'duplicate' | 'bad' | 'full';

export interface Transfer {
  readonly ref: BlobRef;
  readonly chunks: number;
  /** Chunks that are on the disk. */
  readonly held: ChunksHeld;
  /** Bytes that chunk `index` must have. */
  sizeOf(index: number): number;
  /** Checks a chunk and writes it in its place. A source whose chunk was `bad` is left by whoever runs it. */
  take(index: number, chunk: Uint8Array, from: SourceName): Taken;
  /** Ends it with the reason when the disk is full. */
  readonly trouble: Refusal | undefined;
}

/** One kind of way to the bytes. It takes what is missing and resolves when nothing is, or with why it cannot go on. */
export type FetchSource<K extends Source['kind'] = Source['kind']> = (
  source: Extract<Source, { kind: K }>,
  transfer: Transfer,
  signal: AbortSignal,
) => Promise<Result<undefined>>;

export type FetchSources = { readonly [K in Source['kind']]?: FetchSource<K> };

const NO_SPACE = new Set<unknown>(['ENOSPC', 'EDQUOT']);

export const isNoSpace = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && NO_SPACE.has(error.code);

export interface TransferDeps {
  readonly part: PartFile;
  readonly counts: (from: SourceName) => SourceCounts;
  /** A chunk was written: deadlines start again. */
  readonly onProgress: () => void;
}

export function makeTransfer(ref: BlobRef, { part, counts, onProgress }: TransferDeps): Transfer {
  const chunks = part.held.chunks;
  let trouble: Refusal | undefined;
  return {
    ref,
    chunks,
    held: part.held,
    get trouble() {
      return trouble;
    },
    sizeOf: (index) => Math.min(CHUNK_BYTES, ref.size - index * CHUNK_BYTES),
    take(index, chunk, from) {
      const count = counts(from);
      try {
        const written = part.write(index, chunk);
        if (written === 'taken') {
          count.chunks += 1;
          count.bytes += chunk.length;
          onProgress();
        } else count[written] += 1;
        return written;
      } catch (error) {
        if (!isNoSpace(error)) throw error;
        trouble = refuse('disk_full', `${ref.sha256.slice(0, 12)}… stopped at ${part.bytes} of ${ref.size} bytes.`);
        return 'full';
      }
    },
  };
}
